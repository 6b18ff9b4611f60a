"""A trace as text: rows of numbers, abridged."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.tracing.derivation import shown
from fastbp.tracing.layer_trace import LayerTrace
from fastbp.tracing.update import WeightTrace

__all__ = ["SAMPLES", "backward_text", "forward_text", "loss_text", "update_text"]

Array = npt.NDArray[Any]
Rows = list[tuple[str, Array | None]]
SAMPLES = 4  # of a batch that texts show one by one
NUMBERS = 8  # of a row
CELLS = 12  # of a table of weights


def forward_text(layer: LayerTrace) -> str:
    """What goes into a layer and comes out."""
    rows: Rows = [("values feeding in", layer.inputs), ("sums", layer.sums), ("values", layer.outputs)]
    if layer.past is not None:
        rows = [("values of its layers", layer.inputs), ("values past them", layer.past), ("values", layer.outputs)]
    return _rows(f"{layer.name}: {layer.description}", rows)


def loss_text(trace: Any) -> str:
    """The loss, and what it compares."""
    targets = trace.targets if trace.targets.ndim > 1 else trace.targets[:, None]
    rows: Rows = [("prediction", trace.prediction), ("target", targets), ("loss", trace.losses[:, None])]
    return _rows(f"{trace.loss_name}: {shown(trace.loss_before)}", rows)


def backward_text(layer: LayerTrace) -> str:
    """The slopes of the loss in a layer, and at its weights."""
    slope_at = "slope of the loss at the values"
    rows: Rows = [
        (slope_at, layer.output_slopes if layer.value_slopes is None else layer.value_slopes),
        ("slope of the activation", layer.slopes),
        ("slope of the loss at the sums", layer.sum_slopes),
    ]
    if layer.past_slopes is not None:
        rows.append(("goes back into its layers", layer.input_slopes))
        rows.append(("and past them", layer.past_slopes))
    elif layer.activation is None or layer.begun:
        rows.append(("slope of the loss at what feeds in", layer.input_slopes))
    rows += [(f"comes past the layers of {block.name}", block.past_slopes) for block in layer.begun]
    if layer.begun:
        rows.append(("added up", layer.fed_slopes))
    text = _rows(f"{layer.name}: {layer.description}", rows)
    for name, weight in layer.weights.items():
        text += f"\n  {name}, slopes and new values"
        places = list(np.ndindex(weight.old.shape))
        for at in _greatest(weight, places):
            new = f"{shown(weight.old[at])} → {shown(weight.new[at])}"
            text += f"\n    {list(at)}  {shown(weight.gradient[at])}  {new}"
        if len(places) > CELLS:
            text += f"\n    and {len(places) - CELLS} weights more with slopes no greater"
    return text


def update_text(trace: Any) -> str:
    """What the step came to."""
    change = f"loss {shown(trace.loss_before)} → {shown(trace.loss_after)}"
    return f"{trace.optimizer}, step {trace.update.number}, learning rate {shown(trace.learning_rate)}: {change}"


def _rows(title: str, rows: Rows) -> str:
    lines, width = [f"  {title}"], max((len(name) for name, array in rows if array is not None), default=0)
    for name, array in rows:
        for s, row in enumerate([] if array is None else array[:SAMPLES]):
            numbers = "  ".join(shown(value) for value in row[:NUMBERS])
            more = f"  … {len(row)} in all" if len(row) > NUMBERS else ""
            lines.append(f"    {name if s == 0 else '':<{width}}  {numbers}{more}")
        if array is not None and len(array) > SAMPLES:
            lines.append(f"    {'':<{width}}  … {len(array)} samples in all")
    return "\n".join(lines)


def _greatest(weight: WeightTrace, places: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The places of the greatest slopes, in order."""
    if len(places) <= CELLS:
        return places
    order = np.argsort(-np.abs(weight.gradient), axis=None, kind="stable")[:CELLS]
    return [tuple(map(int, np.unravel_index(at, weight.old.shape))) for at in sorted(order)]
