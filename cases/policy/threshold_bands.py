"""The bands of the threshold page: what each has, and whether labels bear out what scores say. Pure."""

from dataclasses import dataclass

from cases.dashboard import wording
from cases.policy.threshold_inputs import Inputs, amount, band_words, both, number
from scoring import threshold_proposals as proposals
from scoring import thresholds
from scoring.threshold_proposals import Verdict
from scoring.thresholds import Costs, Payments


@dataclass(frozen=True)
class BandRow:
    """A band: how much is in it, and whether labels bear out what scores say."""

    place: int
    words: str
    payments: str
    alerts: str
    present: str
    by_scores: str
    by_labels: str
    interval: str
    verdict: str
    css: str


def band_row(inputs: Inputs, place: int) -> BandRow:
    payments, costs = inputs.bands[place], inputs.prices.costs
    verdict = proposals.compare(payments, costs) if costs else None
    said, css = _verdict_words(payments, costs, verdict, inputs.figures.currency)
    return BandRow(
        place=place,
        words=band_words(inputs.figures, place),
        payments=f"{float(payments.count.sum() + payments.unscored.sum()) / len(inputs.figures.days):,.0f}",
        alerts=number(proposals.account([payments], [inputs.present[place]], None).alerts),
        present=both(inputs.present[place]),
        by_scores=both(proposals.by_cost([payments], costs)[0]) if costs else wording.NONE,
        by_labels=both(verdict.by_labels) if verdict else wording.NONE,
        interval=_interval_words(verdict),
        verdict=said,
        css=css,
    )


def _verdict_words(payments: Payments, costs: Costs | None, verdict: Verdict | None, currency: str) -> tuple[str, str]:
    if costs is None:
        return "give the costs", "soft"
    if verdict is None:
        return f"too few labels to tell: {payments.frauds_known:,.0f} frauds", "soft"
    if verdict.is_agreed:
        return "yes", ""
    wanted = [
        f"{name} {'higher' if interval.low > place else 'lower'}"
        for name, interval, place in (
            ("review", verdict.review, verdict.by_scores.review),
            ("decline", verdict.decline, verdict.by_scores.decline),
        )
        if not interval.holds(place)
    ]
    saved = f"worth {amount(verdict.regret, currency)} a day"
    return f"no: labels want {' and '.join(wanted)}, {saved}{_why_not(payments)}", "warn"


def _why_not(payments: Payments) -> str:
    """What may lie behind it that labels say otherwise."""
    found, unknown = proposals.calibration(payments), float(payments.unknown[payments.mature].sum())
    said = f"; {found.frauds / found.expected:.2f} frauds here per fraud that scores expect" if found else ""
    said += ", which are not calibrated" if found and found.is_off else ""
    return f"{said}; {unknown:,.0f} declines are unknown" if unknown else said


def _interval_words(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    ends = [
        f"{thresholds.THRESHOLDS[one.low]:g} to {thresholds.THRESHOLDS[one.high]:g}"
        for one in (verdict.review, verdict.decline)
    ]
    return " / ".join(ends)
