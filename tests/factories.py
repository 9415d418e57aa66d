"""People, decisions and cases with fixed values; whatever a test is about it names itself."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import count
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User

from cases.models import Alert, Case, CaseEvent, Queue
from cases.services import alerts
from cases.services.queues import default_queue, placement
from scoring.models import Decision, Label, Outcome

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REASONS = [
    {"code": "card_count_1h", "words": "7 payments in the last hour; 1 is usual", "contribution": 1.8},
    {"code": "merchant_risk", "words": "The shop has almost no fraud", "contribution": -0.6},
]
PASSWORD = "correct horse battery"
_PEOPLE = {"analyst": "alice", "lead": "bob", "manager": "mia", "auditor": "aude", None: "mallory"}
_number = count(1)


def make_user(role: str | None = "analyst", *, username: str = "") -> User:
    """A person with a role (None: in no group): alice reviews, bob leads, mia manages, aude audits."""
    user = User.objects.create(
        username=username or _PEOPLE[role], password=_hashed_password(), is_staff=role in {"manager", "auditor"}
    )
    if role is not None:
        user.groups.add(Group.objects.get(name=role))
    return user


def make_service_account(role: str = "analyst", *, username: str = "desk-bot") -> User:
    """An account that a program acts for and nobody can sign in to."""
    user = make_user(role, username=username)
    user.set_unusable_password()
    user.save()
    return user


@cache
def _hashed_password() -> str:
    """Hashing is slow on purpose, a fifth of a second each time; people of tests share their password and its hash."""
    return make_password(PASSWORD)


def make_decision(**overrides: Any) -> Decision:
    number = next(_number)
    occurred_at = overrides.get("occurred_at", NOON)
    values: dict[str, Any] = {
        "transaction_id": f"t{number:06d}",
        "occurred_at": occurred_at,
        "received_at": occurred_at,
        "decided_at": occurred_at,
        "amount": Decimal("1249.00"),
        "currency": "EUR",
        "card_id": "card-7731",
        "merchant_id": "m-nordic",
        "merchant_name": "Nordic Electronics",
        "merchant_category": "5732",
        "device_id": "device-1",
        "ip_address": "192.0.2.7",
        "record": {"channel": "ecommerce", "card_country": "FR", "merchant_country": "SE"},
        "outcome": Outcome.REVIEW,
        "score": 0.95,
        "reasons": REASONS,
        "latency_ms": 3.0,
        "features": b"",
        "feature_version": "1",
        "policy_version": 1,
        "source": "api",
    }
    return Decision.objects.create(**values | overrides)


def make_label(decision: Decision, label: str = "fraud", **overrides: Any) -> Label:
    values: dict[str, Any] = {"source": "chargeback", "known_at": NOON}
    return Label.objects.create(decision=decision, label=label, **values | overrides)


def make_case(*, decisions: Sequence[Decision] = (), **overrides: Any) -> Case:
    """An open case of one card with one alert (or one for each of `decisions`)."""
    card_id = overrides.get("card_id", f"card-{next(_number):04d}")
    # A payment comes before its case.
    occurred_at = min(NOON, overrides.get("opened_at", NOON))
    members = list(decisions) or [make_decision(card_id=card_id, occurred_at=occurred_at)]
    values: dict[str, Any] = {
        "card_id": members[0].card_id,
        "stake": Decimal("1186.55"),
        "currency": "EUR",
        "amount": members[0].amount,
        "score": members[0].score,
        "top_reason": REASONS[0]["words"],
        "alert_count": len(members),
        "opened_at": NOON,
    }
    queue = overrides.pop("queue", None) or default_queue()
    values |= placement(queue, due_at=NOON + HOUR)
    case = Case(**values)
    case.take_headline(members[0])
    for name, value in overrides.items():
        setattr(case, name, value)
    case.save()
    Alert.objects.bulk_create(Alert(case=case, decision=decision) for decision in members)
    CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.OPENED, happened_at=case.opened_at)
    return case


def make_queue(slug: str = "large", *, members: Sequence[User] = (), **overrides: Any) -> Queue:
    """A queue that is asked before the default one."""
    queue = Queue.objects.create(**{"slug": slug, "title": slug.capitalize(), "position": 10} | overrides)
    queue.members.set(members)
    return queue


def flag(*decisions: Decision, now: datetime = NOON) -> Case:
    """Open or join the case of flagged decisions, as the product does; returns the last one's."""
    entries = alerts.open_cases([decision.id for decision in decisions], now=now)
    return entries[-1].case
