"""A model on its way, for the demo: one that a manager proposes and another may promote."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError, OutputWrapper

from scoring.models import ModelVersion
from scoring.services.model_stages import propose

_DAYS = 12
_NOTE = "It learnt from newer days than the champion; see whether it ranks as well before it decides."


def begin_models(manager: User, *, now: datetime, maturity_days: int, out: OutputWrapper) -> ModelVersion | None:
    """Train on the newest days whose labels are known, and propose it; None where these days teach too little."""
    end = now - timedelta(days=maturity_days)
    try:
        call_command(
            "train_model", start=end - timedelta(days=_DAYS), end=end, maturity_days=maturity_days, labels_as_of=now,
            stdout=out, stderr=out,
        )  # fmt: skip
    except CommandError as error:
        out.write(f"No second model: {error}")
        return None
    candidate = ModelVersion.objects.filter(stage=ModelVersion.Stage.CANDIDATE).order_by("-id").first()
    return (
        propose(version=candidate.version, note=_NOTE, by=manager, at=max(now, candidate.created_at))
        if candidate
        else None
    )
