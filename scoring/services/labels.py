"""The label ledger: taking statements in, and telling the features once they are known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils.timezone import now

from scoring.models import Decision, Label, Outbox
from scoring.services.features import remember_features
from scoring.services.outbox import add_to_outbox

# What frauds of the ledger are called among the feature writes.
LABELS_WRITER = "labels"


class UnknownTransactionError(Exception):
    """Labels name payments that were never decided here. Nothing was stored."""

    def __init__(self, transaction_ids: Sequence[str]) -> None:
        super().__init__(", ".join(transaction_ids[:10]))
        self.transaction_ids = transaction_ids


class LabelTimeError(Exception):
    """A label claims to be known later than now, or before 1970, its payment, or its being said. Nothing was stored.

    `field` is the time that is wrong; the message says why.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


# As far as a payment may be ahead of our clock.
MAX_FUTURE = timedelta(minutes=5)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LabelStatement:
    """Somebody says that a payment was fraud, or legitimate, or takes back what they said.

    `asserted_at`: when they said it, which may be long before we heard of it; None: `known_at`.
    """

    transaction_id: str
    label: str
    source: str
    known_at: datetime
    note: str = ""
    asserted_at: datetime | None = None
    reason: str = ""


def check_times(known_at: datetime, asserted_at: datetime | None, *, occurred_at: datetime | None) -> None:
    """A tile far ahead would take the place of the present ones of its merchant and device.

    occurred_at: when the payment occurred, by a clock that may be ahead of ours; None where it is not decided yet.

    Raises:
        LabelTimeError: nothing can be known then, or not before it was said.
    """
    if not _EARLIEST < known_at <= now() + MAX_FUTURE:
        raise LabelTimeError("known_at", "is in the future, or before 1970")
    if occurred_at is not None and known_at < occurred_at - MAX_FUTURE:
        raise LabelTimeError(
            "known_at", f"is before its payment, which occurred at {occurred_at.astimezone(UTC):%FT%TZ}"
        )
    if asserted_at is not None and not _EARLIEST < asserted_at <= known_at:
        raise LabelTimeError("asserted_at", "is after known_at, or before 1970: nobody knows what was not said yet")


@transaction.atomic
def record_labels(statements: Sequence[LabelStatement], *, author: User | None, api_key_id: int | None = None) -> int:
    """Write statements to the ledger; the number that were new. A statement made twice is one row.

    api_key_id: the key of the program that makes them.

    Raises:
        UnknownTransactionError, LabelTimeError: nothing was stored.
    """
    wanted = [statement.transaction_id for statement in statements]
    decided = Decision.objects.filter(transaction_id__any=wanted).values_list("transaction_id", "id", "occurred_at")
    decision_ids = {name: decision_id for name, decision_id, _ in decided}
    times = {name: occurred_at for name, _, occurred_at in decided}
    for one in statements:
        check_times(one.known_at, one.asserted_at, occurred_at=times.get(one.transaction_id))
    unknown = [name for name in wanted if name not in decision_ids]
    if unknown:
        raise UnknownTransactionError(unknown)
    labels = [
        Label(
            decision_id=decision_ids[statement.transaction_id],
            label=statement.label,
            source=statement.source,
            known_at=statement.known_at,
            asserted_at=statement.asserted_at,
            reason=statement.reason,
            note=statement.note[:500],
            author=author,
            api_key_id=api_key_id,
            # Risk counts frauds against all payments: a legitimate one changes nothing there.
            applied_at=None if statement.label == Label.Value.FRAUD else now(),
        )
        for statement in statements
    ]
    stored = _natural_keys(decision_ids.values())
    new = {_natural_key(label): label for label in labels if _natural_key(label) not in stored}
    Label.objects.bulk_create(new.values(), ignore_conflicts=True)
    ids = [
        label_id for key, label_id in _natural_keys(decision_ids.values()).items()
        if key in new and key[2] == Label.Value.FRAUD
    ]  # fmt: skip
    add_to_outbox(Outbox.Topic.LABELS, ids)
    return len(new)


def record_label(
    statement: LabelStatement, *, author_id: int | None, api_key_id: int | None = None
) -> tuple[Label, bool]:
    """Write one statement; the label as the ledger has it, and whether it is new. Said before, the first one stands.

    Raises:
        UnknownTransactionError, LabelTimeError: nothing was stored.
    """
    author = User.objects.filter(id=author_id).first() if author_id is not None else None
    number = record_labels([statement], author=author, api_key_id=api_key_id)
    label = Label.objects.select_related("decision").get(
        decision__transaction_id=statement.transaction_id,
        source=statement.source,
        label=statement.label,
        known_at=statement.known_at,
    )
    return label, bool(number)


NaturalKey = tuple[int, str, str, datetime]


def _natural_key(label: Label) -> NaturalKey:
    return label.decision_id, label.source, label.label, label.known_at


def _natural_keys(decision_ids: Iterable[int]) -> dict[NaturalKey, int]:
    return {_natural_key(label): label.id for label in Label.objects.filter(decision_id__in=decision_ids)}


@transaction.atomic
def apply_labels(label_ids: Sequence[int]) -> int:
    """Hand frauds over to the features, which `settle_features` then counts; their number. Twice changes nothing.

    A payment counts once, however many sources call it fraud.
    """
    labels = (
        # The decision too: of two labels of one payment, applied at once, the second must see the first.
        Label.objects.select_for_update(of=("self", "decision"), no_key=True)
        .filter(id__in=label_ids, applied_at=None, label=Label.Value.FRAUD)
        .select_related("decision")
        .order_by("decision_id", "known_at", "id")
    )
    counted: list[int] = []
    for label in labels:
        if not _is_counted(label.decision_id, besides=label.id):
            counted.append(label.id)
        Label.objects.filter(id=label.id).update(applied_at=Now())
    if counted:
        remember_features(LABELS_WRITER, [], counted)
    return len(counted)


def _is_counted(decision_id: int, *, besides: int) -> bool:
    counted = Label.objects.filter(decision_id=decision_id, label=Label.Value.FRAUD).exclude(applied_at=None)
    return counted.exclude(id=besides).exists()
