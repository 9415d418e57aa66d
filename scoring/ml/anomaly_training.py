"""Training an autoencoder, without labels. Pure.

Here alone sklearn is needed: what scores are arrays.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from scoring.ml.anomaly import WIDTH, Anomaly, Floats

# Below these the quantiles of the errors say nothing about the strangest in a hundred.
LEAST_ROWS = 500
# More rows take longer and draw no better; the newest days of a large record are in them in proportion.
MOST_ROWS = 50_000
_UNITS = (32, WIDTH, 32)
_EPOCHS = 30
# Steps of the anomaly score: 0.999 can be told from 0.998.
_QUANTILES = 1_000
# Narrower spreads, of columns that say one thing nearly always, count as this: a flag that is set once in a thousand
# payments must not outweigh all others.
_LEAST_SPREAD = 0.1


def fit_anomaly(vectors: Floats, *, seed: int) -> Anomaly | None:
    """An autoencoder of vectors as they are stored, float32 (n, d), NaN where missing; None of fewer than LEAST_ROWS.

    The same vectors and seed give the same arrays on one machine.
    """
    if len(vectors) < LEAST_ROWS:
        return None
    chance = np.random.default_rng(seed)
    rows = vectors
    if len(vectors) > MOST_ROWS:
        rows = vectors[np.sort(chance.choice(len(vectors), MOST_ROWS, replace=False))]
    plain = _scaling(rows)
    network = _train(plain.scaled(rows), np.isnan(rows).astype(np.float32), seed=seed)
    trained = _of(network, plain)
    errors, middles = trained.run(rows)
    return Anomaly(
        centre=plain.centre, spread=plain.spread, weights=trained.weights, biases=trained.biases,
        middle_centre=middles.mean(axis=0, dtype=np.float64).astype(np.float32),
        middle_spread=np.maximum(middles.std(axis=0, dtype=np.float64), 1e-3).astype(np.float32),
        errors=np.maximum.accumulate(np.quantile(errors, np.linspace(0.0, 1.0, _QUANTILES + 1))),
    )  # fmt: skip


def _scaling(vectors: Floats) -> Anomaly:
    """A network that has learnt nothing but how far values lie apart."""
    features = vectors.shape[1]
    logs = np.sign(vectors) * np.log1p(np.abs(vectors))
    low, centre, high = _quantiles(logs)
    spread = np.maximum((high - low) / 2.0, _LEAST_SPREAD)
    nothing = np.zeros(0, np.float32)
    shapes = zip((2 * features, *_UNITS), (*_UNITS, features), strict=True)
    layers = [(np.zeros(shape, np.float32), np.zeros(shape[1], np.float32)) for shape in shapes]
    weights, biases = zip(*layers, strict=True)
    return Anomaly(centre.astype(np.float32), spread.astype(np.float32), weights, biases, nothing, nothing, np.zeros(2))


def _quantiles(logs: Floats) -> tuple[NDArray[np.float64], ...]:
    """The 5th, 50th and 95th percentiles of each column; 0 of one that is always missing."""
    found = np.zeros((3, logs.shape[1]))
    for column in range(logs.shape[1]):
        known = logs[~np.isnan(logs[:, column]), column]
        if len(known):
            found[:, column] = np.quantile(known, (0.05, 0.5, 0.95))
    return found[0], found[1], found[2]


def _train(values: Floats, is_missing: Floats, *, seed: int) -> MLPRegressor:
    """The network that draws the values; it stops where a tenth of the rows, kept aside, is drawn no better."""
    network = MLPRegressor(
        hidden_layer_sizes=_UNITS, activation="tanh", alpha=1e-5, batch_size=256, learning_rate_init=2e-3,
        max_iter=_EPOCHS, early_stopping=True, n_iter_no_change=3, random_state=seed,
    )  # fmt: skip
    # One thread: with several, sums come out in the order in which they finish. Stopping at the last epoch is no fault.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return network.fit(np.hstack([values, is_missing]), values)


def _of(network: MLPRegressor, plain: Anomaly) -> Anomaly:
    """The network's arrays with their scaling; nothing is known of its errors yet."""
    first, second, third, fourth = (np.ascontiguousarray(each, np.float32) for each in network.coefs_)
    b0, b1, b2, b3 = (np.ascontiguousarray(each, np.float32) for each in network.intercepts_)
    return Anomaly(
        plain.centre, plain.spread, (first, second, third, fourth), (b0, b1, b2, b3),
        plain.middle_centre, plain.middle_spread, plain.errors,
    )  # fmt: skip
