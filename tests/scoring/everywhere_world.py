"""Random policies with the lists they know, and the ways in which the product judges payments by them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from unittest.mock import patch

from django.db import transaction
from django.db.models import Max
from django.utils.timezone import now
from hypothesis import strategies as st

from scoring.backtesting.trial import Trial
from scoring.decisioning import codes_met
from scoring.features.live import MemoryStore
from scoring.ml.line_up import LineUp
from scoring.models import Decision, NamedList, Policy, Rescoring, RescoringDue, ShadowChange, ShadowRuleFigures
from scoring.rules.language import Condition, compile_condition
from scoring.services import decider, decisions, lists, policy, reproduction, rescoring
from scoring.services.backtest_history import History, Period
from scoring.services.decider import decide_for_callers
from scoring.services.decisions import decide_transactions
from scoring.services.lists import add_list_entry
from scoring.services.policy import BandDraft, RuleDraft, forget_policy, write_parts
from scoring.services.reproduction import reproduce
from scoring.services.shadow import judge_in_shadow
from scoring.transaction import Transaction, encode
from tests.factories import DAY, MINUTE, NOON, make_user
from tests.memory_stream import MemoryStream
from tests.scoring.payments import AmountModel, arrive, writer
from tests.scoring.rule_world import VALUES, Row, conditions, rows
from tests.streams.flow import drain, worker_on

_number = count(1)
CODES = ("r0", "r1", "r2", "r3")
# Fails when it is asked about a payment in dollars.
FRAGILE = "merchant_country <> 'XX' AND amount > 100"


@dataclass(frozen=True)
class Entry:
    """What stands on a list."""

    list_name: str
    entity: str
    value: str
    days: int | None


@dataclass(frozen=True)
class Scene:
    """A policy, what stands on lists, and the payments that come, in their order."""

    rules: tuple[RuleDraft, ...]
    numbers: Mapping[str, Any]
    bands: tuple[BandDraft, ...]
    lists: Mapping[str, str]
    entries: tuple[Entry, ...]
    payments: tuple[Transaction, ...]


@dataclass(frozen=True)
class Said:
    """What a payment was, or would be, told."""

    outcome: str
    hits: tuple[str, ...]
    failures: tuple[str, ...]


Answers = dict[str, Said]


def scenes() -> st.SearchStrategy[Scene]:
    return st.builds(
        Scene, rules_of_a_policy(), numbers_of_a_policy(), bands(),
        st.dictionaries(st.sampled_from(("block", "allow", "mules", "risky")),
                        st.sampled_from(("decline", "approve", "review"))),
        st.lists(entries(), max_size=4).map(tuple),
        rows(most=6).map(payments_of),
    )  # fmt: skip


def rules_of_a_policy() -> st.SearchStrategy[tuple[RuleDraft, ...]]:
    doing = st.tuples(st.sampled_from(("", "review", "decline")), st.sampled_from((-80, 0, 60, 120))).filter(any)
    text = conditions(VALUES).map(lambda said: said.rule) | st.just(FRAGILE)
    days = st.sampled_from((None, None, -1, 1))
    return st.lists(st.tuples(text, doing, days, st.integers(0, 9)), max_size=len(CODES)).map(
        lambda drawn: tuple(
            RuleDraft(
                CODES[place], expression, outcome, "{amount}", is_enabled=one_in_ten > 0, points=points,
                expires_at=None if days is None else now() + timedelta(days=days),
            )
            for place, (expression, (outcome, points), days, one_in_ten) in enumerate(drawn)
        )
    )  # fmt: skip


def thresholds() -> st.SearchStrategy[tuple[float, float]]:
    return st.lists(st.sampled_from((0.02, 0.125, 0.5, 0.9, 1.0)), min_size=2, max_size=2).map(sorted).map(tuple)


def numbers_of_a_policy() -> st.SearchStrategy[dict[str, Any]]:
    points = st.sampled_from(((50, 100), (100, 200), (60, 60)))
    return st.tuples(thresholds(), points).map(
        lambda drawn: {
            "review_threshold": drawn[0][0], "decline_threshold": drawn[0][1],
            "review_points": drawn[1][0], "decline_points": drawn[1][1],
        }
    )  # fmt: skip


def bands() -> st.SearchStrategy[tuple[BandDraft, ...]]:
    amounts = st.lists(st.sampled_from(("0", "2", "12.50", "499.99")), unique=True, max_size=2)
    return st.tuples(amounts, st.sampled_from(("EUR", "USD")), thresholds()).map(
        lambda drawn: tuple(BandDraft(drawn[1], Decimal(amount), *drawn[2]) for amount in drawn[0])
    )


def entries() -> st.SearchStrategy[Entry]:
    named = st.sampled_from((
        ("card", "card-1"), ("customer", "c"), ("customer", "FR"), ("merchant", "m-1"), ("country", "FR"),
        ("country", "DE"), ("device", "d-1"), ("ip", "192.0.2.0/24"), ("card_prefix", "card"), ("card", "other"),
    ))  # fmt: skip
    plain = st.tuples(st.sampled_from(("block", "allow", "mules", "risky")), named, st.sampled_from((None, 1, -1)))
    snoozed = st.tuples(st.sampled_from(CODES).map("snooze:{}".format), named, st.sampled_from((1, -1)))
    return (plain | snoozed).map(lambda drawn: Entry(drawn[0], *drawn[1], drawn[2]))


def payments_of(given: Sequence[Row]) -> tuple[Transaction, ...]:
    """Their payments, all of which came some time ago, some in dollars and from a listed network."""
    made = []
    for place, row in enumerate(given):
        payment = row.payment()
        values = {name: getattr(payment, name) for name in payment.__struct_fields__}
        values |= {"occurred_at": min(payment.occurred_at, NOON), "currency": "USD" if place % 3 == 1 else "EUR"}
        values |= {"ip_address": "192.0.2.7" if place % 2 else None, "transaction_id": f"e-{next(_number)}"}
        made.append(Transaction(**values))
    return tuple(made)


# --- the product, set up --------------------------------------------------------------------------------------------


@contextmanager
def set_up(scene: Scene) -> Iterator[Policy]:
    """The policy in force, lists as they stand, a model; afterwards as if nothing had been."""
    model = AmountModel()
    with (
        transaction.atomic(),
        patch.object(policy, "compile_condition", _fragile),
        patch.object(decisions, "line_up", lambda: LineUp(model)),
        patch.object(reproduction, "past_model", lambda version: model),
        patch.object(decider, "sync_store", MemoryStore),
    ):
        _stand_on_lists(scene.entries)
        yield make_version(scene, Policy.Status.LIVE)
        transaction.set_rollback(True)


def _fragile(text: str) -> Condition:
    condition = compile_condition(text)
    if text != FRAGILE:
        return condition

    def holds(columns: Any) -> Any:
        if (columns.read("currency") == columns.codes_of(["USD"])).any():
            raise ArithmeticError(text)
        return condition.holds(columns)

    return Condition(holds, condition.fields)


def _stand_on_lists(given: Sequence[Entry]) -> None:
    author = make_user("manager", username=f"m-{next(_number)}")
    for name in ("block", "allow", "mules", "risky", *(f"snooze:{code}" for code in CODES)):
        NamedList.objects.get_or_create(name=name, defaults={"title": name})
    for one in given:
        expires_at = None if one.days is None else now() + timedelta(days=one.days)
        # What is over by now was entered while it was to come.
        with patch.object(lists, "now", lambda: now() - timedelta(days=2)):
            add_list_entry(
                list_name=one.list_name, entity=one.entity, value=one.value, reason="x", expires_at=expires_at,
                author=author,
            )  # fmt: skip


def make_version(scene: Scene, status: str) -> Policy:
    """A version of what the scene says."""
    forget_policy()
    newest = Policy.objects.aggregate(newest=Max("version"))["newest"] or 0
    made = Policy.objects.create(version=newest + 1, note="drawn", **scene.numbers)
    write_parts(made, rules=scene.rules, bands=scene.bands, lists=scene.lists)
    began: dict[str, datetime] = {"published_at" if status == Policy.Status.LIVE else "shadow_since": NOON}
    Policy.objects.filter(id=made.id).update(status=status, **began)
    made.refresh_from_db()
    return made


@contextmanager
def undone() -> Iterator[None]:
    """What is decided inside is forgotten afterwards: the next way decides the same payments."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def recorded(scene: Scene) -> Answers:
    found = Decision.objects.filter(transaction_id__in=[one.transaction_id for one in scene.payments])
    return {one.transaction_id: Said(one.outcome, tuple(one.rule_hits), tuple(one.rule_failures)) for one in found}


# --- the ways -------------------------------------------------------------------------------------------------------


def in_one_batch(scene: Scene, live: Policy) -> Answers:
    received_at = now()
    decide_transactions([arrive(one, at=received_at) for one in scene.payments], writer=writer())
    return recorded(scene)


def by_calls_one_at_a_time(scene: Scene, live: Policy) -> Answers:
    store = MemoryStore()
    with patch.object(decider, "sync_store", lambda: store):
        for one in scene.payments:
            decide_for_callers([arrive(one, at=now(), source="api")])
    return recorded(scene)


def by_the_stream(scene: Scene, live: Policy) -> Answers:
    stream = MemoryStream(partitions=1)
    stream.publish("transactions", [(one.card_id, encode(one)) for one in scene.payments])
    drain(worker_on(stream, MemoryStore()))
    return recorded(scene)


def made_again(scene: Scene, live: Policy) -> Answers:
    """What was recorded, where reproduction finds the same."""
    said = in_one_batch(scene, live)
    again = reproduce(list(Decision.objects.filter(transaction_id__in=list(said))))
    assert [(one.differences, one.missing) for one in again if not one.same] == []
    return said


def in_shadow(scene: Scene, live: Policy) -> Answers:
    """The same version in shadow, of payments that were all decided otherwise: each is a change it names."""
    said = in_one_batch(scene, live)
    other = {"approve": "review", "review": "decline", "decline": "approve"}
    for name, one in said.items():
        Decision.objects.filter(transaction_id=name).update(outcome=other[one.outcome])
    twin = make_version(scene, Policy.Status.SHADOW)
    judge_in_shadow(list(Decision.objects.filter(transaction_id__in=list(said)).values_list("id", flat=True)))
    changes = ShadowChange.objects.filter(policy=twin).select_related("decision")
    # Which payment a rule failed on is not kept: only how often.
    figures = ShadowRuleFigures.objects.filter(policy=twin, failures__gt=0).values_list("code", "failures")
    assert Counter(dict(figures)) == Counter(code for one in said.values() for code in one.failures)
    return {
        one.decision.transaction_id: Said(
            one.outcome, tuple(one.rule_hits), said[one.decision.transaction_id].failures
        )
        for one in changes
    }  # fmt: skip


def scored_again(scene: Scene, live: Policy) -> Answers:
    """What scoring them again finds, as if they had been decided without a model."""
    said = in_one_batch(scene, live)
    RescoringDue.objects.bulk_create(
        RescoringDue(decision=one, parts=["model"]) for one in Decision.objects.filter(transaction_id__in=list(said))
    )
    with patch.object(rescoring, "champion", AmountModel):
        rescoring.rescore_due(at=now())
    return {
        one.decision.transaction_id: Said(one.outcome, tuple(one.rule_hits), tuple(one.rule_failures))
        for one in Rescoring.objects.filter(decision__transaction_id__in=list(said)).select_related("decision")
    }


def in_a_backtest(scene: Scene, live: Policy) -> Answers:
    """The version tried on the record of what it decided, a few payments at a time."""
    names = dict(Decision.objects.values_list("id", "transaction_id")) if in_one_batch(scene, live) else {}
    times = [one.occurred_at for one in scene.payments] or [NOON]
    period = Period(min(times), max(times) + MINUTE, labels_as_of=now(), maturity=DAY)
    judging = policy.compile_policy(live)
    answers: Answers = {}
    for read in History(period, chunk_rows=4).chunks():
        judged = Trial(draft=judging, baseline=judging).look(read.chunk).draft.judged
        hits = codes_met(judging, judged.hits, read.chunk.listed)
        for row, decision_id in enumerate(read.chunk.ids.tolist()):
            failures = [judging.rules[rule].code for rule in judged.failed[row].nonzero()[0]]
            answers[names[decision_id]] = Said(judged.outcomes[row], tuple(hits.get(row, ())), tuple(failures))
    return answers


# Each decides or judges the payments of a scene under the version in force, and tells what each was told.
WAYS = (
    in_one_batch, by_calls_one_at_a_time, by_the_stream, made_again, in_shadow, scored_again, in_a_backtest,
)  # fmt: skip
