"""Cases that were decided and are to be reviewed again."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User

from cases.models import Case, Check
from cases.services import checks, claims, verdicts
from cases.services.review_settings import change_settings
from tests.factories import HOUR, MINUTE, NOON, make_case

ALWAYS_SECOND, ALWAYS_KNOWN, NEVER = 0.1, 0.0, 0.99


def review_everything(**others: object) -> None:
    """Every decided case is reviewed again."""
    change_settings(values={"second_share": 1.0, "second_rate": 0.5, "known_rate": 0.05, **others}, displays={})


def decided_case(
    analyst: User, *, verdict: str = "fraud", decided_at: datetime = NOON, typology: str = "", note: str = "", **others
) -> Case:
    """A case the analyst claimed a minute before they decided it."""
    case = make_case(**{"opened_at": decided_at - HOUR, "due_at": decided_at + HOUR, **others})
    claims.claim(case=case, analyst=analyst, now=decided_at - timedelta(seconds=60))
    verdicts.record(
        case=case, analyst=analyst, verdict=verdict, typology=typology, note=note, decided_at=decided_at
    )  # fmt: skip
    case.refresh_from_db()
    return case


def take(analyst: User, *, draw: float = ALWAYS_SECOND, now: datetime = NOON + MINUTE) -> Check | None:
    return checks.take_next(analyst=analyst, now=now, draw=draw)
