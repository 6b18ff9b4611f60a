"""What fit returns."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp.callbacks.base import Callback, Logs
from fastbp.plots import pyplot

if TYPE_CHECKING:
    import numpy.typing as npt


class History(Callback):
    """What ``fit`` returns: ``history`` has for every name in the logs the list of its values, ``epoch`` the epochs."""

    def __init__(self) -> None:
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self._epochs: dict[str, list[int]] = {}  # when each was in the logs: not always all are

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self._epochs.setdefault(name, []).append(epoch)

    def plot(self, metrics: Any = None, ax: Any = None) -> "npt.NDArray[Any]":
        """Draws the values over the epochs, counted from 1: a panel for the loss and each metric, with validation.

        Args:
            metrics: the name or names to draw, without "val_"; all if not given.
            ax: matplotlib's Axes to draw in, one for each name, or one for all; a new figure if not given.

        Returns:
            The Axes, one for each panel.

        Raises:
            ImportError: if matplotlib is missing (``pip install 'fastbp[plot]'``).
            ValueError: for a name that is not in the history, or another number of Axes.
        """
        known = list(dict.fromkeys(name.removeprefix("val_") for name in self.history))
        names = known if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
        for name in names:
            if name not in known:
                raise ValueError(f"{name!r} is not in the history; there are: {', '.join(known)}")
        if not names:
            raise ValueError("the history is empty: fit has trained no epoch")
        axes = _new_axes(len(names)) if ax is None else np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(axes) not in (1, len(names)):
            raise ValueError(f"got {len(axes)} axes for {len(names)} names; expected one for each, or one for all")
        for i, name in enumerate(names):
            panel = axes[i % len(axes)]
            for label, style in ((name, "-"), (f"val_{name}", "--")):
                if label in self.history:
                    epochs = [epoch + 1 for epoch in self._epochs[label]]
                    panel.plot(epochs, self.history[label], style, marker="." if len(epochs) < 20 else "", label=label)
            if len(axes) == len(names):
                panel.set_ylabel(name)
        for panel in axes:
            panel.legend()
            panel.xaxis.get_major_locator().set_params(integer=True)
        for panel in axes[-1:] if ax is None else axes:  # panels of its own lie above each other
            panel.set_xlabel("epoch")
        return axes


def _new_axes(panels: int) -> "npt.NDArray[Any]":
    size = (6.4, 1.2 + 2.4 * panels)  # inches
    _, axes = pyplot("History.plot").subplots(panels, squeeze=False, sharex=True, figsize=size, layout="constrained")
    return np.asarray(axes[:, 0])
