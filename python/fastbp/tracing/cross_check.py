"""Slopes taken layer by layer against those of the whole network."""

import numpy as np

from fastbp.tracing.update import WeightTrace
from fastbp.tracing.walk import Walk

__all__ = ["require_equal"]


def require_equal(walk: Walk, weights: list[WeightTrace]) -> None:
    """RuntimeError if slopes of weights, taken layer by layer, are not those of the whole network.

    Both round sums of as many terms as there are samples and nodes, whose sizes are those of slopes that all have the
    same sign: ``bound`` carries them back.
    """
    if not walk.parts:
        return
    last = walk.parts[-1]
    bound = np.abs(last.dx if last.dy is None else last.dy).astype(float)
    terms = len(last.y) + sum(part.y.shape[1] for part in walk.parts)
    tolerance = 4 * np.finfo(last.y.dtype).eps * terms
    tiny = terms * np.finfo(last.y.dtype).tiny
    for part in reversed(walk.parts):
        if part.kind == "dense":
            sizes = [np.abs(part.x).T @ bound, bound.sum(axis=0)]
            for k, size, slope in zip(part.weights, sizes, part.gradients, strict=False):
                weight = weights[k]
                expected = weight.gradient - weight.penalty
                allowed = tolerance * (size + np.abs(weight.penalty)) + tiny
                if weight.trained and (np.abs(slope - expected) > allowed).any():
                    raise RuntimeError(
                        f"the slopes of {weight.name} {weight.old.shape}, taken layer by layer, differ from those of "
                        f"the whole network by {np.abs(slope - expected).max()}; expected at most {allowed.max()}"
                    )
            bound = bound @ np.abs(part.network.weights[0]).T
        elif part.dy is not None:
            grown = float(bound.max()) / max(float(np.abs(part.dy).max()), tiny)
            bound = np.maximum(np.abs(part.dx) * grown, np.abs(part.dx))
