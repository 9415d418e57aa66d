"""Alarms of rules and lists: raised and closed by the clock, acknowledged by a person."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef

from cases import words
from cases.models import RuleAlarm, RuleHours
from cases.policy import health_past, health_signs
from cases.policy.in_force import InForce, what_is_in_force
from scoring.services.locks import try_lock

Kind = RuleAlarm.Kind
# A rule that fails now and then is one alarm, not many.
_FAILING_FOR = timedelta(hours=6)
_EXPIRES_WITHIN = timedelta(days=7)


class ClosedAlarmError(Exception):
    """The alarm is over, or somebody has acknowledged it; nothing changed."""


@dataclass(frozen=True)
class Finding:
    """Why there is an alarm about what is called `code`."""

    code: str
    words: str
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Watched:
    """How many alarms were raised and closed."""

    opened: int
    closed: int

    def __add__(self, other: "Watched") -> "Watched":
        return Watched(self.opened + other.opened, self.closed + other.closed)


def watch_rules(*, now: datetime) -> Watched | None:
    """Look for spikes, silences, fallen precision and rules that expire; None while another process does it.

    Safe to run twice: an alarm that is open is not raised again, and closes when what it tells of is over.
    """
    with try_lock("alarms of rules") as is_ours:
        if not is_ours:
            return None
        found = what_is_in_force()
        is_open = {kind: _open_codes(kind) for kind in Kind}
        pasts = health_past.pasts_of(found, now=now)
        return (
            _keep(Kind.SPIKE, _spikes(pasts, is_open[Kind.SPIKE]), now=now)
            + _keep(Kind.SILENCE, _silences(pasts), now=now, stay=_still_silent(found, now=now))
            + _keep(Kind.PRECISION, _falls(found, is_open[Kind.PRECISION], now=now), now=now)
            + _keep(Kind.EXPIRY, _expiries(found, now=now), now=now)
        )


def watch_failures(*, now: datetime) -> Watched | None:
    """Look for rules that could not be computed in the last hours; None while another process does it. Idempotent."""
    with try_lock("alarms of failing rules") as is_ours:
        if not is_ours:
            return None
        found = what_is_in_force()
        return _keep(Kind.FAILING, _failures(found, now=now), now=now)


def acknowledge(*, alarm_id: int, actor: User, now: datetime) -> RuleAlarm:
    """Say that somebody looks after it. It stays open until it is over.

    Raises:
        RuleAlarm.DoesNotExist: there is none of this id.
        ClosedAlarmError: it is over, or somebody was faster.
    """
    alarm = RuleAlarm.objects.get(id=alarm_id)
    waiting = RuleAlarm.objects.filter(id=alarm_id, closed_at=None, acknowledged_at=None)
    if not waiting.update(acknowledged_by=actor, acknowledged_at=now):
        raise ClosedAlarmError(alarm_id)
    return alarm


def _open_codes(kind: str) -> set[str]:
    return set(RuleAlarm.objects.filter(kind=kind, closed_at=None).values_list("code", flat=True))


@transaction.atomic
def _keep(kind: str, findings: Sequence[Finding], *, now: datetime, stay: Collection[str] = ()) -> Watched:
    """Have an open alarm of this kind for each finding, and none else but those that `stay` as they are."""
    open_codes = _open_codes(kind)
    for finding in findings:
        if finding.code in open_codes:
            RuleAlarm.objects.filter(kind=kind, code=finding.code, closed_at=None).update(
                seen_at=now, words=finding.words, figures=finding.figures
            )
    new = [finding for finding in findings if finding.code not in open_codes]
    RuleAlarm.objects.bulk_create(
        [RuleAlarm(kind=kind, opened_at=now, seen_at=now, **vars(finding)) for finding in new], ignore_conflicts=True
    )
    over = open_codes.difference(stay, (finding.code for finding in findings))
    closed = RuleAlarm.objects.filter(kind=kind, code__in=over, closed_at=None).update(closed_at=now)
    return Watched(len(new), closed)


def _spikes(pasts: Mapping[str, health_signs.Past], is_open: Collection[str]) -> list[Finding]:
    findings = []
    for code, past in pasts.items():
        spike = health_signs.find_spike(past, is_open=code in is_open)
        if spike:
            said = f"{spike.hits:,} hits within {_hours(spike.hours)}; {spike.usual:,.0f} are usual at this time"
            findings.append(Finding(code, said, vars(spike)))
    return findings


def _silences(pasts: Mapping[str, health_signs.Past]) -> list[Finding]:
    findings = []
    for code, past in pasts.items():
        silence = health_signs.find_silence(past)
        if silence:
            said = f"No hit for {_hours(silence.hours)}; {silence.expected:,.0f} were to be expected of the payments"
            findings.append(Finding(code, said, vars(silence)))
    return findings


def _still_silent(found: InForce, *, now: datetime) -> set[str]:
    """Open silences without a hit since: after weeks of it the past that told what to expect is forgotten."""
    hit = RuleHours.objects.filter(code=OuterRef("code"), last_hit_at__gt=OuterRef("opened_at"))
    silent = RuleAlarm.objects.filter(~Exists(hit), kind=Kind.SILENCE, closed_at=None)
    return {code for code in silent.values_list("code", flat=True) if found.is_asked(code, at=now)}


def _hours(hours: int) -> str:
    days, rest = divmod(hours, 24)
    return words.count(days, "day") if days > 1 and not rest else words.count(hours, "hour")


def _falls(found: InForce, is_open: Collection[str], *, now: datetime) -> list[Finding]:
    findings = []
    for code, (recent, former) in health_past.labels_of(now=now).items():
        fall = health_signs.find_fall(recent, former, is_open=code in is_open)
        if fall and found.is_asked(code, at=now):
            said = (
                f"{recent.precision:.0%} of the {recent.labelled:,} labelled hits of {health_past.RECENT_DAYS} days"
                f" are fraud; before, {former.precision:.0%} of {former.labelled:,} were"
            )
            findings.append(Finding(code, said, {"now": recent._asdict(), "before": former._asdict()}))
    return findings


def _expiries(found: InForce, *, now: datetime) -> list[Finding]:
    findings = []
    for code, rule in found.rules.items():
        if rule.is_enabled and rule.expires_at is not None and rule.expires_at <= now + _EXPIRES_WITHIN:
            is_over = rule.expires_at <= now
            said = f"{'Has expired' if is_over else 'Expires'} on {rule.expires_at:%-d %b %Y at %H:%M} UTC"
            said += ": it is not asked any more" if is_over else ""
            findings.append(Finding(code, said, {"expires_at": rule.expires_at.isoformat()}))
    return findings


def _failures(found: InForce, *, now: datetime) -> list[Finding]:
    findings = []
    for code, payments, last_at, example in health_past.failures_since(now - _FAILING_FOR):
        if found.is_asked(code, at=now):
            said = (
                f"Could not be computed for {words.count(payments, 'payment')} in the last 6 hours,"
                f" last at {last_at:%H:%M} UTC for {example}"
            )
            figures = {"payments": payments, "last_at": last_at.isoformat(), "transaction_id": example}
            findings.append(Finding(code, said, figures))
    return findings
