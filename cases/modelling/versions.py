"""What the pages of models show."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet, Sum
from django.http import Http404

from cases.modelling.steps import Offer, offers_for
from scoring.models import Experiment, ModelEvent, ModelVersion, Outcome, ShadowModelFigures
from scoring.services.line_up import refusal_of
from scoring.services.shadow_scores import NOT_SCORED

_MOST_IN_WORK, _MOST_RETIRED, _MOST_FORMER, _MOST_EVENTS = 50, 20, 3, 30
_PEOPLE = ("requested_by", "proposed_by", "promoted_by")
_LARGE = ("artefact", "anomaly_artefact", "dataset", "card", "reference")
_Stage = ModelVersion.Stage
# What a model is compared by: key of its metrics, what it is called, whether more is better.
_FIGURES = (
    ("average_precision", "Average precision", True),
    ("auc_roc", "Area under the ROC curve", True),
    ("expected_calibration_error", "Calibration error", False),
    ("brier", "Brier score", False),
)
_MAIN = "average_precision"


@dataclass(frozen=True)
class Figure:
    """A metric of a model with its 95 % interval (None where it has none)."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Compared:
    """A metric beside the champion's; None where one does not have it."""

    name: str
    is_more_better: bool
    mine: Figure | None
    champions: Figure | None

    @property
    def difference(self) -> float | None:
        if self.mine is None or self.champions is None:
            return None
        return self.mine.value - self.champions.value

    @property
    def change(self) -> str:
        return "" if self.difference is None else f"{self.difference:+.4f}"

    @property
    def is_better(self) -> bool:
        return self.difference is not None and (self.difference > 0) == self.is_more_better


@dataclass(frozen=True)
class ModelRow:
    """A model in a list."""

    model: ModelVersion
    main: Figure | None

    @property
    def rest(self) -> float:
        """What a challenger leaves the champion of the cards."""
        return 1.0 - (self.model.share or 0.0)


@dataclass(frozen=True)
class ModelsPage:
    """Who decides, what is tried, the candidates, those before, and what happened last.

    refused: of those that should decide, version -> why they may not.
    """

    champion: ModelRow | None
    challenger: ModelRow | None
    in_work: Sequence[ModelRow]
    retired: Sequence[ModelRow]
    events: Sequence[ModelEvent]
    refused: Mapping[str, str]

    @property
    def deciding(self) -> list[ModelRow]:
        return [row for row in (self.champion, self.challenger) if row]

    @property
    def former(self) -> list[ModelVersion]:
        """Champions of before that can be brought back, the last one first."""
        return [row.model for row in self.retired if row.model.promoted_at is not None][:_MOST_FORMER]


@dataclass(frozen=True)
class InShadow:
    """What the scores of a model in shadow would have led to. rows: what was decided, then payments by what would."""

    payments: int
    not_scored: int
    alerts: int
    live_alerts: int
    rows: Sequence[tuple[str, Sequence[int]]]


@dataclass(frozen=True)
class ModelPage:
    """A model: what it is, its figures beside the champion's, what was done with it and what can be.

    experiment: the one that runs, of whichever models.
    """

    model: ModelVersion
    champion: ModelVersion | None
    figures: Sequence[Compared]
    events: Sequence[ModelEvent]
    offers: Sequence[Offer]
    shadow: InShadow | None
    experiment: Experiment | None

    @property
    def proposal(self) -> ModelEvent | None:
        """With which words it was proposed last."""
        return next((event for event in self.events if event.action == ModelEvent.Action.PROPOSED), None)

    @property
    def calibration(self) -> str:
        """How a margin of the trees becomes a probability, before the logistic curve."""
        return f"{self.model.calibration_slope:.3f} × margin {self.model.calibration_intercept:+.3f}"

    @property
    def libraries(self) -> str:
        return ", ".join(f"{name} {version}" for name, version in sorted(self.model.libraries.items()))


def models_page() -> ModelsPage:
    """The page of all models."""
    found = _models()
    in_work = found.filter(stage__in=[_Stage.CANDIDATE, _Stage.SHADOW]).order_by("-id")[:_MOST_IN_WORK]
    retired = found.filter(stage=_Stage.RETIRED).order_by("-stage_since", "-id")[:_MOST_RETIRED]
    deciding = {row.stage: _row(row) for row in found.filter(stage__in=[_Stage.CHAMPION, _Stage.CHALLENGER])}
    named = [row.model for row in deciding.values()]
    return ModelsPage(
        champion=deciding.get(_Stage.CHAMPION),
        challenger=deciding.get(_Stage.CHALLENGER),
        # What waits for somebody comes first.
        in_work=sorted(map(_row, in_work), key=lambda row: row.model.proposed_at is None),
        retired=list(map(_row, retired)),
        events=list(_events()[:_MOST_EVENTS]),
        refused={one.version: why for one in named if (why := refusal_of(one.version, one.signature))},
    )


def model_page(version: str, user: User) -> ModelPage:
    """The page of one model for a person.

    Raises:
        Http404: there is no such model.
    """
    model = _models().filter(version=version).first() if "\0" not in version else None
    if model is None:
        raise Http404("There is no such model.")
    champion = _models().filter(stage=_Stage.CHAMPION).exclude(id=model.id).first()
    running = Experiment.objects.filter(end="").only("id").first()
    return ModelPage(
        model=model,
        champion=champion,
        figures=_compared(model, champion),
        events=list(_events().filter(model=model)),
        offers=offers_for(model, user, running=running),
        shadow=_in_shadow(model),
        experiment=running,
    )


def _models() -> QuerySet[ModelVersion]:
    return ModelVersion.objects.select_related(*_PEOPLE).defer(*_LARGE)


def _row(model: ModelVersion) -> ModelRow:
    return ModelRow(model, _figure(model.metrics, _MAIN))


def _figure(metrics: Mapping[str, Any], name: str) -> Figure | None:
    value = metrics.get(name)
    if not isinstance(value, int | float):
        return None
    ends = metrics.get("intervals", {}).get(name)
    return Figure(value, *ends) if ends else Figure(value)


def _compared(model: ModelVersion, champion: ModelVersion | None) -> list[Compared]:
    found = [
        Compared(
            words, is_more_better, _figure(model.metrics, name), _figure(champion.metrics, name) if champion else None
        )
        for name, words, is_more_better in _FIGURES
    ]
    return [one for one in found if one.mine is not None]


def _events() -> QuerySet[ModelEvent]:
    return ModelEvent.objects.select_related("model", "by").defer(*(f"model__{name}" for name in _LARGE)).order_by(
        "-happened_at", "-id"
    )  # fmt: skip


def _in_shadow(model: ModelVersion) -> InShadow | None:
    rows = ShadowModelFigures.objects.filter(model=model).order_by().values_list("outcome", "shadow_outcome")
    counts: Counter[tuple[str, str]] = Counter()
    for was, would, payments in rows.annotate(Sum("payments")):
        counts[was, would] = payments
    if not counts and model.stage != _Stage.SHADOW:
        return None
    not_scored = sum(counts.pop((was, NOT_SCORED), 0) for was in Outcome.values)
    return InShadow(
        payments=counts.total(),
        not_scored=not_scored,
        alerts=sum(payments for (_, would), payments in counts.items() if would != Outcome.APPROVE),
        live_alerts=sum(payments for (was, _), payments in counts.items() if was != Outcome.APPROVE),
        rows=[(was, [counts[was, would] for would in Outcome.values]) for was in Outcome.values],
    )
