"""What stands out in the records of a training, in words."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

MANY = 0.4  # the share of a layer's units from which on it is said
FAST, SLOW = 0.1, 1e-6  # update over weight of a step: about 1e-3 is usual
LONG = 5  # epochs
LITTLE = 0.005  # of all that the loss has fallen, or 0.02 of what is left


def _not_a_number(recorder: Any) -> Iterator[str]:
    losses = np.array(recorder.history.get("loss", []))
    bad = np.flatnonzero(~np.isfinite(losses))
    if len(bad):
        rate = float(recorder.model.optimizer.learning_rate)
        yield (
            f"The loss was {losses[bad[0]]} in epoch {bad[0] + 1}: training diverged. Lower the learning rate "
            f"({rate:g}), scale the inputs, or clip the gradients (clipnorm=1)."
        )


def _rising(recorder: Any) -> Iterator[str]:
    losses = np.array(recorder.history.get("loss", []))
    if len(losses) >= 3 and np.isfinite(losses).all():
        least = losses.min()
        if losses[-1] - least > 0.5 * (losses.max() - least) and (losses[-1] > losses[0] or losses[-1] > losses[-3]):
            yield (
                f"The loss is rising: {least:.3g} in epoch {losses.argmin() + 1}, {losses[-1]:.3g} in the last. "
                "Lower the learning rate, or clip the gradients (clipnorm=1)."
            )


def _dead(recorder: Any) -> Iterator[str]:
    for layer in _last_layers(recorder):
        if layer.dead >= MANY:
            yield (
                f"Layer {layer.number} ({layer.name}): {layer.dead:.0%} of its ReLUs fire for no sample, and learn "
                "nothing. Lower the learning rate, use kernel_initializer='he_normal', or leaky_relu."
            )


def _saturated(recorder: Any) -> Iterator[str]:
    for layer in _last_layers(recorder)[:-1]:  # an output shall be sure of itself
        if layer.saturated >= MANY:
            yield (
                f"Layer {layer.number} ({layer.name}): {layer.saturated:.0%} of its units are saturated, where their "
                "slope is almost 0. Scale the inputs (a Normalization layer), begin with smaller weights, or use relu."
            )


def _update_too_large(recorder: Any) -> Iterator[str]:
    yield from _updates(recorder, recorder.records[1:], lambda ratio: ratio > FAST, "Lower the learning rate.")


def _update_too_small(recorder: Any) -> Iterator[str]:
    early = recorder.records[
        1 : 2 + len(recorder.records) // 2
    ]  # later they become small where there is little to learn
    yield from _updates(recorder, early, lambda ratio: ratio < SLOW, "Raise the learning rate.")


def _updates(recorder: Any, records: list[Any], stands_out: Callable[[float], bool], advice: str) -> Iterator[str]:
    for i, layer in enumerate(_last_layers(recorder)):
        ratios = [record.layers[i].ratio for record in records]
        known = [ratio for ratio in ratios if np.isfinite(ratio)]
        if known and stands_out(float(np.median(known))):
            yield (
                f"Layer {layer.number} ({layer.name}): a step changes its weights by "
                f"{np.median(known):.1g} of their norm; about 0.001 is usual. {advice}"
            )


def _overfitting(recorder: Any) -> Iterator[str]:
    losses, held_out = (np.array(recorder.history.get(name, [])) for name in ("loss", "val_loss"))
    if len(held_out) < 2 or len(losses) != len(held_out) or not np.isfinite([losses, held_out]).all():
        return
    best = int(held_out.argmin())
    since = len(held_out) - 1 - best
    risen = held_out[-1] - held_out[best]
    if since >= LONG and losses[-1] < losses[best] and risen > 0.05 * (held_out.max() - held_out.min() or 1):
        yield (
            f"Overfitting: for {since} epochs the loss of the validation data has not fallen below the "
            f"{held_out[best]:.3g} of epoch {best + 1} (now {held_out[-1]:.3g}), while that of the training data has. "
            "Stop there (EarlyStopping(restore_best_weights=True)), or use Dropout, L2, fewer units or more data."
        )


def _plateau(recorder: Any) -> Iterator[str]:
    losses = np.array(recorder.history.get("loss", []))
    if len(losses) < 2 * LONG or not np.isfinite(losses).all():
        return
    late = max(LONG, len(losses) // 3)
    reached, best = losses[:-late].min(), losses.min()
    fallen = losses[0] - best
    if fallen <= LITTLE * abs(losses[0]):
        yield (
            f"The loss has hardly moved from {losses[0]:.3g} in {len(losses)} epochs. Try another learning rate "
            "(find_learning_rate helps), and see whether the inputs are scaled and tell of the targets."
        )
    elif reached - best <= LITTLE * min(fallen, 4 * abs(reached)) and losses[-1] <= best + 0.1 * fallen:
        yield (
            f"A plateau: in the last {late} epochs the loss has fallen no more ({reached:.3g} to {best:.3g}). Stop "
            "earlier, or lower the learning rate there (ReduceLROnPlateau)."
        )


RULES: list[Callable[[Any], Iterator[str]]] = [
    _not_a_number,
    _rising,
    _dead,
    _saturated,
    _update_too_large,
    _update_too_small,
    _overfitting,
    _plateau,
]  # the gravest first


def _last_layers(recorder: Any) -> list[Any]:
    return recorder.records[-1].layers if recorder.records else []


def findings(recorder: Any) -> list[str]:
    """What the rules say of a ``Recorder``."""
    return [text for rule in RULES for text in rule(recorder)]
