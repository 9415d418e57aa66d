"""What verdicts cause: labels, list entries, messages to the payment system. Each leaves once, at its time."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from cases import words
from cases.models import Case, CaseEvent, Verdict, VerdictEffect
from cases.services import checks
from cases.services.verdict_payments import Judged
from scoring.models import Decision, Label, ListChange, ListEntry, Outbox, Outcome
from scoring.models.lists import ALLOW, BLOCK
from scoring.services.labels import LabelStatement, record_labels
from scoring.services.lists import add_list_entry, remove_list_entry
from scoring.services.outbox import add_to_outbox
from scoring.services.webhooks import Message, leave_messages

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()
_framer = msgspec.msgpack.Encoder()

# A device that was wrongly suspected is let through for as long as a customer needs to become usual on it.
ALLOW_DAYS = 30
_ACTIONS = {Label.Value.FRAUD.value: "refuse", Label.Value.LEGITIMATE.value: "release"}
_DONE = {"refuse": "refused", "release": "released"}
_REASON = re.compile(r"Verdict [a-z]+, case [0-9a-f-]{36}")
Kind = VerdictEffect.Kind


def plan(verdict: Verdict, judged: Sequence[Judged], *, block_days: int | None, allow_device: str) -> None:
    """Write down what the verdict will cause; nothing leaves yet.

    A device is allowed only when a payment of the verdict came from it.
    """
    planned = []
    is_fraud = verdict.verdict == Case.Verdict.FRAUD
    is_legitimate = verdict.verdict == Case.Verdict.LEGITIMATE
    if any(one.label for one in judged):
        planned.append(VerdictEffect(verdict=verdict, kind=Kind.LABEL))
    if is_fraud and block_days is not None:
        card = verdict.case.card_id
        planned.append(VerdictEffect(verdict=verdict, kind=Kind.BLOCK_CARD, entity=card, days=block_days))
    if is_legitimate and block_of(verdict.case) is not None:
        planned.append(VerdictEffect(verdict=verdict, kind=Kind.UNBLOCK_CARD, entity=verdict.case.card_id))
    if is_legitimate and allow_device and allow_device in {one.payment.device_id for one in judged}:
        planned.append(VerdictEffect(verdict=verdict, kind=Kind.ALLOW_DEVICE, entity=allow_device, days=ALLOW_DAYS))
    if any(is_held(one.payment.outcome) and one.label for one in judged):
        planned.append(VerdictEffect(verdict=verdict, kind=Kind.TELL))
    VerdictEffect.objects.bulk_create(planned)


def is_held(outcome: str) -> bool:
    """Say whether the payment system waits for our word: it declined the others by itself, or let them go."""
    return outcome == Outcome.REVIEW


def block_of(case: Case) -> ListEntry | None:
    """The block that an earlier verdict on this very case put on its card, while it stands."""
    return blocks_of([case]).first()


def blocks_of(cases: Sequence[Case]) -> QuerySet[ListEntry]:
    """The same of several cases."""
    blocks = ListEntry.objects.filter(list__name=BLOCK, entity=ListEntry.Entity.CARD)
    reasons = [_reason_for(Case.Verdict.FRAUD, case) for case in cases]
    return blocks.filter(value__in=[case.card_id for case in cases], reason__in=reasons)


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
    record_labels(statements, author=verdict.analyst, api_key_id=verdict.api_key_id)
    return _counted(f"labelled {label}" for _, label in labelled)


def _counted(done: Iterable[str]) -> str:
    """What was done with how many: `3 payments refused, 1 payment released`."""
    return ", ".join(f"{words.count(number, 'payment')} {what}" for what, number in sorted(Counter(done).items()))


def _block_card(verdict: Verdict, effect: VerdictEffect, now: datetime) -> str:
    return "card " + _put_on_list(BLOCK, ListEntry.Entity.CARD, verdict, effect, now)


def _allow_device(verdict: Verdict, effect: VerdictEffect, now: datetime) -> str:
    return "device " + _put_on_list(ALLOW, ListEntry.Entity.DEVICE, verdict, effect, now)


def _put_on_list(name: str, entity: str, verdict: Verdict, effect: VerdictEffect, now: datetime) -> str:
    until = now + timedelta(days=effect.days) if effect.days else None
    standing = ListEntry.objects.filter(list__name=name, entity=entity, value=effect.entity).first()
    if standing is not None and not _is_of_a_verdict(standing) and _runs(standing.expires_at, now):
        # What somebody put there by hand is theirs to change: else a verdict that lifts its block would lift it too.
        return f"stood on the {name} list by hand and stays as it is, {_until(standing.expires_at)}"
    if standing is not None and _outlasts(standing.expires_at, until):
        # Somebody has given it a longer time: a verdict must not cut that short.
        return f"stood on the {name} list already, {_until(standing.expires_at)}"
    add_list_entry(
        list_name=name,
        entity=entity,
        value=effect.entity,
        reason=_reason_for(verdict.verdict, verdict.case),
        expires_at=until,
        author=verdict.analyst,
        source="verdict",
    )
    return f"{'blocked' if name == BLOCK else 'allowed'} {_until(until)}"


def _outlasts(standing: datetime | None, until: datetime | None) -> bool:
    return standing is None or (until is not None and standing >= until)


def _runs(end: datetime | None, now: datetime) -> bool:
    return end is None or end > now


def _until(moment: datetime | None) -> str:
    return f"until {moment:%-d %b %Y %H:%M} UTC" if moment else "for ever"


def _unblock_card(verdict: Verdict, effect: VerdictEffect, now: datetime) -> str:
    block = block_of(verdict.case)
    if block is None:
        return "card blocked no more already"
    other = _other_block(verdict, now)
    if other is not None:
        case, until = other
        reason = _reason_for(Case.Verdict.FRAUD, case)
        add_list_entry(
            list_name=block.list_id,
            entity=block.entity,
            value=block.value,
            reason=reason,
            expires_at=until,
            author=verdict.analyst,
            source="verdict",
        )
        return f"card stays blocked {_until(until)} by case {case.id}"
    remove_list_entry(
        entry_id=block.id,
        reason=_reason_for(verdict.verdict, verdict.case),
        author=verdict.analyst,
        source="verdict",
    )
    return "block of the card lifted"


def _other_block(verdict: Verdict, now: datetime) -> tuple[Case, datetime | None] | None:
    """The case that is fraud still and blocks the card for longest besides the verdict's, and until when."""
    removed = ListChange.objects.filter(
        list__name=BLOCK,
        entity=ListEntry.Entity.CARD,
        value=verdict.case.card_id,
        action=ListChange.Action.REMOVED,
        happened_at__gt=OuterRef("left_at"),
    )
    effects = VerdictEffect.objects.filter(
        ~Exists(removed),
        kind=Kind.BLOCK_CARD,
        left_at__isnull=False,
        verdict__state=Verdict.State.DONE,
        verdict__verdict=Case.Verdict.FRAUD,
        verdict__case__card_id=verdict.case.card_id,
        verdict__case__status=Case.Status.DECIDED,
        verdict__case__verdict=Case.Verdict.FRAUD,
    ).exclude(verdict__case=verdict.case_id)
    ends = [(one.verdict.case, _end_of(one)) for one in effects.select_related("verdict__case").order_by("id")]
    standing = [(case, end) for case, end in ends if _runs(end, now)]
    return max(standing, key=lambda one: (one[1] is None, one[1] or now), default=None)


def _end_of(effect: VerdictEffect) -> datetime | None:
    assert effect.left_at is not None  # only of effects that left
    return effect.left_at + timedelta(days=effect.days) if effect.days else None


def _is_of_a_verdict(entry: ListEntry) -> bool:
    return _REASON.fullmatch(entry.reason) is not None


def _reason_for(said: str, case: Case) -> str:
    return f"Verdict {said}, case {case.id}"


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
    Kind.BLOCK_CARD: _block_card,
    Kind.UNBLOCK_CARD: _unblock_card,
    Kind.ALLOW_DEVICE: _allow_device,
    Kind.TELL: _tell,
}
