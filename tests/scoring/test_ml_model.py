"""A model scores, explains, and is refused unless it is exactly what was signed."""

import numpy as np
import pytest
import xgboost as xgb

from scoring.features.definitions import NAMES, VERSION
from scoring.ml import model as ml
from scoring.ml.model import Model, ModelRefusedError, Stored
from scoring.ml.training import PARAMETERS, fit
from tests.scoring.ml_data import make_dataset

KEY = "a key of the tests"


@pytest.fixture(scope="module")
def booster() -> xgb.Booster:
    return fit(make_dataset(), seed=1, parameters=PARAMETERS, threads=1)


@pytest.fixture
def model(booster: xgb.Booster) -> Model:
    return Model("m1", VERSION, booster, slope=0.8, intercept=-0.3)


@pytest.fixture
def no_xgboost(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        pytest.fail("xgboost was given an artefact that is not trusted")

    monkeypatch.setattr(xgb.Booster, "load_model", fail)


def stored(artefact: bytes, overrides: dict[str, object]) -> Stored:
    return Stored(artefact, **{"feature_version": VERSION, "slope": 0.8, "intercept": -0.3} | overrides)


def load(artefact: bytes, signature: str, *, key: str = KEY, **overrides: object) -> Model:
    return ml.load(stored(artefact, overrides), version="m1", signature=signature, key=key)


def signature_of(artefact: bytes, **overrides: object) -> str:
    return ml.sign(stored(artefact, overrides), key=KEY)


def test_a_saved_model_scores_the_same_bits_after_loading(model):
    vectors = make_dataset(200, seed=2).vectors
    artefact = ml.save(model.booster)

    loaded = load(artefact, signature_of(artefact))

    assert np.array_equal(loaded.score(vectors), model.score(vectors))


def test_a_row_alone_scores_the_same_bits_as_in_a_batch(model):
    vectors = make_dataset(50, seed=2).vectors

    alone = np.concatenate([model.score(vectors[row : row + 1]) for row in range(50)])

    assert np.array_equal(alone, model.score(vectors))


def test_scores_are_float64_probabilities_and_none_for_no_rows(model):
    scores = model.score(make_dataset(50, seed=2).vectors)

    assert scores.dtype == np.float64
    assert ((scores > 0) & (scores < 1)).all()
    assert model.score(np.empty((0, len(NAMES)), np.float32)).shape == (0,)


def test_contributions_add_up_to_the_calibrated_margin(model):
    vectors = make_dataset(300, seed=2).vectors
    scores = model.score(vectors)

    contributions = model.contributions(vectors)

    assert contributions.shape == (300, len(NAMES) + 1)
    assert contributions.dtype == np.float32
    assert contributions.sum(axis=1) == pytest.approx(np.log(scores / (1 - scores)), abs=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_contributions_are_those_of_the_reference_implementation(booster):
    import shap

    vectors = make_dataset(100, seed=2).vectors
    explainer = shap.TreeExplainer(booster)

    contributions = Model("m1", VERSION, booster, slope=1.0, intercept=0.0).contributions(vectors)

    assert contributions[:, :-1] == pytest.approx(explainer.shap_values(vectors), abs=1e-4)
    assert contributions[:, -1] == pytest.approx(explainer.expected_value, abs=1e-4)


@pytest.mark.usefixtures("no_xgboost")
def test_a_changed_artefact_is_refused_before_xgboost_sees_it(booster):
    artefact = ml.save(booster)
    changed = artefact[:500] + bytes([artefact[500] ^ 1]) + artefact[501:]

    with pytest.raises(ModelRefusedError, match="wrong signature"):
        load(changed, signature_of(artefact))


@pytest.mark.usefixtures("no_xgboost")
@pytest.mark.parametrize(
    "changed",
    [
        {"slope": 0.9}, {"intercept": 0.0}, {"feature_version": "0"}, {"key": "another"}, {"libraries": {}},
        {"anomaly": b"x"},
    ],
)  # fmt: skip
def test_a_change_of_anything_beside_the_trees_is_refused(booster, changed):
    artefact = ml.save(booster)

    with pytest.raises(ModelRefusedError, match="wrong signature"):
        load(artefact, signature_of(artefact), **changed)


@pytest.mark.usefixtures("no_xgboost")
@pytest.mark.parametrize("signature", ["", "0" * 64, "\N{SNOWMAN}"])
def test_a_made_up_signature_is_refused(booster, signature):
    with pytest.raises(ModelRefusedError, match="wrong signature"):
        load(ml.save(booster), signature)


@pytest.mark.usefixtures("no_xgboost")
@pytest.mark.parametrize("libraries", [None, [], "xgboost", {"xgboost": 3}], ids=str)
def test_libraries_that_cannot_be_read_are_refused(booster, libraries):
    with pytest.raises(ModelRefusedError, match="libraries are not names with versions"):
        load(ml.save(booster), "0" * 64, libraries=libraries)


@pytest.mark.usefixtures("no_xgboost")
def test_a_model_of_another_feature_version_is_refused(booster):
    artefact = ml.save(booster)
    signature = signature_of(artefact, feature_version="0")

    with pytest.raises(ModelRefusedError, match="features of version 0"):
        load(artefact, signature, feature_version="0")


@pytest.mark.usefixtures("no_xgboost")
@pytest.mark.parametrize("slope", [0.0, -1.0, float("nan")])
def test_a_calibration_that_turns_the_order_is_refused(booster, slope):
    artefact = ml.save(booster)

    with pytest.raises(ModelRefusedError, match="not rising"):
        load(artefact, signature_of(artefact, slope=slope), slope=slope)


@pytest.mark.parametrize("names", [[*NAMES[:-1], "other"], [*NAMES[1:], NAMES[0]], list(NAMES[:-1])])
def test_a_signed_model_of_other_features_is_refused(names):
    data = make_dataset(600)
    matrix = xgb.DMatrix(data.vectors[:, : len(names)], data.labels, feature_names=names, nthread=1)
    artefact = ml.save(xgb.train({"max_depth": 2, "nthread": 1}, matrix, 2))

    with pytest.raises(ModelRefusedError, match="features"):
        load(artefact, signature_of(artefact))


def test_signed_bytes_that_are_no_model_are_refused():
    with pytest.raises(ModelRefusedError, match="no XGBoost model"):
        load(b"{}", signature_of(b"{}"))
