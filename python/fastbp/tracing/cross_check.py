"""Slopes taken layer by layer against those of the whole network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.layers.base import Spec
from fastbp.tracing.update import WeightTrace
from fastbp.tracing.walk import Part, Walk

__all__ = ["require_equal"]

Array = npt.NDArray[Any]
EACH = ("function", "noise", "normalization", "rescaling")  # kinds of parts that take every value by itself
EPSILON = {"batch_normalization": 1, "layer_normalization": 0}  # where among the settings it is


def require_equal(walk: Walk, weights: list[WeightTrace], slopes_of: Callable[[Array], Array]) -> None:
    """RuntimeError if slopes of weights, taken layer by layer, are not those of the whole network.

    Both round sums of as many terms as there are samples and nodes. How large their terms are is carried back beside
    the slopes: what comes together with signs there adds up here. It begins with the slopes of the loss, and with what
    they change by (``slopes_of`` other outputs) if the outputs are rounded otherwise.
    """
    if not walk.parts:
        return
    last = walk.parts[-1]
    dtype = np.finfo(last.y.dtype)
    terms = len(last.y) + sum(part.y.shape[1] for part in walk.parts)
    tolerance = 4 * float(dtype.eps) * terms
    with np.errstate(invalid="ignore", over="ignore"):  # of networks that diverge
        slopes = last.dx if last.dy is None else last.dy
        step = np.asarray(tolerance * np.abs(walk.outputs).max(), slopes.dtype)
        spread = [np.abs(slopes_of(walk.outputs + moved) - slopes) for moved in (-step, step)]
        sizes = np.abs(slopes).astype(float) + np.maximum(*spread) / tolerance
        joining: dict[int, Array] = {}  # by part, sizes that came past the blocks which begin with it
        for i, part in reversed(list(enumerate(walk.parts))):
            if part.start is None:
                of_weights, sizes = _sizes(part, sizes)
            else:
                of_weights, past = _past(part, walk.parts[part.start].x, sizes)
                joining[part.start] = joining.get(part.start, 0.0) + past
            sizes = sizes + joining.pop(i, 0.0)
            for k, size, slope in zip(part.weights, of_weights, part.gradients, strict=False):
                weight = weights[k]
                apart = np.abs(slope - (weight.gradient - weight.penalty))
                allowed = tolerance * (size + np.abs(weight.penalty)) + terms * dtype.tiny
                if weight.trained and (apart > allowed).any():
                    raise RuntimeError(
                        f"the slopes of {weight.name} {weight.old.shape}, taken layer by layer, differ from those of "
                        f"the whole network by {apart.max()}; expected at most {allowed.max()}"
                    )


def _sizes(part: Part, sizes: Array) -> tuple[list[Array], Array]:
    """Sizes of the terms of the slopes of a part's weights, and at what goes in, from those at what comes out."""
    if part.kind == "dense":
        of_kernel, back = _of_product(part, part.x, sizes)
        return [of_kernel, sizes.sum(axis=0)], back
    if part.dy is None:
        return [], sizes
    if part.kind == "activity_regularization":
        return [], sizes + np.abs(part.dx - part.dy)
    if part.kind in EACH or (part.kind == "activation" and part.spec["name"] not in ("softmax", "log_softmax")):
        return [], sizes * np.abs(part.network.backward(np.ones_like(part.dy), 1))
    # The rest mix values, and what cancels may be larger than what remains: divided by a deviation of √ε at least.
    signs = np.random.default_rng(0).choice([-1, 1], sizes.shape)
    carried = np.abs(part.network.backward((signs * sizes).astype(part.dy.dtype), 1))
    factor = max([1.0, *(float(np.abs(weight).max()) for weight in part.network.weights)])
    factor /= min(1.0, _deviation(part.spec))
    greatest = max(float(carried.max()), float(np.abs(part.dx).max()), float(sizes.max()) * factor)
    return [], np.full(part.dx.shape, greatest)


def _past(part: Part, x: Array, sizes: Array) -> tuple[list[Array], Array]:
    """Sizes of the terms of the slopes of a block's projection, and of those at its input x by that way."""
    if part.network is None:
        return [], sizes
    of_projection, back = _of_product(part, x, sizes)
    return [of_projection], back


def _of_product(part: Part, x: Array, sizes: Array) -> tuple[Array, Array]:
    return np.abs(x).T @ sizes, sizes @ np.abs(part.network.weights[0]).T


def _deviation(spec: Spec) -> float:
    """The least that a normalisation divides by; of other parts 1."""
    return float(np.sqrt(spec["settings"][EPSILON[spec["kind"]]])) if spec["kind"] in EPSILON else 1.0
