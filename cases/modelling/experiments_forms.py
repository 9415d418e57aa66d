"""What a manager plans of an experiment, and says at its end."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings

from scoring.models import Experiment
from scoring.services.experiments import ExperimentPlan

Metric, End = Experiment.Metric, Experiment.End
_MOST_MONEY = Decimal(10) ** 9
# Three weeks hold each day of the week often enough to be like any other time.
DEFAULT_DAYS = 21
# By then most chargebacks are in; what comes later is missing from both arms alike.
DEFAULT_MATURITY = 30
_LOOKS = (
    ("0", "on any day"),
    ("5", "on 5 planned days"),
    ("2", "on 2 planned days"),
    ("1", "once, on the last day"),
)
_LEAST = {Metric.LOSS: 0.05, Metric.PRECISION: 5.0, Metric.FRAUD_RATE: 0.1}
_PERCENT = 100.0
_MOST_DAYS = 730


class ExperimentForm(forms.Form):
    """A model, its share of the cards, what is measured, and how surely it is to be known."""

    model = forms.ChoiceField(label="Challenger", error_messages={"required": "Choose a model."})
    share = forms.FloatField(label="Its share of the cards, %", min_value=0.1, max_value=50)
    metric = forms.ChoiceField(label="What decides", choices=Metric.choices)
    least_effect = forms.FloatField(label="Difference worth knowing", min_value=0.000001, max_value=1_000_000)
    looks = forms.TypedChoiceField(label="It may be decided", choices=_LOOKS, coerce=int)
    power = forms.TypedChoiceField(
        label="Seen with probability", choices=[("0.8", "80 %"), ("0.9", "90 %"), ("0.95", "95 %")], coerce=float
    )
    alpha = forms.TypedChoiceField(
        label="Seen where there is none", choices=[("0.05", "5 %"), ("0.01", "1 %"), ("0.1", "10 %")], coerce=float
    )
    maturity_days = forms.IntegerField(label="A payment counts after, days", min_value=0, max_value=3650)
    planned_days = forms.IntegerField(label="Planned days of payments", min_value=1, max_value=_MOST_DAYS)
    currency = forms.RegexField(
        r"^[A-Z]{3}$", label="Currency of money and costs", error_messages={"invalid": "Three capital letters, as EUR."}
    )
    false_decline_cost = forms.DecimalField(
        label="A good payment declined costs", min_value=0, max_value=_MOST_MONEY, decimal_places=4
    )
    review_cost = forms.DecimalField(label="A review costs", min_value=0, max_value=_MOST_MONEY, decimal_places=4)

    def __init__(self, *args: Any, models: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        choices = self.fields["model"]
        assert isinstance(choices, forms.ChoiceField)
        choices.choices = [(version, f"{version} ({stage})") for version, stage in models]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_share = cleaned.get("metric") in (Metric.PRECISION, Metric.FRAUD_RATE)
        if is_share and (cleaned.get("least_effect") or 0) >= _PERCENT:
            self.add_error("least_effect", "In points of a percentage: give less than 100.")
        if (cleaned.get("planned_days") or _MOST_DAYS) < cleaned.get("looks", 0):
            self.add_error("planned_days", "Plan at least as many days as looks.")
        return cleaned

    def plan(self) -> ExperimentPlan:
        """What was planned, of a valid form; points of a percentage become shares."""
        said = self.cleaned_data
        names = set(ExperimentPlan.__dataclass_fields__) - {"least_effect"}
        scale = 1.0 if said["metric"] == Metric.LOSS else _PERCENT
        return ExperimentPlan(least_effect=said["least_effect"] / scale, **{name: said[name] for name in names})

    def share_of_cards(self) -> float:
        return float(self.cleaned_data["share"]) / _PERCENT


class EndForm(forms.Form):
    """How an experiment ends, and why; an end that was not reached needs words."""

    end = forms.ChoiceField(choices=[(one.value, one.label) for one in (End.ADOPT, End.KEEP, End.STOP)])
    conclusion = forms.CharField(
        max_length=500, required=False, error_messages={"max_length": "Why: at most 500 characters."}
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("end") == End.STOP and not cleaned.get("conclusion"):
            self.add_error("conclusion", "Say why it is stopped before it was known.")
        return cleaned


def first_values(*, review_cost: Decimal | None) -> dict[str, Any]:
    """What the form begins with."""
    return {
        "share": 10,
        "metric": Metric.LOSS,
        "least_effect": _LEAST[Metric.LOSS],
        "looks": 0,
        "power": 0.8,
        "alpha": 0.05,
        "planned_days": DEFAULT_DAYS,
        "maturity_days": min(DEFAULT_MATURITY, settings.LABEL_MATURITY_DAYS),
        "currency": settings.DASHBOARD_CURRENCY,
        "false_decline_cost": settings.FALSE_POSITIVE_COST,
        "review_cost": round(review_cost, 2) if review_cost is not None else Decimal(2),
    }
