"""Whether two libraries did the same training.

Two right implementations add in different orders. In float32 a sum of k terms is off by about eps·√k of its size, for
the roundings are of random sign; sums that feed each other are off like one of their joint length. What an epoch
computes depends on k = steps·(batch + Σ_layers (in + out)) terms, so it is off by the share r = eps·√k; and every step
rounds the weights w, which began at w₀, once more:

    |L' - L| ≤ r·L                                     the epoch's mean loss
    ‖w' - w‖ ≤ r·‖w - w₀‖ + √steps·eps·‖w‖             each layer, kernel and bias together

That holds where training is smooth. It jumps where ReLU's argument or the slope that Adam divides by its own size is
nearly 0: a value that lies within r of there may land on either side, and all that follows differs. Such an accident
befalls some draws of data and weights, the more the larger the network and the longer the training, for every step adds
to what differs: in keras_mlp beside JAX two of three draws of 10 steps, one of nine of 3. A wrong implementation is
wrong in all. So it is enough that one draw agrees, of draws that grow shorter: all fail by accident perhaps once in 100
times there, and less than once in 3000 in the others.

Inference is smooth, relu too, and one call's outputs depend on k = Σ_layers (in + 1) terms: ‖y' - y‖ ≤ eps·√k·‖y‖, over
CALLS calls together, for the few outputs of one may happen to be nearly 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.queries import Query
from benchmarks.workloads import Array, Workload

EPS = float(np.finfo(np.float32).eps)
STEPS = (10, 7, 5, 4, 3)  # of each draw
CALLS = 100  # of a single sample; for many samples one call is enough


@dataclass(frozen=True)
class Trained:
    """What came of an epoch: its mean loss, and the weights after it."""

    loss: float
    weights: list[Array]


@dataclass(frozen=True)
class Verdict:
    """The largest deviation found, in tolerances, and where it is."""

    deviation: float
    place: str

    @property
    def passed(self) -> bool:
        return self.deviation <= 1.0

    def __str__(self) -> str:
        return f"{self.place} differs by {self.deviation:.2g} times the tolerance"


def draws(workload: Workload) -> list[Workload]:
    """The workload cut to a few steps, with different data and weights."""
    lengths = enumerate(STEPS)
    return [replace(workload, samples=steps * workload.batch, seed=workload.seed + i) for i, steps in lengths]


def agreeing(workload: Workload, one: Callable[[Workload], Trained], other: Callable[[Workload], Trained]) -> Verdict:
    """Trains some steps with both, from the same weights through the same batches; one draw has to agree."""
    for draw in draws(workload):
        verdict = compare(draw, one(draw), other(draw))
        if verdict.passed:
            break
    return verdict


def compare(workload: Workload, one: Trained, other: Trained) -> Verdict:
    """How far apart two trainings are that both went through one unshuffled epoch of the workload."""
    terms = workload.steps * (workload.batch + sum(workload.widths[:-1]) + sum(workload.widths[1:]))
    share = EPS * terms**0.5
    verdicts = [Verdict(ratio(abs(other.loss - one.loss), share * abs(one.loss)), "the loss")]
    layers = zip(by_layer(workload.initial_weights()), by_layer(one.weights), by_layer(other.weights), strict=True)
    for number, (start, w, w_other) in enumerate(layers, start=1):
        movement, rounding = norm(w - start), workload.steps**0.5 * EPS * norm(w)
        if not movement > rounding:  # else two that do nothing would agree
            return Verdict(float("inf"), f"layer {number} did not move; the peer's")
        verdicts.append(Verdict(ratio(norm(w_other - w), share * movement + rounding), f"layer {number}"))
    return max(verdicts, key=lambda verdict: verdict.deviation)


def calls(query: Query) -> int:
    """Calls to compare."""
    return max(1, CALLS // query.rows)


def compare_outputs(query: Query, one: Array, other: Array) -> Verdict:
    """How far apart the outputs of two networks are."""
    terms = sum(width + 1 for width in query.widths[:-1])
    return Verdict(ratio(norm(other - one), EPS * terms**0.5 * norm(one)), "the outputs' norm")


def by_layer(weights: list[Array]) -> list[Array]:
    """One flat array a layer, from its kernel and its bias."""
    pairs = zip(weights[::2], weights[1::2], strict=True)
    return [np.concatenate([kernel.ravel(), bias.ravel()]) for kernel, bias in pairs]


def norm(values: Array) -> float:
    return float(np.sqrt(np.sum(np.square(values, dtype=np.float64))))


def ratio(difference: float, tolerance: float) -> float:
    """Infinite where either is NaN or the tolerance is not finite, so that no such thing passes."""
    found = difference / tolerance if 0 < tolerance < float("inf") else float("inf")
    return found if found >= 0 else float("inf")
