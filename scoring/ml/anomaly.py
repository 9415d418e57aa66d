"""How strange a payment is, and where it lies among others: an autoencoder trained without labels. Pure.

A small network that has to squeeze each vector through WIDTH numbers and draw its values again from them. What it draws
badly is unlike what it learnt from; the numbers in the middle are the payment's embedding.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scoring.features.compiling import compiled

Floats = NDArray[np.float32]

# Numbers of an embedding. Fewer draw worse, more tell payments apart by what is theirs alone.
WIDTH = 8
# So far from the middle a value counts, in spreads: one huge amount must not be all there is to a payment.
MOST_SPREADS = 5.0
# Decimals of an anomaly score. The mathematics libraries of two machines may differ in a double's last digit: below
# what is kept, so that a decision can be made again on another one.
DECIMALS = 6


@dataclass(frozen=True)
class Anomaly:
    """A trained autoencoder. Of d features it sees 2 d inputs, the values and whether each is missing, and draws the
    values. Float32 arrays.

    centre, spread: (d,) of the values' logarithms. weights: (inputs, units) of each layer; biases: (units,). Layer
    `middle` gives the embedding. errors: rising, float64, the quantiles 0, 1/n ... 1 of the errors while training.
    middle_centre, middle_spread: (WIDTH,) of the embeddings while training.
    """

    centre: Floats
    spread: Floats
    weights: tuple[Floats, Floats, Floats, Floats]
    biases: tuple[Floats, Floats, Floats, Floats]
    middle_centre: Floats
    middle_spread: Floats
    errors: NDArray[np.float64]

    def score(self, vectors: Floats) -> NDArray[np.float64]:
        """Anomaly score of each row of float32 (n, d), NaN where missing: 0-1, 0.99 is stranger than 99 % of those
        it learnt from. A row has the same bits alone and among others."""
        errors, _ = self.run(vectors)
        return np.round(np.interp(errors, self.errors, self._levels), DECIMALS)

    @cached_property
    def _levels(self) -> NDArray[np.float64]:
        """The shares that `errors` are the quantiles of."""
        return np.linspace(0.0, 1.0, len(self.errors))

    def embed(self, vectors: Floats) -> Floats:
        """Embeddings, float32 (n, WIDTH), of length 1; two payments resemble each other as their cosine is near 1.

        They say in which direction a payment lies from the ordinary one. An ordinary payment through and through has
        none: its row is 0.
        """
        _, middles = self.run(vectors)
        away = (middles - self.middle_centre) / self.middle_spread
        lengths = np.sqrt((away.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
        embeddings: Floats = np.divide(
            away, lengths, out=np.zeros_like(away), where=lengths > 1e-6, casting="same_kind"
        )
        return embeddings

    def scaled(self, vectors: Floats) -> Floats:
        """What the network sees of the values, float32 (n, d), in spreads from the middle; 0 where one is missing."""
        found = np.empty_like(vectors)
        _scale(np.ascontiguousarray(vectors), self.centre, self.spread, found)
        return found

    def run(self, vectors: Floats) -> tuple[NDArray[np.float64], Floats]:
        """Mean squared errors of what is drawn, float64 (n,), and what the middle layer says, float32 (n, WIDTH)."""
        errors = np.empty(len(vectors))
        middles = np.empty((len(vectors), self.weights[1].shape[1]), np.float32)
        if len(vectors):
            _run(np.ascontiguousarray(vectors), self.centre, self.spread, self.weights, self.biases, errors, middles)
        return errors, middles


# Plain loops, row by row: matrix products of a library sum in an order that depends on how many rows there are, and a
# decision could not be made again to the bit.
@compiled
def _scale(vectors, centre, spread, out):  # type: ignore[no-untyped-def]
    for i in range(vectors.shape[0]):
        for f in range(vectors.shape[1]):
            value = float(vectors[i, f])
            if math.isnan(value):
                out[i, f] = 0.0
            else:
                # Amounts and counts have long tails on either side.
                away = (math.copysign(math.log1p(abs(value)), value) - centre[f]) / spread[f]
                out[i, f] = min(max(away, -MOST_SPREADS), MOST_SPREADS)


@compiled
def _layer(inputs, weights, biases, is_bent, out):  # type: ignore[no-untyped-def]
    for j in range(out.shape[0]):
        out[j] = biases[j]
    for k in range(inputs.shape[0]):
        value = inputs[k]
        if value != 0.0:
            for j in range(out.shape[0]):
                out[j] += value * weights[k, j]
    if is_bent:
        for j in range(out.shape[0]):
            out[j] = math.tanh(out[j])


@compiled
def _run(vectors, centre, spread, weights, biases, errors, middles):  # type: ignore[no-untyped-def]
    features = vectors.shape[1]
    inputs = np.empty(2 * features, np.float32)
    first, second = np.empty(len(biases[0]), np.float32), np.empty(len(biases[2]), np.float32)
    drawn = np.empty(len(biases[3]), np.float32)
    values = inputs[:features].reshape(1, features)
    for i in range(vectors.shape[0]):
        _scale(vectors[i : i + 1], centre, spread, values)
        for f in range(features):
            inputs[features + f] = 1.0 if math.isnan(vectors[i, f]) else 0.0
        _layer(inputs, weights[0], biases[0], True, first)
        _layer(first, weights[1], biases[1], True, middles[i])
        _layer(middles[i], weights[2], biases[2], True, second)
        _layer(second, weights[3], biases[3], False, drawn)
        total = 0.0
        for j in range(features):
            total += (float(drawn[j]) - float(inputs[j])) ** 2
        errors[i] = total / features
