"""The charts of the dashboard: which numbers stand in which, and the same numbers as rows of a table."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from cases.charts.chart import Chart, Picture, Series, draw
from cases.charts.scale import percent, short
from cases.dashboard import wording
from cases.dashboard.figures import Dashboard, DayOfWork
from cases.dashboard.span import DAY, Span
from cases.dashboard.sums import Share, Sums, total
from cases.dashboard.tiles import Costs

# Of fewer labels a day's precision and recall are mostly chance: they are told by week, as over longer spans.
_LABELS_A_DAY, _LEAST_DAYS_BY_WEEK, _MOST_DAYS_OF_QUALITY = 20, 14, 31


@dataclass(frozen=True)
class Column:
    """Some hours or days next to each other, drawn as one."""

    begin: datetime
    name: str
    tick: str
    sums: Sums


def columns(page: Dashboard, *, least: str = "") -> list[Column]:
    """The span by hour, day or week; never finer than `least`."""
    span = page.span
    unit = "week" if span.is_by_week or least == "week" else "day" if least == "day" else span.step
    parts: dict[datetime, list[Sums]] = {}
    for bucket in span.buckets():
        parts.setdefault(_begin(bucket, unit, span), []).append(page.payments.buckets.get(bucket, Sums()))
    return [Column(begin, *_names(begin, unit), total(sums)) for begin, sums in parts.items()]


def unit_of_quality(page: Dashboard) -> str:
    """day or week, by how many labels there are."""
    days, sums = page.span.days, page.payments.all
    is_thin = sums.precision.whole < _LABELS_A_DAY * days and days >= _LEAST_DAYS_BY_WEEK
    return "week" if is_thin or days > _MOST_DAYS_OF_QUALITY else "day"


def _begin(bucket: datetime, unit: str, span: Span) -> datetime:
    """Weeks are counted back from the last day: a broken one at the end would look like a fall."""
    if unit == "hour":
        return bucket
    if unit == "day":
        return bucket.replace(hour=0)
    ago = (span.last - bucket.date()).days
    return max(span.since, bucket.replace(hour=0) - (6 - ago % 7) * DAY)


def _names(begin: datetime, unit: str) -> tuple[str, str]:
    if unit == "hour":
        return f"{begin:%-d %b %H:%M}", f"{begin:%H:%M}" if begin.hour else f"{begin:%-d %b}"
    day = f"{begin:%-d %b}"
    return (f"week from {day}" if unit == "week" else f"{begin:%a} {day}"), day


def money_chart(page: Dashboard, shown: Sequence[Column], *, maturity: timedelta) -> Chart:
    currency = page.payments.currency
    rows = [
        (column.name, *(wording.amount(value, currency) for value in (
            column.sums.confirmed_amount, column.sums.pending_stake, column.sums.lost_amount,
        )))
        for column in shown
    ]  # fmt: skip
    sums = page.payments.all
    said = f"Stopped {wording.amount(sums.expected_stop, currency)} {currency}"
    return draw(
        Picture(
            name="money",
            title=f"Stopped and missed, {currency}",
            words=f"{said}, missed {wording.amount(sums.lost_amount, currency)} {currency}",
            columns=[column.name for column in shown],
            ticks=[column.tick for column in shown],
            is_by_hour=_is_by_hour(page, shown),
            series=[
                Series("confirmed", "legit", [float(column.sums.confirmed_amount) for column in shown]),
                Series("expected", "legit-open", [float(column.sums.pending_stake) for column in shown]),
                Series("missed", "fraud", [float(column.sums.lost_amount) for column in shown], is_below=True),
            ],
            on_axis=short,
            header=["", "Confirmed", "Expected", "Missed"],
            rows=rows,
            shaded_from=_still_growing(shown, page.span, maturity),
        )
    )


def cost_chart(page: Dashboard, shown: Sequence[Column], *, costs: Costs) -> Chart:
    work = _work_by(shown, page.desk.days)
    review = [costs.review(seconds=day.handled_seconds, verdicts=day.verdicts) for day in work]
    wrong = [costs.false_positive * column.sums.false_alarms for column in shown]
    return draw(
        Picture(
            name="cost",
            title=f"What it cost, {costs.currency}",
            words=f"Review {wording.amount(sum(review, start=Decimal(0)), costs.currency)} {costs.currency}, "
            f"false positives {wording.amount(sum(wrong, start=Decimal(0)), costs.currency)} {costs.currency}",
            columns=[column.name for column in shown],
            ticks=[column.tick for column in shown],
            is_by_hour=_is_by_hour(page, shown),
            series=[
                Series("review", "accent", [float(cost) for cost in review]),
                Series("false positives", "warn-open", [float(cost) for cost in wrong]),
            ],
            on_axis=short,
            header=["", "Review", "False positives", "Verdicts"],
            rows=[
                (
                    column.name,
                    wording.amount(review[i], costs.currency),
                    wording.amount(wrong[i], costs.currency),
                    f"{work[i].verdicts:,}",
                )
                for i, column in enumerate(shown)
            ],
        )
    )


def _work_by(shown: Sequence[Column], days: Mapping[date, DayOfWork]) -> list[DayOfWork]:
    """Work of the days that each column stands for; columns follow each other without a gap."""
    begins = [column.begin.date() for column in shown]
    sums = [[0, 0] for _ in shown]
    for day, work in days.items():
        if day >= begins[0]:
            place = sums[bisect_right(begins, day) - 1]
            place[0] += work.handled_seconds
            place[1] += work.verdicts
    return [DayOfWork(*both) for both in sums]


def outcome_chart(page: Dashboard, shown: Sequence[Column]) -> Chart:
    return draw(
        Picture(
            name="outcomes",
            title="Sent to review and declined, of all payments",
            words=f"{wording.share(page.payments.all.review_rate)} sent to review, "
            f"{wording.share(page.payments.all.decline_rate)} declined",
            columns=[column.name for column in shown],
            ticks=[column.tick for column in shown],
            is_by_hour=_is_by_hour(page, shown),
            series=[
                Series("review", "warn", [column.sums.review_rate.value for column in shown], is_line=True),
                Series("declined", "fraud-dashed", [column.sums.decline_rate.value for column in shown], is_line=True),
            ],
            on_axis=percent,
            header=["", "Approved", "Review", "Declined", "Review rate", "Decline rate"],
            rows=[
                (
                    column.name,
                    f"{column.sums.approved:,}",
                    f"{column.sums.reviewed:,}",
                    f"{column.sums.declined:,}",
                    wording.share(column.sums.review_rate),
                    wording.share(column.sums.decline_rate),
                )
                for column in shown
            ],
            marks=_marks(page, shown),
            most=1.0,
        )
    )


def payments_chart(page: Dashboard, shown: Sequence[Column]) -> Chart:
    return draw(
        Picture(
            name="payments",
            title="Payments",
            words=f"{page.payments.all.payments:,} payments",
            columns=[column.name for column in shown],
            ticks=[column.tick for column in shown],
            is_by_hour=_is_by_hour(page, shown),
            series=[Series("payments", "edge", [column.sums.payments for column in shown])],
            on_axis=short,
            header=["", "Payments", f"Amount, {page.payments.currency}"],
            rows=[
                (column.name, f"{column.sums.payments:,}", wording.amount(column.sums.amount, page.payments.currency))
                for column in shown
            ],
            marks=_marks(page, shown),
            least_step=1,
        )
    )


def precision_chart(page: Dashboard, shown: Sequence[Column]) -> Chart:
    return _quality_chart(page, shown, "precision", "Precision", lambda sums: sums.precision, "Fraud", "Labelled")


def recall_chart(page: Dashboard, shown: Sequence[Column], *, maturity: timedelta) -> Chart:
    return _quality_chart(
        page, shown, "recall", "Recall of known frauds", lambda sums: sums.recall, "Flagged", "Fraud", maturity=maturity
    )


def _quality_chart(  # noqa: PLR0913 - the words that differ
    page: Dashboard,
    shown: Sequence[Column],
    name: str,
    title: str,
    share_of: Callable[[Sums], Share],
    part: str,
    whole: str,
    *,
    maturity: timedelta | None = None,
) -> Chart:
    everything = share_of(page.payments.all)
    shares = [share_of(column.sums) for column in shown]
    ends = [share.interval or (None, None) for share in shares]
    return draw(
        Picture(
            name=name,
            title=f"{title}, with its 95 % interval",
            words=f"{title} {wording.share_of_labels(everything)}, interval {wording.interval_of_labels(everything)}",
            columns=[column.name for column in shown],
            ticks=[column.tick for column in shown],
            is_by_hour=_is_by_hour(page, shown),
            series=[
                Series(
                    name,
                    "accent",
                    [share.value for share in shares],
                    is_line=True,
                    lower=[low for low, _ in ends],
                    upper=[high for _, high in ends],
                )
            ],
            on_axis=percent,
            header=["", title, "Interval", part, whole],
            rows=[
                (
                    shown[i].name,
                    wording.share_of_labels(share),
                    wording.interval_of_labels(share),
                    f"{share.part:,}",
                    f"{share.whole:,}",
                )
                for i, share in enumerate(shares)
            ],
            most=1.0,
            shaded_from=None if maturity is None else _still_growing(shown, page.span, maturity),
        )
    )


def backlog_chart(page: Dashboard) -> Chart:
    """Open cases at the end of each hour or day."""
    buckets = page.span.buckets()
    names = [_names(bucket, page.span.step) for bucket in buckets]
    counts = [page.backlog_history.get(bucket) for bucket in buckets]
    return draw(
        Picture(
            name="backlog",
            title="Open cases",
            words=f"{page.backlog.open:,} open cases now" if page.backlog else "Not counted yet",
            columns=[name for name, _ in names],
            ticks=[tick for _, tick in names],
            is_by_hour=page.span.step == "hour",
            series=[Series("open", "accent", counts, is_line=True)],
            on_axis=short,
            header=["", "Open cases"],
            rows=[(names[i][0], wording.NONE if count is None else f"{count:,}") for i, count in enumerate(counts)],
            least_step=1,
        )
    )


def _is_by_hour(page: Dashboard, shown: Sequence[Column]) -> bool:
    return len(shown) > page.span.days


def _marks(page: Dashboard, shown: Sequence[Column]) -> list[tuple[int, str]]:
    """Changes of versions, at their columns; several in one column stand together."""
    said: dict[int, list[str]] = {}
    for change in page.payments.changes:
        place = sum(1 for column in shown if column.begin <= change.hour) - 1
        said.setdefault(max(0, place), []).append(change.text)
    return [(place, ", ".join(texts)) for place, texts in sorted(said.items())]


def _still_growing(shown: Sequence[Column], span: Span, maturity: timedelta) -> int | None:
    """The first column for which labels may still come."""
    mature_until = span.now.astimezone(UTC) - maturity
    young = [place for place, column in enumerate(shown) if column.begin >= mature_until]
    return young[0] if young else None
