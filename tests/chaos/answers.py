"""What callers were answered beside what is stored."""

import http.client
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from scoring.api.answers import encoder
from scoring.models import Decision
from scoring.queries import as_recorded, transaction_of
from scoring.transaction import decode
from tests.chaos.counting import Outcome
from tests.chaos.crowd import NO_ANSWER, Answer


def compare_answers(outcome: Outcome, answers: Sequence[Answer], *, is_each_heard: bool = True) -> list[Decision]:
    """Each answer says what is stored, and one of an id that it decided it; the decisions.

    is_each_heard: no answer was lost on its way, so that somebody was told of each decision that it is new.
    """
    stored = _stored({answer.sent.transaction_id for answer in answers})
    told: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for answer in answers:
        told[answer.sent.transaction_id][answer.status] += 1
        decision = stored.get(answer.sent.transaction_id)
        if answer.is_decided:
            _compare(outcome, answer, decision)
        elif answer.status == 409 and answer.is_final:
            _compare_conflict(outcome, answer, decision)
    outcome.miss("lost", told.keys() - stored.keys(), "was sent until it was answered and is not stored")
    outcome.miss("twice", [name for name, found in told.items() if found[201] > 1], "was new more than once")
    if is_each_heard:
        outcome.miss("lost", [name for name, found in told.items() if not found[201]], "was new to nobody")
    statuses = Counter(answer.status for answer in answers)
    outcome.require(statuses.keys() <= {NO_ANSWER, 200, 201, 409, 503}, f"answered {dict(statuses)}")
    outcome.done |= {_name(status): number for status, number in sorted(statuses.items())}
    return list(stored.values())


def compare_reads(outcome: Outcome, port: int, key: str, decisions: Iterable[Decision]) -> None:
    """`GET decisions/{id}/` gives what is stored."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for decision in decisions:
            name = decision.transaction_id
            connection.request("GET", f"/api/v1/decisions/{name}/", headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            found = json.loads(answer.read())
            wanted = _as_json(decision)
            is_so = answer.status == 200 and found.items() >= wanted.items() and found["transaction"] == decision.record
            outcome.miss("wrong", [] if is_so else [name], "is read otherwise than it is stored")
            outcome.done["read again"] = outcome.done.get("read again", 0) + 1


def _stored(names: set[str]) -> dict[str, Decision]:
    found = Decision.objects.filter(transaction_id__any=sorted(names))
    return {decision.transaction_id: decision for decision in found}


def _compare(outcome: Outcome, answer: Answer, decision: Decision | None) -> None:
    name = answer.sent.transaction_id
    if decision is None:
        outcome.miss("lost", [name], f"was answered {answer.status} and is not stored")
        return
    told, wanted = json.loads(answer.text), _as_json(decision)
    fields = [field for field in told.keys() | wanted.keys() if told.get(field) != wanted.get(field)]
    outcome.miss("wrong", [name] if fields else [], f"was answered with other {', '.join(sorted(fields))}")
    outcome.miss("wrong", [] if _is_content(answer, decision) else [name], "was decided for another content")


def _compare_conflict(outcome: Outcome, answer: Answer, decision: Decision | None) -> None:
    is_wrong = decision is None or _is_content(answer, decision)
    outcome.miss("wrong", [answer.sent.transaction_id] if is_wrong else [], "was called in conflict with itself")


def _is_content(answer: Answer, decision: Decision) -> bool:
    return decode(answer.sent.body, received_at=datetime.now(UTC)) == transaction_of(decision)


def _as_json(decision: Decision) -> dict[str, Any]:
    shape: dict[str, Any] = json.loads(encoder.encode(as_recorded(decision)))
    return shape


def _name(status: int) -> str:
    return "without answer" if status == NO_ANSWER else f"answered {status}"
