"""Cases that were decided and are to be reviewed again."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils.timezone import now

from cases.models import Case, CaseEvent, Check, Queue
from cases.services import checks, claims, verdict_effects, verdicts
from cases.services.review_settings import change_settings
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_decision, make_label

# The views read the clock: the first verdict was given yesterday.
THEN = now() - DAY
ALWAYS_SECOND, ALWAYS_KNOWN, NEVER = 0.1, 0.0, 0.99


def review_everything(**others: object) -> None:
    """Every decided case is reviewed again."""
    change_settings(values={"second_share": 1.0, "second_rate": 0.5, "known_rate": 0.05, **others}, displays={})


def decided_case(
    analyst: User, *, verdict: str = "fraud", decided_at: datetime = NOON, typology: str = "", note: str = "", **others
) -> Case:
    """A case the analyst claimed a minute before they decided it; the verdict has taken effect."""
    case = make_case(**{"opened_at": decided_at - HOUR, "due_at": decided_at + HOUR, **others})
    claims.claim(case=case, analyst=analyst, now=decided_at - timedelta(seconds=60))
    said = verdicts.record(
        case=case, analyst=analyst, verdict=verdict, typology=typology, note=note, decided_at=decided_at
    )
    assert said.effects_at is not None
    verdict_effects.settle(said.id, now=said.effects_at)
    case.refresh_from_db()
    return case


def take(
    analyst: User, *, draw: float = ALWAYS_SECOND, now: datetime = NOON + MINUTE, queue: Queue | None = None
) -> Check | None:
    return checks.take_next(analyst=analyst, now=now, draw=draw, queue=queue)


def in_review(alice: User, bob: User) -> Case:
    """A case of yesterday with a verdict, a note, a later chargeback and other things; bob has it for review."""
    review_everything()
    waiting = make_case(card_id="card-of-the-queue", due_at=now() + HOUR)
    decision = make_decision(card_id="card-blind", transaction_id="t-blind", occurred_at=THEN - HOUR)
    case = decided_case(
        alice, decided_at=THEN, decisions=[decision], typology="stolen_card", note="a thief, said the customer"
    )
    make_label(decision, known_at=THEN + HOUR)
    CaseEvent.objects.create(case=case, kind="note", actor=alice, happened_at=THEN + HOUR, text="the thief was caught")
    assert waiting.status == "open"
    take(bob, now=now())
    return case
