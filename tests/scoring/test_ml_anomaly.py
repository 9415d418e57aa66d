"""An autoencoder tells strange payments from usual ones, alone as in a batch to the bit, and is read back whole."""

import msgspec
import numpy as np
import pytest

from scoring.features.definitions import INDEX, NAMES
from scoring.ml.anomaly import WIDTH, Anomaly
from scoring.ml.anomaly_bytes import MAX_BYTES, AnomalyRefusedError, pack, unpack
from scoring.ml.anomaly_training import LEAST_ROWS, MOST_ROWS, fit_anomaly
from scoring.models import EMBEDDING_WIDTH
from tests.scoring.ml_data import make_dataset, make_vector


def made_of_three(rows: int, seed: int) -> np.ndarray:
    """Vectors that three hidden numbers say all of, every tenth value missing."""
    chance = np.random.default_rng(seed)
    mixed = np.random.default_rng(7).normal(size=(3, len(NAMES)))
    vectors = np.exp(chance.normal(size=(rows, 3)) @ mixed / 2.0).astype(np.float32)
    vectors[chance.random(vectors.shape) < 0.1] = np.nan
    return vectors


@pytest.fixture(scope="module")
def anomaly() -> Anomaly:
    fitted = fit_anomaly(made_of_three(4000, 1), seed=1)
    assert fitted is not None
    return fitted


def packed(anomaly: Anomaly | None) -> bytes:
    assert anomaly is not None
    return pack(anomaly)


def damaged(anomaly: Anomaly, **changes: object) -> bytes:
    fields = msgspec.msgpack.decode(pack(anomaly))
    return msgspec.msgpack.encode(fields | changes)


def test_the_score_is_the_share_of_payments_that_are_less_strange(anomaly):
    scores = anomaly.score(made_of_three(4000, 1))

    assert scores.mean() == pytest.approx(0.5, abs=0.01)
    assert (scores > 0.99).mean() == pytest.approx(0.01, abs=0.003)
    assert ((scores >= 0.0) & (scores <= 1.0)).all()


def test_what_no_payment_looked_like_is_stranger_than_what_was_kept_aside(anomaly):
    usual = made_of_three(2000, 2)
    # Each value for itself is one that occurs; together they never do.
    strange = np.random.default_rng(3).permuted(usual, axis=0)

    assert np.median(anomaly.score(usual)) < 0.7
    assert np.median(anomaly.score(strange)) > 0.97


def test_a_row_alone_has_the_same_bits_as_in_batches_of_any_size(anomaly):
    vectors = made_of_three(600, 4)
    scores, embeddings = anomaly.score(vectors), anomaly.embed(vectors)

    for size in (1, 3, 16, 500):
        parts = [vectors[start : start + size] for start in range(0, 600, size)]
        assert np.array_equal(np.concatenate([anomaly.score(part) for part in parts]), scores)
        assert np.array_equal(np.concatenate([anomaly.embed(part) for part in parts]), embeddings)


def test_rows_that_do_not_lie_side_by_side_in_memory_score_alike(anomaly):
    vectors = made_of_three(50, 4)

    assert np.array_equal(anomaly.score(np.asfortranarray(vectors)), anomaly.score(vectors))
    assert np.array_equal(anomaly.score(vectors[::2]), anomaly.score(vectors)[::2])


def test_values_of_any_size_and_none_at_all_have_a_score(anomaly):
    vectors = np.array([
        make_vector(), make_vector(amount=3e38), make_vector(amount=-3e38), np.zeros(len(NAMES)),
        make_vector(amount=np.inf), make_vector(amount=-np.inf),
    ], np.float32)  # fmt: skip

    assert np.isfinite(anomaly.score(vectors)).all()
    assert np.isfinite(anomaly.embed(vectors)).all()
    assert anomaly.score(np.empty((0, len(NAMES)), np.float32)).shape == (0,)


def test_one_huge_amount_counts_as_far_as_the_limit_only(anomaly):
    scaled = anomaly.scaled(np.array([make_vector(amount=3e38), make_vector()], np.float32))

    assert scaled[0, INDEX["amount"]] == 5.0
    assert not scaled[1].any()


def test_embeddings_have_length_one_and_neighbours_of_like_payments(anomaly):
    vectors = made_of_three(1000, 5)
    near = (vectors * 1.02).astype(np.float32)
    one, other = anomaly.embed(vectors), anomaly.embed(near)

    assert one.dtype == np.float32
    assert one.shape == (1000, WIDTH)
    assert np.linalg.norm(one, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.median((one * other).sum(axis=1)) > 0.95
    assert abs(np.median((one * other[::-1]).sum(axis=1))) < 0.5


def test_the_database_keeps_as_many_numbers_as_an_embedding_has():
    assert EMBEDDING_WIDTH == WIDTH


def test_the_same_rows_and_seed_give_the_same_bytes_and_another_seed_others():
    vectors = made_of_three(1000, 6)
    one, again, other = (packed(fit_anomaly(vectors, seed=seed)) for seed in (1, 1, 2))

    assert one == again
    assert one != other


def test_too_few_rows_give_no_autoencoder():
    assert fit_anomaly(made_of_three(LEAST_ROWS - 1, 1), seed=1) is None
    assert fit_anomaly(made_of_three(LEAST_ROWS, 1), seed=1) is not None


def test_of_many_rows_a_bounded_number_is_learnt_from(monkeypatch):
    seen = []

    def count(values: np.ndarray, *_: object, **__: object) -> None:
        seen.append(len(values))
        raise InterruptedError

    monkeypatch.setattr("scoring.ml.anomaly_training._train", count)
    with pytest.raises(InterruptedError):
        fit_anomaly(np.ones((MOST_ROWS + 1, len(NAMES)), np.float32), seed=1)

    assert seen == [MOST_ROWS]


def test_columns_that_are_always_missing_or_always_the_same_are_learnt():
    vectors = make_dataset(600).vectors
    vectors[:, 0], vectors[:, 1] = np.nan, 7.0
    fitted = fit_anomaly(vectors, seed=1)
    assert fitted is not None

    assert np.isfinite(fitted.score(vectors)).all()


def test_what_is_read_back_scores_and_embeds_the_same_bits(anomaly):
    vectors = made_of_three(200, 8)

    again = unpack(pack(anomaly))

    assert np.array_equal(again.score(vectors), anomaly.score(vectors))
    assert np.array_equal(again.embed(vectors), anomaly.embed(vectors))
    assert len(pack(anomaly)) < MAX_BYTES / 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "cannot be read"),
        ({"more": 1}, "cannot be read"),
        ({"feature_version": "0"}, "features of version 0"),
        ({"weights": []}, "0 layers"),
        ({"centre": b""}, "centre have 0 bytes"),
        ({"centre": bytes(7)}, "centre have 7 bytes"),
        ({"centre": bytes(8)}, "centre are 2 numbers"),
        ({"spread": np.zeros(len(NAMES), "<f4").tobytes()}, "spread is not above 0"),
        ({"spread": np.full(len(NAMES), np.nan, "<f4").tobytes()}, "spread are not finite"),
        ({"middle_spread": np.zeros(WIDTH, "<f4").tobytes()}, "middle_spread is not above 0"),
        ({"biases": [bytes(4)] * 4}, "embeds in 1 numbers"),
        ({"biases": [bytes(4), bytes(4 * WIDTH), bytes(4), bytes(4 * len(NAMES))]}, "weights are"),
        ({"errors": np.array([2.0, 1.0]).tobytes()}, "do not rise"),
        ({"errors": np.array([-1.0, 1.0]).tobytes()}, "do not rise"),
        ({"errors": np.array([1.0]).tobytes()}, "do not rise"),
        ({"errors": np.array([0.0, np.inf]).tobytes()}, "errors are not finite"),
    ],
)
def test_a_damaged_autoencoder_is_refused_with_what_is_wrong(anomaly, changes, said):
    with pytest.raises(AnomalyRefusedError, match=said):
        unpack(damaged(anomaly, **changes))


@pytest.mark.parametrize("artefact", [b"\x80\x04.", b"{}", b"\xc1", b"\x93" * 1000, b"\0"])
def test_foreign_bytes_are_refused(artefact):
    with pytest.raises(AnomalyRefusedError, match="cannot be read"):
        unpack(artefact)


def test_bytes_beyond_the_limit_are_not_even_read(anomaly):
    with pytest.raises(AnomalyRefusedError, match=f"at most {MAX_BYTES}"):
        unpack(pack(anomaly) + bytes(MAX_BYTES))


def test_cut_anywhere_it_is_refused(anomaly):
    whole = pack(anomaly)

    for length in range(0, len(whole), len(whole) // 50):
        with pytest.raises(AnomalyRefusedError):
            unpack(whole[:length])
