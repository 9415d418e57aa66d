"""A report of drift: every value of a window of days against the training, judged and put into words. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from scoring.intervals import wilson
from scoring.ml import drift_signs, drift_words
from scoring.ml.drift import Shift, chance_of_kinds, shift_of, total_variation
from scoring.ml.drift_days import ANOMALY, SCORE, DayCounts, add, distributions, missing_then, windows
from scoring.ml.drift_signs import Limits, Rate, Severity, Usual
from scoring.ml.reference import Distribution, Reference
from scoring.ml.reliability import Reliability

# Of so many of the values that moved most the report keeps the bins; of all of them the measures.
DRAWN = 12
# Findings of mature labels, which are of older payments than all others.
LABEL_RATE, CALIBRATION = "label rate", "calibration"
OF_LABELS = (LABEL_RATE, CALIBRATION)


@dataclass(frozen=True)
class Finding:
    """Something that is not as in training."""

    code: str
    severity: Severity
    words: str
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Moved:
    """One value of payments, and how it is judged."""

    name: str
    shift: Shift
    usual: Usual
    severity: Severity
    missing_severity: Severity

    @property
    def worst(self) -> Severity:
        return drift_signs.worst([self.severity, self.missing_severity])


@dataclass(frozen=True)
class Mix:
    """Kinds of payments: channels, countries, currencies."""

    sort: str
    distance: float
    usual: float | None
    severity: Severity
    then: Mapping[str, float]
    now: Mapping[str, float]

    @property
    def most_moved(self) -> str:
        return max(sorted(self.then.keys() | self.now.keys()), key=lambda kind: abs(self._by(kind)))

    def _by(self, kind: str) -> float:
        return self.now.get(kind, 0.0) - self.then.get(kind, 0.0)


@dataclass(frozen=True)
class Measured:
    """All that is said about a window. `learnt_from`: stretches of the training that tell what is usual."""

    rows: int
    payments: int
    learnt_from: int
    values: Sequence[Moved]
    mixes: Sequence[Mix]
    alerts: Rate
    alerts_severity: Severity
    findings: Sequence[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Past:
    """What a window is held against. trained: days of the training time. before: windows of the weeks before it."""

    trained: Mapping[date, DayCounts]
    before: Sequence[DayCounts]
    window_days: int


def measure(reference: Reference, window: DayCounts, past: Past, limits: Limits, *, least_rows: int) -> Measured:
    """Measure a window with at least one row, and say what moved, the most serious first."""
    stretches = windows(past.trained, past.window_days, least_rows=least_rows)
    values = _values(reference, window, stretches, limits)
    mixes = _mixes(window, past.trained.values(), stretches, limits)
    alerts = _alerts(window, past.before)
    severity = drift_signs.of_rate(alerts, limits) if past.before else Severity.OK
    found = [*_of_values(values), *_of_mixes(mixes)]
    if severity != Severity.OK:
        found.append(Finding("alerts", severity, drift_words.of_alerts(alerts), asdict(alerts)))
    return Measured(window.rows, window.payments, len(stretches), values, mixes, alerts, severity, in_order(found))


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The most serious first; of one severity as they came, which is by how far they moved."""
    return sorted(findings, key=lambda one: -drift_signs.ORDER.index(one.severity))


def of_labels(known: Reliability, reference: Reference, limits: Limits) -> list[Finding]:
    """What mature labels say: whether fraud is as frequent as in training, and as frequent as scores say."""
    findings = []
    trained = Rate(known.frauds, known.rows, reference.label_rate, reference.label_rate)
    severity = drift_signs.of_rate(trained, limits)
    if severity != Severity.OK:
        words = drift_words.of_labels(trained, reference.label_rate)
        findings.append(Finding(LABEL_RATE, severity, words, asdict(trained)))
    said = known.expected / known.rows
    scored = Rate(known.frauds, known.rows, said, said)
    severity = drift_signs.of_rate(scored, limits)
    if severity != Severity.OK:
        words = drift_words.of_calibration(known.frauds, known.expected, known.rows)
        findings.append(Finding(CALIBRATION, severity, words, asdict(scored)))
    return findings


def _values(reference: Reference, window: DayCounts, stretches: Sequence[DayCounts], limits: Limits) -> list[Moved]:
    """Every feature and score, those that moved most against what is usual first."""
    found = []
    for name, then in distributions(reference).items():
        absent = missing_then(reference, name)
        shift = _shift(name, then, window, absent)
        usual = drift_signs.usual_of([_shift(name, then, stretch, absent) for stretch in stretches])
        severity = drift_signs.of_distance(shift.ks, usual.ks, limits, chance=shift.chance)
        missing = Severity.OK if name in (SCORE, ANOMALY) else drift_signs.of_missing(shift, usual, limits)
        found.append(Moved(name, shift, usual, severity, missing))
    return sorted(found, key=lambda one: (-drift_signs.ORDER.index(one.worst), -(one.shift.ks or 0.0), one.name))


def _shift(name: str, then: Distribution, counted: DayCounts, missing_before: float) -> Shift:
    now = counted.values.get(name, [0] * len(then.counts))
    missing = counted.missing.get(name, 0)
    return shift_of(then, now, rows=counted.rows, missing=missing, missing_then=missing_before)


def _mixes(
    window: DayCounts, trained: Iterable[DayCounts], stretches: Sequence[DayCounts], limits: Limits
) -> list[Mix]:
    then = add(trained)
    found = []
    for sort in drift_words.SORTS:
        before, now = then.kinds.get(sort, {}), window.kinds.get(sort, {})
        distance = total_variation(before, now)
        if distance is None:
            continue
        usual = drift_signs.most(total_variation(before, one.kinds.get(sort, {})) for one in stretches)
        chance = chance_of_kinds(before, now)
        severity = drift_signs.of_distance(distance, usual, limits, chance=chance)
        found.append(Mix(sort, distance, usual, severity, _shares(before), _shares(now)))
    return found


def _shares(counted: Mapping[str, int]) -> dict[str, float]:
    return {kind: number / sum(counted.values()) for kind, number in counted.items()}


def _alerts(window: DayCounts, before: Sequence[DayCounts]) -> Rate:
    """Against the weeks before, not the training: thresholds and rules are changed on purpose."""
    rates = [one.flagged / one.payments for one in before if one.payments]
    if not rates:
        low, high = wilson(window.flagged, window.payments)
        return Rate(window.flagged, window.payments, low, high)
    return Rate(window.flagged, window.payments, min(rates), max(rates))


def _of_values(values: Iterable[Moved]) -> list[Finding]:
    found = []
    for one in values:
        sort = one.name if one.name in (SCORE, ANOMALY) else f"feature {one.name}"
        figures = {"ks": one.shift.ks, "psi": one.shift.psi, "usual_ks": one.usual.ks, "rows": one.shift.rows}
        if one.severity != Severity.OK:
            words = drift_words.of_shift(one.name, one.shift, one.usual)
            found.append(Finding(sort, one.severity, words, figures))
        if one.missing_severity != Severity.OK:
            words = drift_words.of_missing(one.name, one.shift)
            moved = {"missing": one.shift.missing, "missing_then": one.shift.missing_then, "rows": one.shift.rows}
            found.append(Finding(f"missing {one.name}", one.missing_severity, words, moved))
    return found


def _of_mixes(mixes: Iterable[Mix]) -> list[Finding]:
    found = []
    for mix in mixes:
        if mix.severity != Severity.OK:
            kind = mix.most_moved
            then, now = mix.then.get(kind, 0.0), mix.now.get(kind, 0.0)
            words = drift_words.of_kinds(mix.sort, mix.distance, mix.usual, kind, then, now)
            found.append(
                Finding(f"mix {mix.sort}", mix.severity, words, {"distance": mix.distance, "usual": mix.usual})
            )
    return found
