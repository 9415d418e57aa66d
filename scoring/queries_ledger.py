"""What was said of payments: every statement of the ledger, which one is believed, and why, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from scoring.models import Label
from scoring.queries_labels import Believed


@dataclass(frozen=True)
class Said:
    """A statement as it stood at a time. `why` it is believed, or is not."""

    label: Label
    is_believed: bool
    why: str


def ledger_of(decision_ids: Sequence[int], *, as_of: datetime) -> list[Said]:
    """Statements on these payments known by `as_of`, payment by payment, the oldest known first. One query."""
    labels = Label.objects.filter(decision_id__in=decision_ids, known_at__lte=as_of)
    labels = labels.annotate(believed_source=Believed("source", as_of=as_of, decision="decision_id"))
    lean = labels.select_related("decision", "author", "api_key").defer("decision__features", "decision__record")
    rows = list(lean.order_by("decision_id", "known_at", "id"))
    newest = {(row.decision_id, row.source): row for row in rows if _is_heard(row, as_of)}
    return [_said(row, newest, as_of) for row in rows]


def _is_heard(label: Label, as_of: datetime) -> bool:
    return label.label == Label.Value.WITHDRAWN or label.known_at + _wait(label) <= as_of


def _wait(label: Label) -> timedelta:
    return timedelta(days=settings.LABEL_SETTLE_DAYS.get(label.source, 0))


def _said(label: Label, newest: Mapping[tuple[int, str], Label], as_of: datetime) -> Said:
    source, believed = label.get_source_display().lower(), label.believed_source  # type: ignore[attr-defined]
    last = newest.get((label.decision_id, label.source))
    if not _is_heard(label, as_of):
        return Said(label, False, f"Not believed yet: the word of {source} waits {_wait(label).days} days.")
    if last is not None and last.id != label.id:
        return Said(label, False, f"Replaced: {_since(last, source)}.")
    if label.label == Label.Value.WITHDRAWN:
        return Said(label, False, f"Takes back what {source} said; it counts as silence.")
    if label.source != believed:
        return Said(label, False, f"Outweighed: {Label.Source(believed).label.lower()} is believed before {source}.")
    others = [row for (payment, _), row in newest.items() if payment == label.decision_id and row.label != label.label]
    contradicting = [row.get_source_display().lower() for row in others if row.label != Label.Value.WITHDRAWN]
    if contradicting:
        return Said(label, True, f"Believed: {source} goes before {' and '.join(contradicting)}.")
    return Said(label, True, "Believed: nobody says otherwise.")


def _since(last: Label, source: str) -> str:
    if last.label == Label.Value.WITHDRAWN:
        return f"{source} has taken it back since"
    return f"{source} has spoken again since, and says {last.label}"
