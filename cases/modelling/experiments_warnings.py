"""What keeps the figures of an experiment from meaning what they seem to. Pure."""

from collections.abc import Mapping
from typing import Any

from cases import words
from scoring.ml.experiments.comparing import share_mismatch
from scoring.models import Experiment
from scoring.queries_experiments import ALL, CHALLENGER, CHAMPION

# Shares of cards that differ from the plan by chance do so once in a thousand times. Source: as `share_mismatch`.
SUSPECT = 0.001
# Above it, so many cards were decided for by both that leaving them out may change what is left.
_MANY_CROSSED = 0.01


def warnings_of(experiment: Experiment, figures: Mapping[str, Any]) -> list[str]:
    """Sentences, the gravest first; none where nothing is amiss."""
    arms = figures["arms"].get(ALL, {})
    cards = tuple(arms.get(name, {}).get("cards", 0) for name in (CHAMPION, CHALLENGER))
    found = [_mismatch(cards, experiment.share), _crossed(figures["crossed_cards"], sum(cards))]
    found += [_left_out(figures["left_out"]), _young(arms, experiment), _own_queue(experiment)]
    return [one for one in found if one]


def _mismatch(cards: tuple[int, ...], share: float) -> str:
    champion, challenger = cards
    if share_mismatch((champion, challenger), share) >= SUSPECT:
        return ""
    seen = challenger / (champion + challenger)
    return (
        f"The arms do not have the cards they should: the challenger has {seen:.2%} of"
        f" {words.count(sum(cards), 'card')} instead of {share:.2%}, which chance does less than once in 1,000 times."
        " Find out why before you believe"
        " any figure here: was the challenger not loaded somewhere, or was the champion replaced?"
    )


def _crossed(crossed: int, cards: int) -> str:
    if not crossed or crossed <= _MANY_CROSSED * (cards + crossed):
        return ""
    return (
        f"{words.count(crossed, 'card')} were decided for by both models and are left out. Where the challenger could"
        " not be loaded, the champion decided for its cards."
    )


def _left_out(left_out: Mapping[str, int]) -> str:
    parts = {"degraded": "decided without features or a model", "other_models": "decided by other models"}
    said = [f"{words.count(left_out[name], 'payment')} {what}" for name, what in parts.items() if left_out[name]]
    return f"Left out: {words.listed(said)}." if said else ""


def _young(arms: Mapping[str, Any], experiment: Experiment) -> str:
    unknown = sum(arm["unknown"] for arm in arms.values())
    payments = sum(arm["payments"] for arm in arms.values())
    if not unknown:
        return ""
    return (
        f"Of {words.count(payments, 'payment')}, {unknown:,} are younger than {experiment.maturity_days} days and have"
        " no label: they count as nothing yet. Fraud that is reported later still is missing from both arms alike."
    )


def _own_queue(experiment: Experiment) -> str:
    if experiment.metric != Experiment.Metric.PRECISION:
        return ""
    return (
        "Each model fills the queue with its own alerts, and only those are reviewed: the precision says nothing of"
        " the frauds that a model did not flag. Watch the fraud rate of approved payments beside it."
    )
