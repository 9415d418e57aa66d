"""What moved, in words for people who review fraud. Pure."""

from scoring.features.definitions import BY_NAME
from scoring.ml.drift import Shift
from scoring.ml.drift_days import ANOMALY, SCORE
from scoring.ml.drift_signs import Rate, Usual
from scoring.ml.wording import value_text

# Values of these spread over many sizes: their middle tells more than how many lie above one of them.
_BY_MIDDLE = {"money", "seconds", "km"}
# A middle that moved by less is not what the distance is about.
_LEAST_RATIO = 1.1
SORTS = {"channel": "Channels", "merchant_country": "Countries of merchants", "currency": "Currencies"}


def of_shift(name: str, shift: Shift, usual: Usual) -> str:
    """`amount: the middle value is 31 % higher than in training (KS 0.12, usual at most 0.03)`."""
    if shift.ks is None:
        return f"{name}: no values to compare"
    return f"{name}: {_moved(name, shift)} (KS {shift.ks:.2f}, {_usual(usual.ks)})"


def of_missing(name: str, shift: Shift) -> str:
    return f"{name}: {shift.missing:.0%} of payments have no value; {shift.missing_then:.0%} had none in training"


def of_kinds(sort: str, distance: float, usual: float | None, most_moved: str, then: float, now: float) -> str:
    moved = f"{most_moved} is {now:.0%} of payments, {then:.0%} in training"
    return f"{SORTS[sort]}: {moved} ({distance:.0%} of payments differ, {_usual(usual, percent=True)})"


def of_alerts(rate: Rate) -> str:
    usual = f"{rate.low:.2%} to {rate.high:.2%} were usual in the four weeks before"
    return f"Alerts: {rate.share:.2%} of payments were flagged; {usual}"


def of_labels(rate: Rate, trained_on: float) -> str:
    return f"Frauds: {rate.share:.2%} of mature payments are fraud; {trained_on:.2%} were in training"


def of_calibration(frauds: int, expected: float, rows: int) -> str:
    what = "too low" if frauds > expected else "too high"
    return f"Scores are {what}: {frauds:,} frauds in {rows:,} mature payments; the scores expect {expected:,.0f}"


def _usual(usual: float | None, *, percent: bool = False) -> str:
    if usual is None:
        return "not known what is usual"
    return f"usual at most {usual:.0%}" if percent else f"usual at most {usual:.2f}"


def _moved(name: str, shift: Shift) -> str:
    feature = BY_NAME.get(name)
    if feature is not None and feature.unit in _BY_MIDDLE and shift.middle and shift.middle[0] > 0:
        ratio = shift.middle[1] / shift.middle[0]
        if ratio >= _LEAST_RATIO or ratio <= 1 / _LEAST_RATIO:
            return f"the middle value is {_change(ratio)} than in training"
    then, now = shift.at_or_above
    return f"{now:.0%} of payments {_where(name, shift.edge or 0.0)}, {then:.0%} in training"


def _change(ratio: float) -> str:
    if ratio >= 2:
        return f"{ratio:,.1f} times higher"
    return f"{ratio - 1:.0%} higher" if ratio > 1 else f"{1 - ratio:.0%} lower"


def _where(name: str, edge: float) -> str:
    if name in (SCORE, ANOMALY):
        return f"score {edge:.3g} or more"
    feature = BY_NAME[name]
    if feature.unit == "flag":
        return "have it"
    # A currency would be wrong for most: what is compared is all payments.
    text = f"{edge:,.2f}" if feature.unit == "money" else value_text(feature, edge, currency="")
    return f"are at {text.strip()} or above"
