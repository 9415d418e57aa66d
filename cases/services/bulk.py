"""One verdict on many cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from cases.models import Case, Verdict
from cases.services import claims, verdicts

# What one person looks through as a group, and what is labelled while they wait.
MAX_CASES = 100


class TooManyCasesError(Exception):
    """More cases than one verdict may decide; nothing changed."""


@dataclass(frozen=True)
class PassedOver:
    """A case the verdict did not reach, and the refusal of the verdict's service."""

    case: Case
    refusal: Exception


@dataclass(frozen=True)
class BulkResult:
    said: list[Verdict]
    passed_over: list[PassedOver]


def decide_all(
    seen: Sequence[tuple[Case, int]], *, analyst: User, verdict: str, typology: str, note: str, decided_at: datetime
) -> BulkResult:
    """Record the verdict on each case, in a transaction of its own, as if each had been decided alone.

    `seen`: the cases, each with as many payments as the analyst was shown. What is decided, held by somebody else or
    has grown is passed over; the others stand whatever happens to those after them.

    Raises:
        TooManyCasesError: more than 100.
    """
    if len(seen) > MAX_CASES:
        raise TooManyCasesError(len(seen))
    said, passed_over = [], []
    for case, seen_alerts in seen:
        try:
            one = verdicts.record(
                case=case,
                analyst=analyst,
                verdict=verdict,
                typology=typology,
                note=note,
                decided_at=decided_at,
                seen_alerts=seen_alerts,
            )
        except (verdicts.AlreadyDecidedError, verdicts.CaseGrewError, claims.ClaimedByOtherError) as refusal:
            passed_over.append(PassedOver(case, refusal))
        else:
            said.append(one)
    return BulkResult(said, passed_over)
