"""Verdicts by REST, and what came of them."""

from cases.models import Verdict
from cases.services import verdict_effects
from scoring.models import Label
from tests.cases.case_calls import at


def say(caller, case, verdict="fraud", **more):
    return caller.post(at(case, "verdict/"), {"verdict": verdict, **more})


def labels():
    return dict(Label.objects.values_list("decision__transaction_id", "label"))


def settle():
    (said,) = Verdict.objects.filter(state="waiting")
    verdict_effects.settle(said.id, now=said.effects_at)
