"""Pictures of networks, weights and predictions, by matplotlib (extra ``plot``)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data

__all__ = ["plot_confusion", "plot_network", "plot_weights"]

Array = npt.NDArray[Any]

POSITIVE, NEGATIVE, DIVERGING = "#c04a00", "#0063b0", "RdBu_r"
MOST_WRITTEN = 30  # classes whose counts are still written into their fields


def pyplot(what: str) -> Any:
    """matplotlib.pyplot, or an ImportError that says how to get it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f"{what} needs matplotlib: pip install 'fastbp[plot]'") from error
    return pyplot


def _kernels(model: Any) -> list[tuple[str, Array]]:
    """The matrices of weights, by the names of their layers; those within a block are "block/layer"."""
    found = [
        (f"{layer.name}/{name}".rpartition("/")[0], w)
        for layer in model.layers
        for name, w in zip(layer.weight_names, layer.weights, strict=True)
        if w.ndim == 2
    ]
    if not found:
        raise ValueError("the model has no layers with a matrix of weights: add a Dense, and an Input or data")
    return found


def _traced(trace: Any) -> tuple[list[tuple[str, Array]], list[Array]]:
    """The slopes of the matrices, and the values of the nodes before and after each, of the first sample."""
    parts = [(layer, w) for layer in trace.layers for w in layer.weights.values() if w.old.ndim == 2]
    values = [parts[0][0].inputs[0], *(layer.outputs[0] for layer, _ in parts)] if parts else []
    return [(layer.name, w.gradient) for layer, w in parts], values


def plot_network(model: Any, trace: Any = None, ax: Any = None, *, most: int = 16) -> Any:
    """Draws the units and what joins them: the thicker, the greater the weight; orange positive, blue negative.

    Args:
        model: a model that is built.
        trace: of a step (``fastbp.explain(model, x, y)``): lines are the slopes of its weights then, and the units have
            their values for its first sample written in them.
        ax: matplotlib's Axes to draw in; a new figure if not given.
        most: units of a layer that are drawn; of more the first are, and a number tells how many there are.

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is missing: ``pip install 'fastbp[plot]'``.
        ValueError: if the model has no dense layers with weights, or the trace is of another model.

    >>> plot_network(model, most=8).figure.savefig("network.png")  # doctest: +SKIP
    """
    most = _data.positive_int(most, "most")
    plt = pyplot("plot_network")
    kernels = _kernels(model)
    values: list[Array] = []
    if trace is not None:
        shapes = [kernel.shape for _, kernel in kernels]
        kernels, values = _traced(trace)
        if [kernel.shape for _, kernel in kernels] != shapes:
            raise ValueError(f"the trace is of another model: expected matrices of {shapes}")
    widths = [kernels[0][1].shape[0], *(kernel.shape[1] for _, kernel in kernels)]
    shown = [min(width, most) for width in widths]
    if ax is None:
        size = (1.6 + 1.8 * len(widths), 1.4 + (0.45 if values else 0.32) * max(shown))  # inches
        _, ax = plt.subplots(figsize=size, layout="constrained")
    places = [np.arange(count) - (count - 1) / 2 for count in shown]
    for i, (_, kernel) in enumerate(kernels):
        if kernel.shape[0] != widths[i]:  # what lies between has changed the width, as in a Residual
            continue
        part = kernel[: shown[i], : shown[i + 1]]
        strength = np.abs(part) / (np.abs(part).max() or 1.0)
        for a, b in np.ndindex(part.shape):
            colour = POSITIVE if part[a, b] > 0 else NEGATIVE
            line = {"lw": 0.2 + 2.3 * strength[a, b], "alpha": 0.08 + 0.8 * strength[a, b]}
            ax.plot([i, i + 1], [-places[i][a], -places[i + 1][b]], color=colour, zorder=1, **line)
    names = ["inputs", *(name for name, _ in kernels)]
    lowest = -max(map(len, places)) / 2 - 0.6
    for i, (name, width) in enumerate(zip(names, widths, strict=True)):
        ax.scatter(
            np.full(shown[i], i), -places[i], s=460 if values else 70, color="white", edgecolors="black", zorder=2
        )
        for place, value in zip(places[i], values[i] if values else (), strict=False):
            ax.text(i, -place, f"{value:.2g}", ha="center", va="center", fontsize=6)
        more = f"\n{shown[i]} of {width}" if width > shown[i] else f"\n{width}"
        ax.text(i, lowest, name + more, ha="center", va="top", fontsize="small")
    ax.set_xlim(-0.5, len(widths) - 0.5)
    ax.set_ylim(lowest - 1.6, -lowest)
    ax.set_axis_off()
    return ax


def plot_weights(model: Any, axes: Any = None) -> Array:
    """Draws each matrix of weights (in, out) as a field of colours: red positive, blue negative, white 0.

    Args:
        model: a model that is built.
        axes: matplotlib's Axes, one for each matrix; a new figure if not given.

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is missing: ``pip install 'fastbp[plot]'``.
        ValueError: if the model has no dense layers with weights, or for another number of Axes.

    >>> plot_weights(model)[0].figure.savefig("weights.png")  # doctest: +SKIP
    """
    plt = pyplot("plot_weights")
    kernels = _kernels(model)
    if axes is None:
        size = (1.0 + 3.4 * len(kernels), 3.6)  # inches
        _, axes = plt.subplots(1, len(kernels), figsize=size, layout="constrained")
    panels = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
    if len(panels) != len(kernels):
        raise ValueError(f"got {len(panels)} axes for {len(kernels)} matrices of weights; expected one for each")
    for panel, (name, kernel) in zip(panels, kernels, strict=True):
        reach = float(np.abs(kernel).max()) or 1.0
        field = panel.imshow(kernel, cmap=DIVERGING, vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest")
        panel.figure.colorbar(field, ax=panel)
        panel.set_title(name)
        panel.set_xlabel("unit")
        panel.set_ylabel("input")
        for axis in (panel.xaxis, panel.yaxis):
            axis.get_major_locator().set_params(integer=True)
    return panels


def plot_confusion(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, labels: Sequence[Any] | None = None, ax: Any = None
) -> Any:
    """Draws how many samples of each class (down) were taken for which (across); colours are shares of a row.

    Args:
        y_true: the classes (n,) as numbers from 0, or one-hot (n, classes).
        y_pred: the same, or what ``predict`` gives: (n, classes), or (n, 1), the probability of class 1.
        labels: names of the classes; their numbers if not given.
        ax: matplotlib's Axes to draw in; a new figure if not given.

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is missing: ``pip install 'fastbp[plot]'``.
        ValueError: for classes that are no whole numbers from 0, different lengths, or fewer labels than classes.

    >>> plot_confusion(y, model.predict(x), labels=["no", "yes"]).figure.show()  # doctest: +SKIP
    """
    plt = pyplot("plot_confusion")
    truth, found = _classes(y_true, "y_true"), _classes(y_pred, "y_pred")
    if len(truth) != len(found) or not len(truth):
        raise ValueError(f"y_true has {len(truth)} rows and y_pred {len(found)}; expected as many, and at least one")
    count = max(int(truth.max()), int(found.max())) + 1
    if labels is not None and len(labels) < count:
        raise ValueError(f"labels has {len(labels)} names; expected at least {count}")
    names = [str(label) for label in (range(count) if labels is None else labels)]
    count = len(names)
    counts = np.bincount(truth * count + found, minlength=count * count).reshape(count, count)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if ax is None:
        side = 2.8 + 0.45 * min(count, MOST_WRITTEN)  # inches
        _, ax = plt.subplots(figsize=(side + 0.8, side), layout="constrained")
    field = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.figure.colorbar(field, ax=ax, label="share of the true class")
    if count <= MOST_WRITTEN:
        for (row, column), number in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            ax.text(column, row, f"{number}", ha="center", va="center", color=colour, fontsize="small")
    turned = 45 if max(map(len, names)) > 3 else 0
    ax.set_xticks(range(count), names, rotation=turned, ha="right" if turned else "center")
    ax.set_yticks(range(count), names)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    return ax


def _classes(values: npt.ArrayLike, name: str) -> Array:
    """Classes as whole numbers (n,)."""
    array = _data.as_numbers(values, name)
    if array.ndim == 2 and array.shape[1] > 1:
        return array.argmax(axis=1)
    if array.ndim == 2:
        array = array[:, 0] > 0.5
    if array.ndim != 1 or (array < 0).any() or (array != np.floor(array)).any():
        raise ValueError(f"{name} must be classes (n,) from 0, or (n, classes); got shape {array.shape}, {array.dtype}")
    return array.astype(np.int64)
