"""A model goes from candidate to champion by the hands of two people, and back by those of one."""

import threading
import time
from functools import partial

import pytest
import xgboost as xgb
from django.db import IntegrityError, connection, transaction

from scoring.features.definitions import VERSION
from scoring.ml.model import ModelRefusedError
from scoring.ml.training import Trained
from scoring.models import ModelEvent, ModelVersion
from scoring.services import models
from scoring.services.learning import Learnt, TrainingPeriod
from scoring.services.line_up import line_up
from scoring.services.model_guards import MAX_IN_SHADOW, StaleChampionError
from scoring.services.model_stages import (
    ModelStepError,
    OwnModelError,
    UnknownModelError,
    end_challenger,
    promote,
    promote_model,
    propose,
    put_in_shadow,
    retire,
    roll_back,
    send_back,
    set_challenger,
)
from tests.factories import DAY, NOON, make_user
from tests.scoring.model_world import LATER, events_of, make_champion, make_model, stages, trees
from tests.scoring.payments import tampering

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia(db):
    return make_user("manager")


@pytest.fixture
def mo(db):
    return make_user("manager", username="mo")


def proposed(by, version: str = "m-1", **values) -> ModelVersion:
    model = make_model(version, **values)
    return propose(version=version, note="it finds more", by=by, at=NOON) and model


def test_a_model_takes_all_its_steps_and_each_is_on_record(mia, mo):
    make_champion()
    model = make_model()

    put_in_shadow(version="m-1", by=mia, at=NOON)
    set_challenger("m-1", 0.1, by=mia, at=NOON)
    propose(version="m-1", note="it finds more", by=mia, at=NOON)
    promote(version="m-1", instead_of="m-0", by=mo, at=LATER)

    model.refresh_from_db()
    assert (model.stage, model.share, model.stage_since) == ("champion", None, LATER)
    assert (model.proposed_by, model.promoted_by, model.promoted_at) == (mia, mo, LATER)
    assert events_of(model) == [
        ("shadowed", "mia", ""), ("challenged", "mia", "0.1 of the cards"), ("proposed", "mia", "it finds more"),
        ("promoted", "mo", ""),
    ]  # fmt: skip
    assert stages() == {"m-0": "retired", "m-1": "champion"}
    assert events_of(ModelVersion.objects.get(version="m-0")) == [("replaced", "mo", "By model m-1")]


def test_whoever_proposed_it_cannot_promote_it(mia):
    make_champion()
    proposed(mia)

    with pytest.raises(OwnModelError, match="You proposed"):
        promote(version="m-1", instead_of="m-0", by=mia, at=LATER)

    assert stages()["m-1"] == "candidate"


def test_whoever_had_it_trained_can_neither_promote_it_nor_give_it_cards(mia, mo):
    make_champion()
    proposed(mo, requested_by=mia)

    with pytest.raises(OwnModelError, match="had model m-1 trained"):
        promote(version="m-1", instead_of="m-0", by=mia, at=LATER)
    with pytest.raises(OwnModelError, match="had model m-1 trained"):
        set_challenger("m-1", 0.1, by=mia, at=LATER)

    assert stages()["m-1"] == "candidate"


@pytest.mark.parametrize("first", ["requested_by", "proposed_by"])
def test_the_database_knows_no_champion_promoted_by_who_asked_for_it(mia, first):
    model = make_model(proposed_at=NOON, **{first: mia})

    with pytest.raises(IntegrityError, match="model_promoted_by_another"), transaction.atomic():
        ModelVersion.objects.filter(id=model.id).update(stage="champion", promoted_by=mia, promoted_at=LATER)


def test_the_database_knows_no_champion_by_a_person_that_nobody_proposed(mo):
    model = make_model()

    with pytest.raises(IntegrityError, match="model_promoted_by_another"), transaction.atomic():
        ModelVersion.objects.filter(id=model.id).update(stage="champion", promoted_by=mo, promoted_at=LATER)


def test_what_nobody_proposed_is_not_promoted_by_a_person(mo):
    make_model()

    with pytest.raises(ModelStepError, match="propose it first"):
        promote(version="m-1", instead_of="", by=mo, at=LATER)


def test_a_program_may_propose_and_a_person_promotes(mo):
    proposed(None)

    promote(version="m-1", instead_of="", by=mo, at=LATER)

    assert stages() == {"m-1": "champion"}


def test_a_model_that_was_sent_back_has_to_be_proposed_again(mia, mo):
    make_champion()
    model = proposed(mia)

    send_back(version="m-1", reason="it forgets France", by=mo, at=NOON)

    with pytest.raises(ModelStepError, match="not proposed"):
        promote(version="m-1", instead_of="m-0", by=mo, at=LATER)
    assert events_of(model)[-1] == ("returned", "mo", "it forgets France")


def test_the_share_is_of_one_challenger_and_can_be_changed_and_taken_back(mia):
    make_champion()
    make_model()
    make_model("m-2", seed=2)
    set_challenger("m-1", 0.1, by=mia, at=NOON)

    with pytest.raises(ModelStepError, match="Model m-1 is the challenger"):
        set_challenger("m-2", 0.1, by=mia, at=NOON)
    set_challenger("m-1", 0.2, by=mia, at=LATER)
    assert ModelVersion.objects.get(version="m-1").share == 0.2
    end_challenger("m-1", reason="enough is known", by=mia, at=LATER)

    assert stages()["m-1"] == "candidate"
    assert ModelVersion.objects.get(version="m-1").share is None


@pytest.mark.parametrize("share", [0.0, -0.1, 0.51, float("nan")])
def test_a_share_is_above_nothing_and_at_most_half_of_the_cards(mia, share):
    make_champion()
    make_model()

    with pytest.raises(ModelStepError, match="above 0 and at most 50%"):
        set_challenger("m-1", share, by=mia, at=NOON)


def test_without_a_champion_there_is_nothing_to_challenge(mia):
    make_model()

    with pytest.raises(ModelStepError, match="no champion to challenge"):
        set_challenger("m-1", 0.1, by=mia, at=NOON)


def test_only_so_many_models_are_in_shadow_at_once(mia):
    for number in range(MAX_IN_SHADOW):
        make_model(f"s-{number}", stage="shadow")
    make_model()

    with pytest.raises(ModelStepError, match="s-0, s-1, s-2 are in shadow"):
        put_in_shadow(version="m-1", by=mia, at=NOON)


def test_one_person_brings_a_former_champion_back_at_once_and_says_why(mia, mo):
    former = make_champion()
    proposed(mia)
    promote(version="m-1", instead_of="m-0", by=mo, at=NOON)

    with pytest.raises(ModelStepError, match="Say why"):
        roll_back(version="m-0", instead_of="m-1", reason=" ", by=mia, at=LATER)
    roll_back(version="m-0", instead_of="m-1", reason="half of France is declined", by=mia, at=LATER)

    assert stages() == {"m-0": "champion", "m-1": "retired"}
    assert events_of(former)[-1] == ("rolled_back", "mia", "half of France is declined")


def test_what_never_was_champion_cannot_be_brought_back(mia):
    make_champion()
    make_model()
    retire(version="m-1", reason="", by=mia, at=NOON)

    with pytest.raises(ModelStepError, match="never champion"):
        roll_back(version="m-1", instead_of="m-0", reason="why not", by=mia, at=LATER)


def test_the_champion_is_not_retired_but_replaced(mia):
    make_champion()

    with pytest.raises(ModelStepError, match="m-0 is champion by now"):
        retire(version="m-0", reason="tired", by=mia, at=NOON)


def test_who_looked_at_another_champion_is_told(mia, mo):
    make_champion()
    proposed(mia)

    with pytest.raises(StaleChampionError, match="Model m-0 is champion by now, not m-9"):
        promote(version="m-1", instead_of="m-9", by=mo, at=NOON)


def test_there_are_no_steps_of_a_model_that_is_not_there(mia):
    with pytest.raises(UnknownModelError):
        put_in_shadow(version="m-9", by=mia, at=NOON)


# --- what is refused -----------------------------------------------------------------------------------------------

REFUSED = {
    "damaged": ({"artefact": b"no model"}, "is no XGBoost model"),
    "signed with another key": ({"key": "of somebody else"}, "wrong signature"),
    "of other features": ({"feature_version": f"{VERSION}9"}, "reads features of version"),
    "with a falling calibration": ({"slope": -1.0}, "is not rising"),
    "of another XGBoost": ({"libraries": {"xgboost": "1.7.6"}}, "trained with xgboost 1.7.6.* Train again"),
    "of an unknown XGBoost": ({"libraries": {}}, "of an unknown version"),
    "of a number for a version": ({"libraries": {"xgboost": 3}}, "libraries are not names with versions"),
}


@pytest.mark.parametrize(("values", "words"), REFUSED.values(), ids=REFUSED)
def test_a_model_that_would_not_score_gets_no_part_and_its_events_say_why(mia, mo, values, words):
    champion = make_champion()
    model = make_model(proposed_at=NOON, proposed_by=mia, **values)

    for step in (
        lambda: put_in_shadow(version="m-1", by=mo, at=NOON),
        lambda: set_challenger("m-1", 0.1, by=mo, at=NOON),
        lambda: promote(version="m-1", instead_of="m-0", by=mo, at=NOON),
        lambda: promote_model("m-1"),
    ):
        with pytest.raises(ModelRefusedError, match=words):
            step()

    assert stages() == {"m-0": "champion", "m-1": "candidate"}
    assert {(action, by) for action, by, _ in events_of(model)} == {("refused", "mo"), ("refused", None)}
    assert line_up().champion.version == champion.version


# --- what stays ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"artefact": b"other trees"}, {"anomaly_artefact": b"x"}, {"calibration_slope": 2.0}, {"feature_version": "1"},
        {"version": "m-2"}, {"metrics": {}}, {"libraries": {}}, {"trained_to": LATER}, {"created_at": LATER},
    ],
)  # fmt: skip
def test_what_a_model_is_stays(values):
    make_model()

    with pytest.raises(IntegrityError, match="what it is stays"), transaction.atomic():
        ModelVersion.objects.update(**values)


@pytest.mark.parametrize(
    ("begin", "values"),
    [
        ("champion", {"stage": "candidate"}),
        ("retired", {"stage": "shadow"}),
        ("candidate", {"stage": "champion"}),
        ("champion", {"promoted_at": LATER}),
    ],
)
def test_a_model_moves_only_as_models_do(begin, values):
    make_model(stage=begin, promoted_at=None if begin == "candidate" else NOON)

    with pytest.raises(IntegrityError, match="cannot become|stays"), transaction.atomic():
        ModelVersion.objects.update(**values)


def test_what_was_done_stays_on_record(mia):
    make_model()
    put_in_shadow(version="m-1", by=mia, at=NOON)

    with pytest.raises(IntegrityError, match="stays on record"), transaction.atomic():
        ModelEvent.objects.update(note="nothing")
    with pytest.raises(IntegrityError, match="stays on record"), transaction.atomic():
        ModelEvent.objects.all().delete()


# --- from the command line -----------------------------------------------------------------------------------------


def test_whoever_runs_the_deployment_promotes_without_a_second_person_and_the_record_names_nobody():
    first, second = make_model(), make_model("m-2", seed=2)

    promote_model("m-1")
    promote_model("m-1")
    promote_model("m-2")

    assert stages() == {"m-1": "retired", "m-2": "champion"}
    assert events_of(first) == [("promoted", None, "There was no champion"), ("replaced", None, "By model m-2")]
    assert events_of(second) == [("promoted", None, "From the command line")]


# --- at once -------------------------------------------------------------------------------------------------------


def at_once(*steps) -> list[Exception]:
    """All steps begin together; what went wrong."""
    failures, ready = [], threading.Barrier(len(steps))

    def take(step) -> None:
        try:
            ready.wait(20)
            step()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


@pytest.mark.django_db(transaction=True)
def test_of_two_managers_who_promote_at_once_one_wins_and_the_other_is_told():
    mia, mo, max_ = (make_user("manager", username=name) for name in ("mia", "mo", "max"))
    make_champion()
    proposed(mia, "m-1")
    proposed(mia, "m-2", seed=2)

    (told,) = at_once(
        lambda: promote(version="m-1", instead_of="m-0", by=mo, at=NOON),
        lambda: promote(version="m-2", instead_of="m-0", by=max_, at=NOON),
    )

    assert isinstance(told, StaleChampionError)
    assert sorted(stages().values()) == ["candidate", "champion", "retired"]


@pytest.mark.django_db(transaction=True)
def test_of_two_first_models_at_once_one_is_champion_and_the_other_waits_for_people(monkeypatch):
    period = TrainingPeriod(NOON - DAY, NOON, labels_as_of=NOON, maturity=DAY)
    store = models.store_model

    def store_slowly(*args, **options):
        time.sleep(0.3)  # long enough for the other one to look whether there is a model
        return store(*args, **options)

    monkeypatch.setattr(models, "store_model", store_slowly)
    learnt = [Learnt(Trained(xgb.Booster(model_file=bytearray(trees(seed))), 1.0, 0.0, {}), {}) for seed in (1, 2)]

    failures = at_once(*(partial(models.keep_model, one, period) for one in learnt))

    assert failures == []
    assert sorted(stages().values()) == ["candidate", "champion"]


@pytest.mark.django_db(transaction=True)
def test_of_two_challengers_at_once_there_is_one():
    mia = make_user("manager")
    make_champion()
    make_model()
    make_model("m-2", seed=2)

    (told,) = at_once(
        lambda: set_challenger("m-1", 0.1, by=mia, at=NOON), lambda: set_challenger("m-2", 0.2, by=mia, at=NOON)
    )

    assert "is the challenger: send it back first" in str(told)


@pytest.mark.django_db(transaction=True)
def test_a_model_damaged_after_it_was_proposed_is_refused_and_that_is_on_record():
    mia, mo = make_user("manager"), make_user("manager", username="mo")
    make_champion()
    model = proposed(mia)
    with tampering():
        ModelVersion.objects.filter(id=model.id).update(artefact=b"damaged")

    with pytest.raises(ModelRefusedError, match="wrong signature"):
        promote(version="m-1", instead_of="m-0", by=mo, at=NOON)

    assert events_of(model)[-1][0] == "refused"
