"""The page of a ``Recorder``."""

import base64
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp._page import Series, chart, data, document, escape, table
from fastbp._page.charts import number

Array = npt.NDArray[Any]

FRAMES = 40  # of the decision surface, at most
LAYER_CHARTS = [  # field of a LayerRecord, title, values to mark
    ("weight", "Norm of the weights", ()),
    ("gradient", "Norm of the gradients", ()),
    ("ratio", "Update over weight, of a step", (1e-3,)),
    ("dead", "Share of dead ReLUs", (0.0, 1.0)),
    ("saturated", "Share of saturated units", (0.0, 1.0)),
]


def page(recorder: Any) -> str:
    """The whole page as HTML."""
    model, records = recorder.model, recorder.records
    if not records:
        raise RuntimeError("nothing is recorded: give the Recorder to fit first")
    found = "".join(f"<li>{escape(text)}</li>" for text in recorder.findings())
    found = f'<ul class="findings">{found}</ul>' if found else "<p>Nothing stands out.</p>"
    return document(
        f"Training of {model.name}",
        f'<p class="faint">{escape(_about(recorder))}</p>'
        f"<section><h2>Findings</h2>{found}</section>"
        f'<section><h2>Loss and metrics</h2><div class="charts">{_curves(recorder)}</div></section>'
        f"{_surface(recorder)}"
        f'<section><h2>Layers</h2><div class="charts">{_layer_charts(records)}</div></section>'
        f"<section><h2>Layers at the end</h2>{_layer_table(records[-1])}</section>",
    )


def _about(recorder: Any) -> str:
    model, last = recorder.model, recorder.records[-1]
    widths = [model.input_shape[1], *(w.shape[1] for w in model.weights if w.ndim == 2)]
    return (
        f"{'-'.join(map(str, widths))}, {model.count_params():,} weights, {model.optimizer.name}, {model.loss.name}; "
        f"{last.step:,} batches, {number(last.epoch)} epochs; layers measured on {len(recorder.sample[1])} samples"
    )


def _curves(recorder: Any) -> str:
    names = list(dict.fromkeys(name.removeprefix("val_") for name in recorder.history))
    figures = []
    for name in names:
        both = [(name, "training"), (f"val_{name}", "validation")]
        series = [
            Series(label, [e + 1 for e in recorder.epochs[key]], recorder.history[key], i, bool(i))
            for i, (key, label) in enumerate(both)
            if key in recorder.history
        ]
        figures.append(chart(name, series, "epoch"))
    if not any(figures):
        series = [Series("sample", [r.epoch for r in recorder.records], [r.loss for r in recorder.records])]
        figures.append(chart("loss", series, "epoch"))
    return "".join(figures)


def _layer_charts(records: list[Any]) -> str:
    epochs = [record.epoch for record in records]
    figures = []
    for field, title, marks in LAYER_CHARTS:
        series = [
            Series(f"{layer.number} {layer.name}", epochs, [getattr(record.layers[i], field) for record in records], i)
            for i, layer in enumerate(records[-1].layers)
        ]
        figures.append(chart(title, series, "epoch", marks))
    return "".join(figures)


def _layer_table(record: Any) -> str:
    def shown(value: float, form: str = "") -> str:
        return "–" if math.isnan(value) else format(value, form) if form else number(value)

    rows = [
        (
            f"{layer.number} {layer.name}",
            *(shown(value) for value in (layer.weight, layer.gradient, layer.ratio)),
            *(shown(value, ".0%") for value in (layer.dead, layer.saturated)),
        )
        for layer in record.layers
    ]
    head = ("layer", "weights", "gradients", "update / weight", "dead", "saturated")
    return table(head, rows, f"After {record.step:,} batches")


def _surface(recorder: Any) -> str:
    """The outputs over both inputs, instant by instant; empty if there are not two, or outputs that are numbers."""
    records = [r for r in recorder.records if r.surface is not None and np.isfinite(r.surface).all()]
    if not records:
        return ""
    chosen = [records[i] for i in np.unique(np.linspace(0, len(records) - 1, FRAMES).astype(int))]
    surfaces = np.array([record.surface for record in chosen])
    x, y = (np.asarray(part, float) for part in recorder.sample)
    x = x.reshape(-1, 2)
    outputs = surfaces.shape[-1]
    labels = y.reshape(len(y), -1)
    classes = outputs > 1 and (labels.shape[1] == 1 or bool((labels.sum(axis=1) == 1).all()))
    if classes:
        values, truth = surfaces.argmax(axis=-1), labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0]
        what, least, greatest = "The class with the greatest output", 0.0, 0.0
    else:
        values, truth = surfaces[..., 0], labels[:, 0]
        least, greatest = float(truth.min()), float(truth.max())
        what = f"The {'first ' if outputs > 1 else ''}output, from {number(least)} to {number(greatest)}"
        scale = 255 / ((greatest - least) or 1.0)
        values, truth = (np.clip((v - least) * scale, 0, 255).round() for v in (values, truth))
    (left, bottom), (right, top) = recorder.extent
    places = np.stack([(x[:, 0] - left) / (right - left), (top - x[:, 1]) / (top - bottom), truth], axis=1)
    shared = {
        "grid": surfaces.shape[1],
        "classes": bool(classes),
        "epochs": [number(record.epoch) for record in chosen],
        "frames": [base64.b64encode(frame.astype(np.uint8).tobytes()).decode() for frame in values],
        "points": places.round(4).tolist(),
    }
    label = (
        f"{what}, over the first input (across, {number(left)} to {number(right)}) and the second "
        f"(up, {number(bottom)} to {number(top)}). Dots are samples."
    )
    return (
        '<section id="surface"><h2>Decision surface</h2><figure class="surface">'
        f'<canvas width="600" height="600" role="img" aria-label="{escape(label)}"></canvas>'
        '<div class="controls"><button type="button">Play</button>'
        f'<input type="range" min="0" max="{len(chosen) - 1}" value="{len(chosen) - 1}" '
        'aria-label="Instant of training"><output></output></div>'
        f'<p class="faint"><small>{escape(label)}</small></p></figure></section>'
        f"{data('surface-data', shared)}"
    )
