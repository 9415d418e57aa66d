"""Reads what tells how good reviews are, in a fixed number of queries."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, F, FloatField, Q, Sum
from django.db.models.functions import Ln

from cases import words
from cases.agreement import Times
from cases.models import Case, Check, FirstVerdict, KnownCase, Reviewer
from cases.quality import FirstVerdicts, Reviews, Summary, summarise
from cases.services.checks import WAITS_AT_MOST
from cases.services.review_settings import current_settings

MAX_DISAGREEMENTS = 50
_VERDICT_COLUMNS = ("analyst", "typology", "verdict", "variant", "truth", "is_corrected")


@dataclass(frozen=True)
class Period:
    """From `since` up to, not including, `until`."""

    since: datetime
    until: datetime

    @property
    def last_day(self) -> date:
        return (self.until - timedelta(days=1)).date()

    def of(self, field: str) -> Q:
        return Q(**{f"{field}__gte": self.since, f"{field}__lt": self.until})


@dataclass(frozen=True)
class ComingUp:
    second: int
    known: int
    in_work: int


@dataclass(frozen=True)
class Quality:
    summary: Summary
    disagreements: list[Check]
    disagreement_count: int
    coming_up: ComingUp


def quality_in(period: Period, *, now: datetime) -> Quality:
    """What leads see; the disagreements that wait for somebody to settle them come first, then the newest."""
    firsts, reviews = _first_verdicts(period), _reviews(period)
    people = {one.analyst for one in firsts} | {one.speaks_of for one in reviews}
    names = {user.id: words.person(user) for user in User.objects.filter(id__in=people)}
    differing = Check.objects.filter(period.of("decided_at"), kind=Check.Kind.SECOND, agrees=False)
    listed = differing.select_related("case", "first_analyst", "analyst", "api_key", "settled_by")
    return Quality(
        summary=summarise(firsts, reviews, names=names),
        disagreements=list(listed.order_by(F("settled_at").desc(nulls_first=True), "-decided_at")[:MAX_DISAGREEMENTS]),
        disagreement_count=sum(one.number for one in reviews if one.kind == "second" and one.verdict != one.expected),
        coming_up=_coming_up(now),
    )


def own_quality_in(period: Period, *, user: User) -> Summary:
    """What a reviewer sees of their own work: never a second review, a known case only where the desk tells."""
    firsts = _first_verdicts(period, Q(analyst=user))
    is_told = current_settings().tells_known
    reviews = _reviews(period, Q(analyst=user, kind=Check.Kind.KNOWN)) if is_told else []
    return summarise(firsts, reviews, names={user.id: words.person(user)})


def known_case_of(case: Case) -> KnownCase | None:
    return KnownCase.objects.filter(case=case).select_related("marked_by").first()


def reviewers() -> list[tuple[User, str]]:
    """Everybody who decides cases, by name, each with what differs from the desk's settings."""
    people = User.objects.with_perm(
        "cases.review_case", include_superusers=False, backend="django.contrib.auth.backends.ModelBackend"
    )
    displays = dict(Reviewer.objects.values_list("user_id", "display"))
    return [(user, displays.get(user.id, "")) for user in people.order_by("username")]


def _first_verdicts(period: Period, condition: Q | None = None) -> list[FirstVerdicts]:
    found = FirstVerdict.objects.filter(period.of("decided_at"), condition or Q())
    log = Ln("seconds")
    groups = found.values(*_VERDICT_COLUMNS).annotate(
        number=Count("*"),
        timed=Count("seconds"),
        logs=Sum(log),
        squares=Sum(log * log, output_field=FloatField()),
    )
    return [_first_verdicts_of(dict(group)) for group in groups.order_by()]


def _first_verdicts_of(group: dict[str, Any]) -> FirstVerdicts:
    times = Times(group.pop("timed"), group.pop("logs") or 0.0, group.pop("squares") or 0.0)
    return FirstVerdicts(**group, times=times)


def _reviews(period: Period, condition: Q | None = None) -> list[Reviews]:
    found = Check.objects.filter(period.of("decided_at"), condition or Q())
    groups = found.values("kind", "analyst", "expected", "verdict", "variant", first=F("first_analyst"))
    return [Reviews(**group) for group in groups.annotate(number=Count("id")).order_by()]


def _coming_up(now: datetime) -> ComingUp:
    waiting = Check.objects.filter(decided_at=None, made_at__gt=now - WAITS_AT_MOST)
    counts = waiting.aggregate(
        second=Count("id", filter=Q(kind=Check.Kind.SECOND, analyst=None)),
        known=Count("id", filter=Q(kind=Check.Kind.KNOWN, analyst=None)),
        in_work=Count("id", filter=Q(analyst__isnull=False)),
    )
    return ComingUp(**counts)
