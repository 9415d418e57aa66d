"""What verdicts cause: labels, list entries, messages to the payment system. Each leaves once, at its time."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery

from cases import words
from cases.models import Case, CaseEvent, Verdict, VerdictEffect, VerdictPayment
from cases.services import checks, verdict_lists
from cases.services.verdict_payments import Judged
from scoring.models import Decision, Label, Outbox, Outcome
from scoring.services.labels import LabelStatement, record_labels
from scoring.services.outbox import add_to_outbox
from scoring.services.webhooks import Message, leave_messages

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()
_framer = msgspec.msgpack.Encoder()

_TAKEN_BACK = "A later verdict on the case says nothing of it."
_ACTIONS = {Label.Value.FRAUD.value: "refuse", Label.Value.LEGITIMATE.value: "release"}
_DONE = {"refuse": "refused", "release": "released"}
Kind = VerdictEffect.Kind


def plan(  # noqa: PLR0913 - what the analyst chose, each by name
    verdict: Verdict,
    judged: Sequence[Judged],
    *,
    block_days: int | None,
    allow_device: str,
    block_device: str = "",
    block_ip: str = "",
) -> None:
    """Write down what the verdict will cause; nothing leaves yet.

    A device or address is blocked, and a device allowed, only when a payment of the verdict came from it. Without a
    block of the card, device and address are blocked for 30 days.
    """
    planned = []
    is_fraud = verdict.verdict == Case.Verdict.FRAUD
    is_legitimate = verdict.verdict == Case.Verdict.LEGITIMATE
    if any(one.label for one in judged) or taken_back(verdict):
        planned.append(VerdictEffect(verdict=verdict, kind=Kind.LABEL))
    if is_fraud and block_days is not None:
        card = verdict.case.card_id
        planned.append(VerdictEffect(verdict=verdict, kind=Kind.BLOCK_CARD, entity=card, days=block_days))
    if is_fraud:
        days = verdict_lists.BLOCK_DAYS if block_days is None else block_days
        planned += verdict_lists.plan_blocks(verdict, judged, device=block_device, address=block_ip, days=days)
    if is_legitimate and verdict_lists.standing_blocks(verdict.case):
        planned.append(VerdictEffect(verdict=verdict, kind=Kind.UNBLOCK_CARD, entity=verdict.case.card_id))
    if is_legitimate and allow_device and allow_device in {one.payment.device_id for one in judged}:
        planned.append(
            VerdictEffect(verdict=verdict, kind=Kind.ALLOW_DEVICE, entity=allow_device, days=verdict_lists.ALLOW_DAYS)
        )
    if any(is_held(one.payment.outcome) and one.label for one in judged):
        planned.append(VerdictEffect(verdict=verdict, kind=Kind.TELL))
    VerdictEffect.objects.bulk_create(planned)


def is_held(outcome: str) -> bool:
    """Say whether the payment system waits for our word: it declined the others by itself, or let them go."""
    return outcome == Outcome.REVIEW


def settle_due(*, now: datetime) -> int:
    """Let the effects of all verdicts leave whose time has come; returns how many verdicts. Safe to run twice.

    One that fails stays for the next call and does not hold up the others.
    """
    due = Verdict.objects.filter(state=Verdict.State.WAITING, effects_at__lte=now).order_by("effects_at")
    return sum(_try_to_settle(verdict_id, now=now) for verdict_id in list(due.values_list("id", flat=True)))


def _try_to_settle(verdict_id: int, *, now: datetime) -> bool:
    try:
        return settle(verdict_id, now=now)
    except Exception:
        logger.exception("verdict %s could not take effect; will try again", verdict_id)
        return False


@transaction.atomic
def settle(verdict_id: int, *, now: datetime) -> bool:
    """Let the effects of a verdict leave; False when its time has not come, or somebody was faster."""
    # All effects are written in this transaction or none is: who changes the state first, an undo or one of several
    # workers, has decided what happens. A process that dies here leaves the verdict as it was.
    ready = Verdict.objects.filter(id=verdict_id, state=Verdict.State.WAITING, effects_at__lte=now)
    if not ready.update(state=Verdict.State.DONE, settled_at=now):
        return False
    verdict = Verdict.objects.select_related("case", "analyst").get(id=verdict_id)
    effects = list(verdict.effects.order_by("id"))
    for effect in effects:
        effect.words, effect.left_at = _LEAVE[effect.kind](verdict, effect, now)[:200], now
    VerdictEffect.objects.bulk_update(effects, ["words", "left_at"])
    if effects:
        text = "; ".join(effect.words for effect in effects)
        CaseEvent.objects.create(case=verdict.case, kind=CaseEvent.Kind.EFFECTS, happened_at=now, text=text)
    checks.consider(
        verdict.case,
        analyst=verdict.analyst,
        verdict=verdict.verdict,
        typology=verdict.typology,
        decided_at=verdict.said_at,
        api_key_id=verdict.api_key_id,
    )
    return True


def _label(verdict: Verdict, effect: VerdictEffect, now: datetime) -> str:
    """Known since it was said, not since it took effect."""
    labelled = list(_labelled(verdict).order_by("id").values_list("decision__transaction_id", "label"))
    statements = [
        LabelStatement(
            transaction_id=transaction_id,
            label=label,
            source=Label.Source.ANALYST.value,
            known_at=verdict.said_at,
            note=verdict.note[:500],
        )
        for transaction_id, label in labelled
    ]
    withdrawn = taken_back(verdict)
    statements += [
        LabelStatement(
            transaction_id=transaction_id,
            label=Label.Value.WITHDRAWN.value,
            source=Label.Source.ANALYST.value,
            known_at=verdict.said_at,
            note=_TAKEN_BACK,
        )
        for transaction_id in withdrawn
    ]
    record_labels(statements, author=verdict.analyst, api_key_id=verdict.api_key_id)
    said = [f"labelled {label}" for _, label in labelled]
    return _counted([*said, *["without a label again"] * len(withdrawn)]) or "nothing to take back"


def taken_back(verdict: Verdict) -> list[str]:
    """Payments that earlier verdicts on this case labelled and this one does not; labels of other cases stand."""
    on_case = Q(verdict__case=verdict.case_id) | Q(verdict__case__merged_into=verdict.case_id)
    earlier = VerdictPayment.objects.filter(on_case, verdict__state=Verdict.State.DONE, verdict_id__lt=verdict.id)
    earlier = earlier.exclude(label="")
    earlier = earlier.exclude(decision__in=_labelled(verdict).values("decision"))
    said = Label.objects.filter(decision=OuterRef("decision"), source=Label.Source.ANALYST)
    newest = said.order_by("-known_at", "-id")
    standing = earlier.annotate(
        newest_label=Subquery(newest.values("label")[:1]), newest_at=Subquery(newest.values("known_at")[:1])
    ).filter(newest_label=F("label"), newest_at=F("verdict__said_at"))
    return sorted(set(standing.values_list("decision__transaction_id", flat=True)))


def _counted(done: Iterable[str]) -> str:
    """What was done with how many: `3 payments refused, 1 payment released`."""
    return ", ".join(f"{words.count(number, 'payment')} {what}" for what, number in sorted(Counter(done).items()))


def _tell(verdict: Verdict, effect: VerdictEffect, now: datetime) -> str:
    held = _labelled(verdict).filter(decision__outcome=Outcome.REVIEW).select_related("decision").order_by("id")
    rulings = [Ruling(row.decision, verdict.case_id, row.label) for row in held]
    tell_payment_system(rulings, decided_at=verdict.said_at, by=words.role(verdict.analyst), now=now)
    return told(rulings)


@dataclass(frozen=True)
class Ruling:
    """What becomes of a held payment, by its label."""

    payment: Decision
    case_id: UUID
    label: str


def tell_payment_system(rulings: Sequence[Ruling], *, decided_at: datetime, by: str, now: datetime) -> None:
    """Leave a message for each payment, in the caller's transaction: on the topic `verdicts`, and for each webhook.

    by: the role of who decided.
    """
    bodies = [_encoder.encode(_message(one, decided_at=decided_at, by=by)) for one in rulings]
    messages = [(one.payment.card_id, body) for one, body in zip(rulings, bodies, strict=True)]
    add_to_outbox(Outbox.Topic.VERDICTS, [one.payment.id for one in rulings], _framer.encode(messages))
    leave_messages([Message(one.payment.id, body) for one, body in zip(rulings, bodies, strict=True)], now=now)


def told(rulings: Iterable[Ruling]) -> str:
    """What becomes of how many, in words."""
    return _counted(_DONE[_ACTIONS[one.label]] for one in rulings)


def _message(ruling: Ruling, *, decided_at: datetime, by: str) -> dict[str, Any]:
    return {
        "transaction_id": ruling.payment.transaction_id,
        "case_id": str(ruling.case_id),
        "verdict": ruling.label,
        "action": _ACTIONS[ruling.label],
        "decided_at": decided_at,
        "by": by,
    }


def _labelled(verdict: Verdict) -> Any:
    return verdict.payments.exclude(label="")


_LEAVE: dict[str, Callable[[Verdict, VerdictEffect, datetime], str]] = {
    Kind.LABEL: _label,
    Kind.BLOCK_CARD: verdict_lists.block,
    Kind.BLOCK_DEVICE: verdict_lists.block,
    Kind.BLOCK_IP: verdict_lists.block,
    Kind.UNBLOCK_CARD: verdict_lists.lift_blocks,
    Kind.ALLOW_DEVICE: verdict_lists.allow_device,
    Kind.TELL: _tell,
}
