"""What verdicts do to the lists: cards, devices and addresses blocked, devices let through, blocks lifted."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from cases.models import Case, Verdict, VerdictEffect
from cases.services.verdict_payments import Judged
from scoring.models import ListChange, ListEntry
from scoring.models.lists import ALLOW, BLOCK
from scoring.services.lists import add_list_entry, remove_list_entry
from scoring.transaction import canonical_address

# A device that was wrongly suspected is let through for as long as a customer needs to become usual on it.
ALLOW_DAYS = 30
# Of a device or address where the card is not blocked: long enough for its next use, and not for its next owner.
BLOCK_DAYS = 30
_SOURCE = "verdict"
_REASON = re.compile(r"Verdict [a-z]+, case [0-9a-f-]{36}")
_Kind = VerdictEffect.Kind
_BLOCKED = {
    _Kind.BLOCK_CARD: (ListEntry.Entity.CARD, "card"),
    _Kind.BLOCK_DEVICE: (ListEntry.Entity.DEVICE, "device"),
    _Kind.BLOCK_IP: (ListEntry.Entity.IP, "address"),
}
_KINDS = {str(entity): (kind, word) for kind, (entity, word) in _BLOCKED.items()}


def plan_blocks(
    verdict: Verdict, judged: Sequence[Judged], *, device: str, address: str, days: int
) -> list[VerdictEffect]:
    """The blocks of a device and an address, where a payment of the verdict came from them."""
    payments = [one.payment for one in judged]
    known_device = {payment.device_id: payment.device_id for payment in payments}.get(device)
    # Payments keep an address as it was sent; lists know it by its short form.
    known_address = {str(one.ip_address): canonical_address(one.ip_address) for one in payments if one.ip_address}.get(
        address
    )
    chosen = [(_Kind.BLOCK_DEVICE, known_device), (_Kind.BLOCK_IP, known_address)]
    return [VerdictEffect(verdict=verdict, kind=kind, entity=value, days=days) for kind, value in chosen if value]


def standing_blocks(case: Case) -> list[ListEntry]:
    """What earlier verdicts on this very case put on the block list, while it stands.

    In the order in which files change entries, too: its card first.
    """
    effects = VerdictEffect.objects.filter(verdict__case=case, kind__in=_BLOCKED).values_list("kind", "entity")
    planned = {(str(_BLOCKED[_Kind(kind)][0]), value) for kind, value in effects}
    values = planned | {(str(ListEntry.Entity.CARD), case.card_id)}
    found = ListEntry.objects.filter(
        list__name=BLOCK,
        entity__in={entity for entity, _ in values},
        value__in={value for _, value in values},
        reason=_reason_for(Case.Verdict.FRAUD, case),
    )
    return sorted(found, key=lambda entry: (entry.entity, entry.value))


def blocks_of(cases: Sequence[Case]) -> QuerySet[ListEntry]:
    """The blocks that earlier verdicts on these very cases put on their cards, while they stand."""
    blocks = ListEntry.objects.filter(list__name=BLOCK, entity=ListEntry.Entity.CARD)
    reasons = [_reason_for(Case.Verdict.FRAUD, case) for case in cases]
    return blocks.filter(value__in=[case.card_id for case in cases], reason__in=reasons)


def block(verdict: Verdict, effect: VerdictEffect, now: datetime) -> str:
    """Put a card, device or address on the block list; what was done, in words."""
    entity, word = _BLOCKED[_Kind(effect.kind)]
    return f"{word} {_put_on_list(BLOCK, entity, verdict, effect, now)}"


def allow_device(verdict: Verdict, effect: VerdictEffect, now: datetime) -> str:
    """Put a device on the allow list; what was done, in words."""
    return "device " + _put_on_list(ALLOW, ListEntry.Entity.DEVICE, verdict, effect, now)


def lift_blocks(verdict: Verdict, effect: VerdictEffect, now: datetime) -> str:
    """Take off what earlier verdicts on the case blocked, where no other case wants it blocked; in words."""
    blocks = standing_blocks(verdict.case)
    if not blocks:
        return "card blocked no more already"
    return ", ".join(_lift(entry, verdict, now) for entry in blocks)


def _lift(entry: ListEntry, verdict: Verdict, now: datetime) -> str:
    word = _KINDS[entry.entity][1]
    other = _other_block(entry, verdict, now)
    if other is None:
        reason = _reason_for(verdict.verdict, verdict.case)
        remove_list_entry(entry_id=entry.id, reason=reason, author=verdict.analyst, source=_SOURCE)
        return f"block of the {word} lifted"
    case, until = other
    add_list_entry(
        list_name=entry.list_id,
        entity=entry.entity,
        value=entry.value,
        reason=_reason_for(Case.Verdict.FRAUD, case),
        expires_at=until,
        author=verdict.analyst,
        source=_SOURCE,
    )
    return f"{word} stays blocked {_until(until)} by case {case.id}"


def _other_block(entry: ListEntry, verdict: Verdict, now: datetime) -> tuple[Case, datetime | None] | None:
    """The case that is fraud still and blocks the same for longest besides the verdict's, and until when."""
    removed = ListChange.objects.filter(
        list__name=BLOCK,
        entity=entry.entity,
        value=entry.value,
        action=ListChange.Action.REMOVED,
        happened_at__gt=OuterRef("left_at"),
    )
    effects = VerdictEffect.objects.filter(
        ~Exists(removed),
        kind=_KINDS[entry.entity][0],
        entity=entry.value,
        left_at__isnull=False,
        verdict__state=Verdict.State.DONE,
        verdict__verdict=Case.Verdict.FRAUD,
        verdict__case__status=Case.Status.DECIDED,
        verdict__case__verdict=Case.Verdict.FRAUD,
    ).exclude(verdict__case=verdict.case_id)
    if entry.entity == ListEntry.Entity.CARD:
        # Found by the index on the cards of cases.
        effects = effects.filter(verdict__case__card_id=entry.value)
    ends = [(one.verdict.case, _end_of(one)) for one in effects.select_related("verdict__case").order_by("id")]
    standing = [(case, end) for case, end in ends if _runs(end, now)]
    return max(standing, key=lambda one: (one[1] is None, one[1] or now), default=None)


def _put_on_list(name: str, entity: str, verdict: Verdict, effect: VerdictEffect, now: datetime) -> str:
    until = now + timedelta(days=effect.days) if effect.days else None
    # Locked: what somebody changes by hand in between must not be written over.
    entries = ListEntry.objects.select_for_update(of=("self",))
    standing = entries.filter(list__name=name, entity=entity, value=effect.entity).first()
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
        source=_SOURCE,
    )
    return f"{'blocked' if name == BLOCK else 'allowed'} {_until(until)}"


def _end_of(effect: VerdictEffect) -> datetime | None:
    assert effect.left_at is not None  # only of effects that left
    return effect.left_at + timedelta(days=effect.days) if effect.days else None


def _outlasts(standing: datetime | None, until: datetime | None) -> bool:
    return standing is None or (until is not None and standing >= until)


def _runs(end: datetime | None, now: datetime) -> bool:
    return end is None or end > now


def _until(moment: datetime | None) -> str:
    return f"until {moment:%-d %b %Y %H:%M} UTC" if moment else "for ever"


def _is_of_a_verdict(entry: ListEntry) -> bool:
    return _REASON.fullmatch(entry.reason) is not None


def _reason_for(said: str, case: Case) -> str:
    return f"Verdict {said}, case {case.id}"
