"""What each call of the API needs to succeed: a payment, a case in each state, and a body."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.test import Client
from django.utils.timezone import now
from drf_spectacular.generators import SchemaGenerator

from cases.models import ApprovalLimit
from cases.services import verdicts
from cases.services.verdict_effects import settle_due
from scoring.models import Decision
from scoring.services.keys import issue_key
from tests.cases.explanations_at_hand import make_explanation
from tests.factories import HOUR, make_case, make_decision, make_queue, make_user
from tests.scoring.api_calls import DECISIONS, Caller
from tests.scoring.payments import fields_of, publish

PUBLISHED = SchemaGenerator().get_schema(request=None, public=True)
# Each call by its operation id, as it is published.
PUBLISHED_CALLS = {call["operationId"]: call for calls in PUBLISHED["paths"].values() for call in calls.values()}


def scope_of(call: str) -> str:
    (security,) = PUBLISHED_CALLS[call]["security"]
    scope: str = security["apiKey"][0]
    return scope


CASE_OF = {
    "approve_verdict": "waiting",
    "refuse_verdict": "waiting",
    "undo_verdict": "said",
    "reopen_case": "decided",
}


@dataclass(frozen=True)
class World:
    """Something of each kind that a call may name."""

    program: Any
    path: dict[str, dict[str, str]]
    verdict_id: int
    at: datetime

    def path_of(self, call: str) -> dict[str, str]:
        return self.path[CASE_OF.get(call, "open")]

    def good_body(self, call: str) -> Any:
        """What the call takes in this world; else the example it publishes, if it takes anything."""
        body = PUBLISHED_CALLS[call].get("requestBody")
        examples = (body or {}).get("content", {}).get("application/json", {}).get("examples", {})
        example = next(iter(examples.values()), {}).get("value", {}) if body else None
        return {
            "approve_verdict": {"verdict_id": self.verdict_id},
            "claim_case": {},
            "decide_case": {"verdict": "legitimate", "note": "The cardholder says so."},
            "label": example
            and {
                **example,
                "transaction_id": "t-1",
                "known_at": "2026-11-20T12:00:00Z",
                "asserted_at": "2026-11-18T09:00:00Z",
            },
            "move_case": {"queue": "large"},
            "next_case": {},
            "refuse_verdict": {"verdict_id": self.verdict_id, "reason": "Ask first."},
            "snooze_case": {"until": (self.at + HOUR / 2).isoformat(), "reason": "The bank calls back."},
        }.get(call, example)


def make_world() -> World:
    publish()
    program, said_by, at = make_user("lead", username="program"), make_user(), now()
    caller = Caller(Client(), issue_key(name="first", scopes=["decide"]))
    caller.post(DECISIONS, fields_of(transaction_id="t-1", device_id="d-1", amount=2000))
    make_explanation(Decision.objects.get(transaction_id="t-1"))
    make_queue("large")
    ApprovalLimit.objects.create(verdict="fraud", amount=0)
    cases = {name: _case_of(name, at) for name in ("open", *set(CASE_OF.values()))}
    waiting = verdicts.record(case=cases["waiting"], analyst=said_by, verdict="fraud", decided_at=at)
    verdicts.record(case=cases["decided"], analyst=said_by, verdict="inconclusive", decided_at=at - HOUR)
    settle_due(now=at)
    verdicts.record(case=cases["said"], analyst=program, verdict="inconclusive", decided_at=at)
    path = {name: {"id": str(case.id), "transaction_id": "t-1"} for name, case in cases.items()}
    return World(program, path, waiting.id, at)


def _case_of(name: str, at: datetime):
    decision = make_decision(card_id=f"card-{name}", transaction_id=f"of-{name}", occurred_at=at - HOUR)
    make_explanation(decision)
    return make_case(decisions=[decision], opened_at=at - HOUR, due_at=at + HOUR)
