"""How a report of drift is kept as JSON. Pure."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from scoring.ml import drift_words
from scoring.ml.drift_days import ANOMALY, SCORE, DayCounts, distributions
from scoring.ml.drift_findings import DRAWN, Measured, Moved
from scoring.ml.reference import Reference
from scoring.ml.reliability import Reliability


def measured_json(measured: Measured, reference: Reference, window: DayCounts) -> dict[str, Any]:
    """Every value's measures; bins of those that moved most and of the scores."""
    known = distributions(reference)
    moved = [one.name for one in measured.values[:DRAWN]]
    drawn = moved + [name for name in (SCORE, ANOMALY) if name in known and name not in moved]
    return {
        "rows": measured.rows,
        "payments": measured.payments,
        "learnt_from": measured.learnt_from,
        "values": [_value(one) for one in measured.values],
        "mixes": [asdict(mix) for mix in measured.mixes],
        "alerts": asdict(measured.alerts) | {"severity": measured.alerts_severity},
        "drawn": {
            name: {"edges": list(known[name].edges), "then": list(known[name].counts), "now": window.values[name]}
            for name in drawn
        },
    }


def _value(one: Moved) -> dict[str, Any]:
    shift, usual = one.shift, one.usual
    return {
        "name": one.name,
        "ks": shift.ks,
        "psi": shift.psi,
        "usual_ks": usual.ks,
        "usual_psi": usual.psi,
        "missing": shift.missing,
        "missing_then": shift.missing_then,
        "severity": one.worst,
        "words": drift_words.of_shift(one.name, shift, usual),
    }


def labels_json(found: Reliability | None, since: datetime | None, until: datetime | None, why: str) -> dict[str, Any]:
    """What mature labels said, or why they said nothing."""
    if found is None or since is None or until is None:
        return {"why": why}
    return asdict(found) | {"since": since.isoformat(), "until": until.isoformat()}
