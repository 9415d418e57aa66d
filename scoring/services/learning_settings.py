"""What managers set for drift and for retraining: two tables of one row each."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User

from scoring.ml.drift_signs import Limits
from scoring.models import DriftSettings, RetrainingSettings


def drift_settings() -> DriftSettings:
    """The one row; it is made when somebody first asks."""
    return DriftSettings.objects.get_or_create(id=1)[0]


def retraining_settings() -> RetrainingSettings:
    """The one row; it is made when somebody first asks."""
    return RetrainingSettings.objects.get_or_create(id=1)[0]


def limits_of(found: DriftSettings) -> Limits:
    return Limits(
        effect_watch=found.effect_watch,
        effect_alarm=found.effect_alarm,
        times_usual=found.times_usual,
        missing_alarm=found.missing_alarm,
        rate_alarm=found.rate_alarm,
    )


def change_drift_settings(values: Mapping[str, object], *, by: User, at: datetime) -> None:
    """Set some fields; reports from now on follow them."""
    drift_settings()
    DriftSettings.objects.filter(id=1).update(**values, changed_by=by, changed_at=at)


def change_retraining_settings(values: Mapping[str, object], *, by: User, at: datetime) -> None:
    """Set some fields; a training that runs goes on as it was asked for."""
    retraining_settings()
    RetrainingSettings.objects.filter(id=1).update(**values, changed_by=by, changed_at=at)
