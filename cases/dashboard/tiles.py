"""The figures at the head of each part: value, what it counts, and how it compares with the time before."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal

from cases import durations, words
from cases.charts.scale import percent
from cases.dashboard import wording
from cases.dashboard.figures import Dashboard, DayOfWork, Work
from cases.dashboard.span import DAY, Span
from cases.dashboard.sums import Share, Sums
from cases.dashboard.wording import Delta
from cases.queries.audit import Audited

_HOUR_SECONDS = 3600
# The median of fewer says more about those few than about the desk.
_ENOUGH_CASES = 10


@dataclass(frozen=True)
class Costs:
    """What the desk costs, in `currency`: an hour of work, or a case instead; one customer wrongly stopped."""

    currency: str
    hour: Decimal
    case: Decimal
    false_positive: Decimal

    def review(self, *, seconds: int, verdicts: int) -> Decimal:
        if self.case:
            return self.case * verdicts
        return self.hour * seconds / _HOUR_SECONDS


@dataclass(frozen=True)
class Tile:
    """`counts` says what the figure is made of, `note` what stands behind this one."""

    title: str
    value: str
    counts: str
    unit: str = ""
    note: str = ""
    delta: Delta | None = None


def mature_days(span: Span, maturity: timedelta) -> int:
    """How many days of the span are so old that nearly all labels are in."""
    last = (span.now.astimezone(UTC) - maturity).date()
    return max(0, min(span.days, (last - span.first).days))


def money_tiles(page: Dashboard, *, costs: Costs, maturity: timedelta) -> list[Tile]:
    payments = page.payments
    return [
        _stopped(page, payments.all),
        _missed(page, payments.all, maturity),
        _review_cost(page, costs),
        _false_positives(page, payments.all, costs),
    ]


def _stopped(page: Dashboard, sums: Sums) -> Tile:
    payments, currency = page.payments, page.payments.currency
    confirmed = (
        f"{wording.amount(sums.confirmed_amount, currency)} confirmed in {words.count(sums.confirmed, 'payment')}"
    )
    return Tile(
        "Stopped",
        wording.amount(sums.expected_stop, currency),
        "Declined, or sent to review and not released, and fraud: by label, or without one as score × amount",
        currency,
        f"{confirmed}, {wording.amount(sums.pending_stake, currency)} expected of {sums.pending:,} more",
        _amount_change(page, payments.comparable.expected_stop, payments.before.expected_stop, good=1),
    )


def _missed(page: Dashboard, sums: Sums, maturity: timedelta) -> Tile:
    payments, span = page.payments, page.span
    mature = mature_days(span, maturity)
    whole = (
        f"labels complete for {'all' if mature == span.days else mature or 'none'} of {words.count(span.days, 'day')}"
    )
    return Tile(
        "Missed",
        wording.amount(sums.lost_amount, payments.currency),
        "Approved, or released by a verdict, and labelled fraud since",
        payments.currency,
        f"{words.count(sums.lost, 'payment')}; {whole}{'' if mature == span.days else ', so this still grows'}",
        wording.change(
            float(payments.comparable.lost_amount),
            float(payments.before.lost_amount),
            _than_labelled(page, maturity),
            good=-1 if mature == span.days else 0,
        ),
    )


def _review_cost(page: Dashboard, costs: Costs) -> Tile:
    work, verdicts = page.desk.all, page.desk.verdicts_of_people
    hours = wording.length(timedelta(seconds=work.handled_seconds)) if work.handled_seconds else "no time"
    each = (
        f"{costs.case} {costs.currency} a case" if costs.case else f"{hours} at {costs.hour} {costs.currency} an hour"
    )
    now, before = (_cost_of(page, costs, shift) for shift in (0, page.span.days))
    return Tile(
        "Review cost",
        wording.amount(costs.review(seconds=work.handled_seconds, verdicts=verdicts), costs.currency),
        "Time from claim to verdict, skip, release, escalation or snooze, at most 30 minutes a claim",
        costs.currency,
        f"{words.count(verdicts, 'verdict')}; {each}",
        None if now is None or before is None else _whole_days_change(page, now, before),
    )


def _cost_of(page: Dashboard, costs: Costs, shift: int) -> Decimal | None:
    """Of the days that are over, so many days earlier; None where none is."""
    span = page.span
    over = span.days - span.is_running
    if not over:
        return None
    done = [page.desk.days.get(span.first + (number - shift) * DAY, DayOfWork(0, 0)) for number in range(over)]
    return costs.review(seconds=sum(day.handled_seconds for day in done), verdicts=sum(day.verdicts for day in done))


def _whole_days_change(page: Dashboard, now: Decimal, before: Decimal) -> Delta:
    than = f"{_than(page)}{', without today' if page.span.is_running else ''}"
    return wording.change(float(now), float(before), than, good=0)


def _false_positives(page: Dashboard, sums: Sums, costs: Costs) -> Tile:
    payments = page.payments
    held = wording.amount(sums.false_alarm_amount, payments.currency)
    said = f"{words.count(sums.false_alarms, 'payment')} of {held} {payments.currency}"
    return Tile(
        "False positives",
        wording.amount(costs.false_positive * sums.false_alarms, costs.currency),
        "Declined or sent to review, and labelled legitimate",
        costs.currency,
        f"{said}, at {costs.false_positive} {costs.currency} a payment",
        wording.change(payments.comparable.false_alarms, payments.before.false_alarms, _than(page), good=-1),
    )


def rate_tiles(page: Dashboard, *, maturity: timedelta) -> list[Tile]:
    sums, then, before, than = page.payments.all, page.payments.comparable, page.payments.before, _than(page)
    amount = f"{wording.amount(sums.amount, page.payments.currency)} {page.payments.currency}"
    return [
        Tile(
            "Payments", f"{sums.payments:,}", "Decided, in this currency", note=amount,
            delta=wording.change(then.payments, before.payments, than, good=0),
        ),
        Tile(
            "Sent to review", wording.share(sums.review_rate), "Of all payments",
            note=words.count(sums.reviewed, "payment"),
            delta=wording.share_change(then.review_rate, before.review_rate, than, good=0),
        ),
        Tile(
            "Declined", wording.share(sums.decline_rate), "Of all payments",
            note=words.count(sums.declined, "payment"),
            delta=wording.share_change(then.decline_rate, before.decline_rate, than, good=0),
        ),
        _quality(
            page, "Precision", lambda sums: sums.precision, than, "Of flagged payments with a label: fraud", good=1
        ),
        _audited_recall(page.audited) or _known_recall(page, maturity=maturity),
    ]  # fmt: skip


def _audited_recall(audited: Audited | None) -> Tile | None:
    """What the random sample says; None where too few of it are reviewed."""
    found = audited.recall if audited is not None and audited.is_telling else None
    if audited is None or found is None:
        return None
    sample = audited.sample
    return Tile(
        "Recall",
        percent(found.value),
        "Of all frauds, also those nobody reports: flagged",
        note=(
            f"from {words.count(sample.reviewed, 'payment')} reviewed at random, {sample.frauds:,} of them fraud; "
            f"95 of 100 such figures lie within {percent(found.low)} to {percent(found.high)}"
        ),
    )


def _known_recall(page: Dashboard, *, maturity: timedelta) -> Tile:
    return _quality(
        page,
        "Recall",
        lambda sums: sums.recall,
        _than_labelled(page, maturity),
        "Of known frauds only, so too high: flagged",
        good=int(mature_days(page.span, maturity) == page.span.days),
    )


def _quality(  # noqa: PLR0913 - the words that differ
    page: Dashboard, title: str, share_of: Callable[[Sums], Share], than: str, counts: str, *, good: int
) -> Tile:
    share, payments = share_of(page.payments.all), page.payments
    note = f"{share.part:,} of {share.whole:,}"
    if share.is_telling:
        note += f"; 95 of 100 such figures lie within {wording.interval(share)}"
    return Tile(
        title,
        wording.share_of_labels(share),
        counts,
        note=note if share.whole else "no label yet",
        delta=wording.labels_change(share_of(payments.comparable), share_of(payments.before), than, good=good),
    )


def desk_tiles(page: Dashboard) -> list[Tile]:
    work, before, backlog = page.desk.all, page.desk.before, page.backlog
    than = _than(page)
    in_time, before_in_time = Share(work.in_time, work.verdicts), Share(before.in_time, before.verdicts)
    waiting = f"{backlog.overdue:,} overdue, {backlog.due_soon:,} due within 10 min" if backlog else ""
    return [
        Tile("Open now", f"{backlog.open:,}" if backlog else wording.NONE, "Cases without a verdict", note=waiting),
        Tile(
            "Decided in time", wording.share(in_time), "Of the cases decided: before they were due",
            note=f"{work.in_time:,} of {words.count(work.verdicts, 'case')}",
            delta=wording.share_change(in_time, before_in_time, than, good=1),
        ),
        _wait("First look", work, work.first_looks, before.first_looks, than, "From opening to the first look"),
        _wait("Verdict", work, work.verdict_times, before.verdict_times, than, "From opening to the verdict"),
    ]  # fmt: skip


def _wait(title: str, work: Work, counts: list[int], earlier: list[int], than: str, said: str) -> Tile:
    now, before = durations.median(counts), durations.median(earlier)
    delta = Delta(f"too few cases in {than} to compare")
    if now is not None and before is not None and sum(earlier) >= _ENOUGH_CASES:
        delta = wording.change(now.total_seconds(), before.total_seconds(), than, good=-1, words=("longer", "shorter"))
    return Tile(title, wording.length(now), said, note=f"median of {words.count(sum(counts), 'case')}", delta=delta)


def _amount_change(page: Dashboard, now: Decimal, before: Decimal, *, good: int) -> Delta:
    return wording.change(float(now), float(before), _than(page), good=good)


def _than(page: Dashboard) -> str:
    days = page.span.days
    return "the day before" if days == 1 else f"the {days} days before"


def _than_labelled(page: Dashboard, maturity: timedelta) -> str:
    """What hangs on chargebacks always looks better in young days: it is said, and not called better."""
    is_whole = mature_days(page.span, maturity) == page.span.days
    return _than(page) if is_whole else f"{_than(page)}, whose labels had longer to come"
