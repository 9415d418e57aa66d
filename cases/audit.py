"""The random audit of approved payments: with which chance one is drawn, and how the desk sees it. Pure."""

from cases.evidence import RANDOM_AUDIT
from cases.models import AuditDraw
from scoring.models import Decision

REASON_CODE = RANDOM_AUDIT
REASON_WORDS = "Random audit: nothing suspicious was found by the system"
# Beyond the cap the chance falls by this, with each eighth of the cap more: it gets small and never nothing, so that
# each approved payment can be drawn and the weights stay true.
THINNING = 4
STEPS_OF_CAP = 8
# A tenth of a millionth of the payments: nothing is learnt from fewer.
LEAST_CHANCE = 1e-7
# By then every chance is the least.
_MOST_STEPS = 32


def chance_of_day(share: float, *, daily_reviews: int, expected: int | None) -> float:
    """Chance (0-1) of an approved payment of a day: the share asked for, or what keeps to the cap by expectation.

    expected: approved payments of the day as far as former days tell; None before there are any.
    """
    if not share or not expected:
        return share
    return max(LEAST_CHANCE, min(share, daily_reviews / expected))


def thinned(chance: float, *, drawn: int, daily_reviews: int) -> float:
    """The chance of the next payment when so many were drawn this day: known before it is drawn, and above 0.

    With chances that hang only on what was drawn before, weights of 1 / chance stay unbiased.
    Source: Horvitz and Thompson, JASA 47 (1952); for chances set in sequence the terms are a martingale's.
    """
    beyond = STEPS_OF_CAP * drawn // daily_reviews - STEPS_OF_CAP + 1
    # A float ends long before a number of steps does: after a cap that was lowered far below what is drawn already.
    steps = min(max(0, beyond), _MOST_STEPS)
    return max(LEAST_CHANCE, chance / THINNING**steps) if chance else 0.0


def draw_of(decision: Decision) -> AuditDraw | None:
    """The draw by which a payment is looked at; read with the decision by `select_related("audit_draw")`."""
    return getattr(decision, "audit_draw", None)
