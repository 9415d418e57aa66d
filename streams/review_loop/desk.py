"""What the people around a desk do, by the product's own services: review cases, and charge back."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db.models import Count, F

from cases.models import Case, Queue
from cases.models.audit import LARGEST_SHARE
from cases.queries.audit import Audited, audited_in
from cases.services import alerts, claims, deadlines, verdict_effects, verdicts
from cases.services.audit import draw_audit, set_audit
from cases.services.figures import refresh_figures
from cases.services.queues import save_queue
from cases.services.verdict_payments import recent_payments
from scoring.models import Decision, Label
from scoring.services.features import settle_features
from scoring.services.labels import LABELS_WRITER, LabelStatement, apply_labels, record_labels
from scoring.services.store import batch_store

ANALYST = "review-loop"
# All is known a few minutes after midnight: hardly a payment of the new day comes before.
_SECONDS_A_CASE = 1


@dataclass(frozen=True)
class Reviewed:
    """A case that was decided: its card, and the payments that were called fraud."""

    card_id: str
    frauds: Sequence[str]


def open_desk() -> User:
    """The analyst, and a queue whose cases wait for a day and are then left undecided."""
    analyst, _ = User.objects.get_or_create(username=ANALYST, defaults={"first_name": "Review loop"})
    analyst.groups.add(Group.objects.get(name="analyst"))
    queue = Queue.objects.get(is_default=True)
    queue.sla_minutes, queue.half_life_minutes = 24 * 60, 12 * 60
    queue.on_timeout, queue.default_verdict = Queue.TimeOut.DECIDE, Case.Verdict.INCONCLUSIVE
    save_queue(queue)
    return analyst


def open_alerts(transaction_ids: Sequence[str], *, now: datetime) -> None:
    """Open the cases of what a day flagged."""
    flagged = Decision.objects.filter(transaction_id__in=transaction_ids)
    alerts.open_cases(list(flagged.values_list("id", flat=True)), now=now)


def audit_at_random(share: float, *, reviews: int, now: datetime) -> None:
    """Have so many payments a day drawn from the approved ones, a share (0-0.05) of which they are about."""
    set_audit(share=min(share, LARGEST_SHARE), daily_reviews=max(1, reviews), actor=None, now=now)


def draw(transaction_ids: Sequence[str], *, now: datetime) -> None:
    """Draw among a day's approved payments, and open their cases."""
    day = Decision.objects.filter(transaction_id__in=transaction_ids)
    draw_audit(list(day.values_list("id", flat=True)), now=now)
    alerts.open_cases(list(day.filter(audit_draw__isnull=False).values_list("id", flat=True)), now=now)


def review(analyst: User, *, most: int, frauds: Collection[str], now: datetime) -> list[Reviewed]:
    """Decide what was drawn at random, then the cases that weigh most, as who recognises `frauds` (transaction ids).

    One a second, `most` in all. Then lets the rest go that waited for a day, and all effects leave.
    """
    done: list[Reviewed] = []
    drawn = Case.objects.filter(status=Case.Status.OPEN, alerts__decision__audit_draw__isnull=False).distinct()
    for case in drawn.order_by("opened_at", "id")[:most]:
        at = now + timedelta(seconds=_SECONDS_A_CASE * len(done))
        claims.claim(case=case, analyst=analyst, now=at)
        done.append(_decide(case, analyst, frauds, at=at))
    while len(done) < most:
        at = now + timedelta(seconds=_SECONDS_A_CASE * len(done))
        next_case = claims.claim_next(analyst=analyst, now=at)
        if next_case is None:
            break
        done.append(_decide(next_case, analyst, frauds, at=at))
    end = now + timedelta(seconds=_SECONDS_A_CASE * most + settings.VERDICT_UNDO_SECONDS)
    deadlines.watch_deadlines(now=end)
    verdict_effects.settle_due(now=end + timedelta(seconds=settings.VERDICT_UNDO_SECONDS))
    return done


def _decide(case: Case, analyst: User, frauds: Collection[str], *, at: datetime) -> Reviewed:
    """Judge each payment of the case, and the card's other payments of the last days, by what it was."""
    flagged = dict(Decision.objects.filter(alert__case=case).values_list("id", "transaction_id"))
    recent = {payment.id: payment.transaction_id for payment in recent_payments(case, now=at)}
    found = {number: name for number, name in (flagged | recent).items() if name in frauds}
    is_fraud = bool(found)
    verdicts.record(
        case=case,
        analyst=analyst,
        verdict=Case.Verdict.FRAUD if is_fraud else Case.Verdict.LEGITIMATE,
        typology=Case.Typology.STOLEN_CARD if is_fraud else "",
        decided_at=at,
        overrides=dict.fromkeys(flagged.keys() - found.keys(), Label.Value.LEGITIMATE) if is_fraud else {},
        include_recent=True,
        recent=recent.keys() & found.keys() if is_fraud else recent.keys(),
    )
    return Reviewed(case.card_id, list(found.values()))


def charge_back(transaction_ids: Iterable[str], *, now: datetime) -> None:
    """Let cardholders' banks take money back."""
    record_labels(
        [LabelStatement(name, Label.Value.FRAUD, Label.Source.CHARGEBACK, now) for name in transaction_ids],
        author=None,
    )


def learn_labels() -> None:
    """Hand what became known to the features, as the relay does."""
    due = Label.objects.filter(label=Label.Value.FRAUD, applied_at=None).order_by(F("known_at"), F("id"))
    apply_labels(list(due.values_list("id", flat=True)))
    settle_features(LABELS_WRITER, store=batch_store())


def audited(since: datetime, until: datetime, *, at: datetime) -> Audited | None:
    """What the random audit says of payments of these times, in the currency of most of them."""
    refresh_figures(now=at)
    currency = Decision.objects.values("currency").annotate(payments=Count("id")).order_by("-payments").first()
    return audited_in(since, until, currency=currency["currency"]) if currency is not None else None
