"""A flagged decision is explained once, by the model that decided, with what was known then; or it says why not."""

import threading
from decimal import Decimal

import numpy as np
import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from scoring.features.definitions import INDEX, NAMES, VERSION
from scoring.features.live import MemoryStore
from scoring.models import Decision, Explanation, ModelVersion, Policy
from scoring.services import reproduction
from scoring.services.explaining import EXPLAINED_AT_ONCE, explain_decisions, leave_for_explaining
from scoring.services.lists import add_list_entry
from scoring.services.models import forget_champion
from scoring.services.policy import RuleDraft
from scoring.services.reproduction import past_model
from tests.factories import DAY, NOON, make_decision, make_label, make_user
from tests.scoring.degraded import BUSY, CountModel, come_back, decide, install, nowhere, some
from tests.scoring.explained_world import attack, decide_all, explained, habit, make_champion, trained, waiting
from tests.scoring.payments import make_payment, publish, tampering

pytestmark = pytest.mark.django_db
HUGE = RuleDraft("huge", "amount > 5000", "decline", "Far too much")


@pytest.fixture
def model() -> ModelVersion:
    return make_champion()


@pytest.fixture(autouse=True)
def _policy(db):
    publish(HUGE, review=0.5, decline=0.97)
    yield
    reproduction._load.cache_clear()
    forget_champion()


def shares_of(row: Explanation) -> np.ndarray:
    return np.frombuffer(row.contributions, np.float32)


# --- contributions -------------------------------------------------------------------------------------------------


def test_contributions_add_up_to_the_score_that_was_recorded(model):
    decision = decide_all(*habit(), attack())[-1]

    (row,) = explained(decision)

    assert (row.state, row.model_version, row.feature_version) == ("made", model.version, VERSION)
    assert len(shares_of(row)) == len(NAMES)
    assert row.base + float(shares_of(row).sum()) == pytest.approx(row.margin, abs=1e-4)
    assert 1 / (1 + np.exp(-row.margin)) == pytest.approx(decision.score, abs=1e-9)
    assert sum(family["contribution"] for family in row.families) + row.base == pytest.approx(row.margin, abs=1e-3)
    assert row.made_at == NOON


def test_the_model_that_decided_explains_and_not_the_champion_of_today(model):
    decision = decide_all(*habit(), attack())[-1]
    other = make_champion(seed=2)
    forget_champion()

    (row,) = explained(decision)

    assert row.model_version == model.version != other.version
    vector = np.frombuffer(decision.features, np.float32)[None, :]
    assert shares_of(row) == pytest.approx(past_model(model.version).contributions(vector)[0, :-1], abs=1e-6)
    assert shares_of(row) != pytest.approx(past_model(other.version).contributions(vector)[0, :-1], abs=1e-3)


@pytest.mark.parametrize("seed", [1, 2])
def test_contributions_are_those_of_the_shap_package(model, seed):
    import shap

    booster = trained(seed).booster
    chance = np.random.default_rng(seed)
    vectors = chance.gamma(1.0, 40.0, (60, len(NAMES))).astype(np.float32)
    vectors[chance.random(vectors.shape) < 0.2] = np.nan
    made = make_champion(seed)
    ours = past_model(made.version).contributions(vectors)

    explainer = shap.TreeExplainer(booster)
    theirs = explainer.shap_values(vectors) * made.calibration_slope

    assert ours[:, :-1] == pytest.approx(theirs, abs=1e-4)
    base = float(np.ravel(explainer.expected_value)[0]) * made.calibration_slope + made.calibration_intercept
    assert ours[:, -1] == pytest.approx(np.full(60, base), abs=1e-4)


def test_what_does_not_add_up_is_stored_as_failed_and_never_shown_as_right(model, caplog):
    good, bad = decide_all(attack(card_id="card-a"), attack(card_id="card-b"))
    Decision.objects.filter(id=bad.id).update(score=0.2)

    whole, failed = explained(good, bad)

    assert (whole.state, failed.state, failed.families, bytes(failed.contributions)) == ("made", "failed", [], b"")
    assert failed.problem == "The contributions do not add up to the score that was recorded."
    assert (failed.counterfactuals["found"], failed.counterfactuals["problem"]) == ([], failed.problem)
    assert f"decision {bad.id}: contributions" in caplog.text


def test_a_model_that_cannot_compute_does_not_hold_up_others(model, monkeypatch, caplog):
    decision = decide_all(attack())[-1]
    monkeypatch.setattr("scoring.ml.model.Model.contributions", lambda *_: 1 / 0)

    (row,) = explained(decision)

    assert (row.state, row.problem) == ("failed", "The contributions could not be computed.")
    assert "could not be computed" in caplog.text


# --- what is gone --------------------------------------------------------------------------------------------------


def test_a_payment_decided_without_a_model_says_so_and_what_a_rule_would_have_let_pass():
    decision = decide_all(attack(amount=Decimal(9000)))[-1]

    (row,) = explained(decision)

    assert (row.state, row.problem, row.model_version) == ("no_model", "It was decided without a model.", "")
    assert [one["words"] for one in row.counterfactuals["found"]] == ["It would have passed below 5,000.01 EUR"]


def test_a_model_that_is_gone_is_named(model):
    decision = decide_all(attack())[-1]
    Decision.objects.filter(id=decision.id).update(model_version="20200101-0000-gone")

    (row,) = explained(decision)

    assert row.state == "gone"
    assert row.problem == "model 20200101-0000-gone is not kept any more."
    assert row.counterfactuals["problem"] == row.problem


def test_a_tampered_model_explains_nothing(model):
    decision = decide_all(attack())[-1]
    ModelVersion.objects.update(signature="0" * 64)

    (row,) = explained(decision)

    assert row.state == "gone"
    assert "wrong signature" in row.problem


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"feature_version": "1"}, "feature table 1"), ({"features": b"1234"}, "4 bytes")],
)
def test_a_vector_that_cannot_be_read_is_told(model, changed, words):
    decision = decide_all(attack())[-1]
    Decision.objects.filter(id=decision.id).update(**changed)

    (row,) = explained(decision)

    assert row.state == "gone"
    assert words in row.problem


def test_a_policy_that_is_gone_costs_the_counterfactuals_only(model):
    decision = decide_all(attack())[-1]
    Decision.objects.filter(id=decision.id).update(policy_version=99)

    (row,) = explained(decision)

    assert row.state == "made"
    assert "policy 99 is not kept any more" in row.counterfactuals["problem"]


def test_the_database_keeps_what_is_made_and_what_is_not_apart():
    decision = make_decision()
    for wrong in (
        {"state": "made"},
        {"state": "failed", "problem": ""},
        {"state": "gone", "problem": "x", "base": 1.0},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Explanation.objects.create(decision=decision, policy_version=1, feature_version="2", **wrong)


# --- which, and once -----------------------------------------------------------------------------------------------


def test_only_what_is_flagged_is_explained(model):
    quiet, loud = decide_all(make_payment(amount=Decimal(5), card_id="card-q"), attack())

    assert explain_decisions([quiet.id, loud.id], at=NOON) == 1
    assert list(Explanation.objects.values_list("decision_id", flat=True)) == [loud.id]


def test_a_second_time_changes_nothing(model):
    decision = decide_all(attack())[-1]
    (first,) = explained(decision)
    make_label(decision)

    assert explain_decisions([decision.id, 10**9], at=NOON + DAY) == 0
    assert Explanation.objects.get().made_at == first.made_at


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one(model):
    decision = decide_all(attack())[-1]
    barrier, errors = threading.Barrier(2), []

    def explain() -> None:
        try:
            barrier.wait(30)
            with transaction.atomic():
                explain_decisions([decision.id], at=NOON)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=explain) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert Explanation.objects.get().state == "made"


def test_what_was_let_through_and_is_flagged_when_scored_again_is_explained_as_that(monkeypatch):
    publish(BUSY, review=0.5, decline=0.9, based_on=Policy.objects.latest("version").version)
    with monkeypatch.context() as without:
        install(without, CountModel())
        decided = decide(nowhere(), *some(4))
    made = make_champion()
    forget_champion()
    come_back(MemoryStore())
    last = Decision.objects.select_related("rescoring").get(id=decided[-1].id)
    assert (last.outcome, last.rescoring.outcome) == ("approve", "review")

    (row,) = explained(last)

    assert (row.state, row.model_version) == ("made", made.version)
    assert 1 / (1 + np.exp(-row.margin)) == pytest.approx(last.rescoring.score, abs=1e-9)


def test_many_are_left_in_parts_that_are_explained_in_one_transaction_each():
    ids = list(range(1, 2 * EXPLAINED_AT_ONCE + 2))
    with transaction.atomic():
        leave_for_explaining(ids)

    assert [len(part) for part in waiting()] == [EXPLAINED_AT_ONCE, EXPLAINED_AT_ONCE, 1]
    assert sum(waiting(), []) == ids


def test_a_database_that_goes_away_leaves_all_of_them_for_later(model, monkeypatch):
    decision = decide_all(attack())[-1]

    def fail(execute, sql, params, many, context):
        if "explanation" in sql.lower() and "INSERT" in sql:
            raise OperationalError("gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail), pytest.raises(OperationalError), transaction.atomic():
        explain_decisions([decision.id], at=NOON)

    assert not Explanation.objects.exists()
    assert explain_decisions([decision.id], at=NOON) == 1


def test_the_number_of_queries_stays_the_same_for_more_payments(model):
    decided = [one.id for one in decide_all(*(attack(card_id=f"card-{n}") for n in range(6)))]
    explain_decisions(decided[:1], at=NOON)

    counts = []
    for part in (decided[1:2], decided[2:]):
        with CaptureQueriesContext(connection) as queries:
            assert explain_decisions(part, at=NOON) == len(part)
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 9


# --- beside the card's own history ---------------------------------------------------------------------------------


def usual_of(row: Explanation, code: str) -> str:
    (found,) = [family["usual"] for family in row.families if family["code"] == code]
    return found


def test_an_amount_stands_beside_what_the_card_usually_pays(model):
    (row,) = explained(decide_all(*habit(), attack())[-1])

    assert usual_of(row, "amount") == ("this card usually pays 39.00 EUR (the median of its last 30 payments at most)")


def test_a_card_that_pays_in_several_currencies_has_no_usual_amount(model):
    foreign = habit(count=2, currency="JPY", at=NOON - DAY)

    (row,) = explained(decide_all(*habit(count=9, at=NOON - 3 * DAY), *foreign, attack())[-1])

    assert usual_of(row, "amount") == ""


def test_a_count_stands_beside_the_cards_own(model):
    burst = [attack(amount=Decimal(3), occurred_at=NOON - n * DAY / 144) for n in (5, 4, 3, 2, 1)]
    row = explained(decide_all(*habit(), *burst, attack())[-1])[0]

    (told,) = [family for family in row.families if family["code"] == "velocity"]
    assert told["usual"].startswith("this card's usual is ")
    # The burst of today is no habit.
    assert "usual is 5" not in told["usual"]


def test_payments_after_the_decision_are_no_habit(model):
    decision = decide_all(*habit(count=4), attack())[-1]
    with tampering():
        Decision.objects.filter(amount__lt=100).update(decided_at=now() + DAY)

    (row,) = explained(decision)

    assert all(not family["usual"].startswith("this card's") for family in row.families)


def test_a_card_that_is_not_known_has_no_habit(model):
    (row,) = explained(decide_all(attack(card_id="card-new"))[-1])

    assert {family["usual"] for family in row.families} == {""}


# --- what would have changed it ------------------------------------------------------------------------------------


def test_the_policy_of_the_decision_and_not_todays_says_what_would_have_passed(model):
    decision = decide_all(attack(card_id="card-new"))[-1]
    publish(HUGE, review=0.0001, decline=0.97, based_on=Policy.objects.latest("version").version)

    (row,) = explained(decision)

    found = {one["feature"]: one for one in row.counterfactuals["found"]}
    assert found["amount"]["outcome"] == "approve"
    vector = np.frombuffer(decision.features, np.float32).copy()[None, :]
    vector[0, INDEX["amount"]] = float(found["amount"]["value"])
    assert past_model(decision.model_version).score(vector)[0] < 0.5
    vector[0, INDEX["amount"]] = float(Decimal(found["amount"]["value"]) + Decimal("0.01"))
    assert past_model(decision.model_version).score(vector)[0] >= 0.5


def test_lists_are_looked_at_as_they_stood(model):
    payment = attack(card_id="card-listed")
    before = decide_all(payment)[-1]
    add_list_entry(
        list_name="block", entity="card", value="card-listed", reason="stolen", expires_at=None,
        author=make_user("manager"),
    )  # fmt: skip
    (after,) = decide(MemoryStore(), attack(card_id="card-listed"))

    first, second = explained(before, after)

    assert any(one["feature"] == "amount" for one in first.counterfactuals["found"])
    assert after.outcome == "decline"
    assert (second.counterfactuals["found"], second.counterfactuals["problem"]) == ([], "")
