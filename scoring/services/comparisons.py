"""A model against the champion on the newest mature payments, which neither of them learnt from."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, Q

from scoring.ml.comparing import Compared, Scored, compare
from scoring.ml.datasets import Dataset
from scoring.ml.model import Model, ModelRefusedError
from scoring.models import Decision, ModelComparison, ModelVersion, Outcome
from scoring.services.labelled_sample import mature_payments
from scoring.services.line_up import load_model

# Of more payments a sample of cards is compared on; of older ones neither model's future is like.
MOST_ROWS = 200_000
LONGEST = timedelta(days=28)
# With fewer frauds every interval spans everything.
LEAST_FRAUDS = 10


class NotComparableError(Exception):
    """They cannot be compared; the message says what is missing and the way out. Nothing was stored."""


def compare_with_champion(
    model: ModelVersion, *, at: datetime, maturity: timedelta | None = None, by: User | None = None
) -> ModelComparison:
    """Score the same payments with both, and keep what was found.

    They occurred after both trainings' times and are mature at `at`, four weeks at most; labels as known at `at`.

    Raises:
        NotComparableError: there is no other champion, one of the two cannot score, or too few payments are left.
    """
    maturity = timedelta(days=settings.LABEL_MATURITY_DAYS) if maturity is None else maturity
    champion = ModelVersion.objects.filter(stage=ModelVersion.Stage.CHAMPION).exclude(id=model.id).first()
    if champion is None:
        raise NotComparableError("There is no other model that is champion.")
    until = at - maturity
    since = max(model.trained_to, champion.trained_to, until - LONGEST)
    if since >= until:
        raise NotComparableError(
            "No payment is mature that came after both trainings. Compare later, or train on an older time."
        )
    try:
        loaded = load_model(model), load_model(champion)
    except ModelRefusedError as error:
        raise NotComparableError(f"{error} Train another model.") from error
    known = mature_payments(since, until, labels_as_of=at, maturity=maturity, most=MOST_ROWS)
    if known.frauds < LEAST_FRAUDS or known.frauds == len(known):
        raise NotComparableError(
            f"Only {known.frauds} frauds are known among {len(known):,} mature payments that neither model learnt from;"
            f" {LEAST_FRAUDS} are needed. Record labels, or compare later."
        )
    currency = _currency(known)
    found = compare(_scored(known, *loaded, currency), flagged=_flagged(since, until, len(known)))
    return ModelComparison.objects.create(
        model=model,
        champion=champion,
        since=since,
        until=until,
        labels_as_of=at,
        is_worse=_is_worse(found),
        words=_words(found, champion.version, since, until),
        figures=_figures(found, currency),
        requested_by=by,
    )


def _currency(known: Dataset) -> str:
    """What value is told in: the product's currency, or the one most payments are in where none is."""
    main: str = settings.DASHBOARD_CURRENCY
    names, counts = np.unique(known.currencies, return_counts=True)
    return main if main in names else str(names[counts.argmax()])


def _scored(known: Dataset, model: Model, champion: Model, currency: str) -> Scored:
    return Scored(
        labels=known.labels,
        cards=known.cards,
        amounts=known.amounts,
        counts_amount=known.currencies == currency,
        scores=model.score(known.vectors),
        champion_scores=champion.score(known.vectors),
    )


def _flagged(since: datetime, until: datetime, rows: int) -> int:
    """As large a share of the rows as was flagged in those days, by whatever flagged it; one at least."""
    counted = Decision.objects.filter(occurred_at__gte=since, occurred_at__lt=until).aggregate(
        payments=Count("id"), flagged=Count("id", filter=~Q(outcome=Outcome.APPROVE))
    )
    return max(1, round(rows * int(counted["flagged"]) / max(int(counted["payments"]), 1)))


def _is_worse(found: Compared) -> bool:
    return found.average_precision.high < 0 or (found.missed is not None and found.missed.low > 0)


def _words(found: Compared, champion: str, since: datetime, until: datetime) -> str:
    precision, missed = found.average_precision, found.missed
    parts = [
        f"Against {champion} on {found.rows:,} payments from {since:%-d %b} to {until:%-d %b %Y} with {found.frauds:,}"
        f" frauds: average precision {precision.model:.3f} to {precision.champion:.3f}"
        f" (difference {precision.difference:+.3f}, {precision.low:+.3f} to {precision.high:+.3f})"
    ]
    if missed is not None:
        parts.append(
            f"of the fraud's value {missed.model:.0%} missed to {missed.champion:.0%} at {found.flagged:,} alerts"
            f" ({missed.low:+.0%} to {missed.high:+.0%})"
        )
    return "; ".join(parts) + "."


def _figures(found: Compared, currency: str) -> dict[str, Any]:
    return asdict(found) | {"currency": currency}
