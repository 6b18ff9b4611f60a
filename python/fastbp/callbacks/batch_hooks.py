"""Who is called at which batches, and how far the core may go until then."""

from collections.abc import Callable, Iterable
from typing import Literal

from fastbp import _data
from fastbp.callbacks.base import Callback, Logs

NEVER = 2**62  # batches


def overrides(callback: Callback, *hooks: str) -> bool:
    """Whether a callback has one of these hooks of its own."""
    return any(getattr(type(callback), hook) is not getattr(Callback, hook) or hook in vars(callback) for hook in hooks)


class BatchHooks:
    """The hooks for batches of those callbacks that have some.

    In training each is called for every ``batch_interval``-th batch; the core runs what lies between without coming
    back. In evaluation each is called for all.
    """

    def __init__(self, callbacks: Iterable[Callback], kind: Literal["train", "test"]) -> None:
        self.trains = kind == "train"
        self._begin, self._end = f"on_{kind}_batch_begin", f"on_{kind}_batch_end"
        begin, end = (
            [hook, hook.replace("train_", "")] if self.trains else [hook] for hook in (self._begin, self._end)
        )
        self._callbacks = [callback for callback in callbacks if overrides(callback, *begin, *end)]
        self._beginning = [callback for callback in self._callbacks if overrides(callback, *begin)]
        for callback in self._callbacks:
            _data.positive_int(callback.batch_interval, f"batch_interval of {type(callback).__name__}")

    def _until(self, callback: Callback) -> int:
        """Which of the batches to come, from 1, is the next that it is called for."""
        return callback.batch_interval - callback._batches_seen % callback.batch_interval if self.trains else 1

    def stretch(self) -> int:
        """How many batches may be run until somebody is to be called, before or after one."""
        most = NEVER
        for callback in self._callbacks:
            until = self._until(callback)
            most = min(most, until - 1 if until > 1 and callback in self._beginning else until)
        return most

    def begin(self, batch: int) -> None:
        """Calls those who want to be called before a batch, counted from 0 within the epoch."""
        for callback in self._beginning:
            if self._until(callback) == 1:
                getattr(callback, self._begin)(batch, {})

    def end(self, batch: int, count: int, logs: Callable[[], Logs]) -> bool:
        """Calls those who want to be called after a batch, the last of ``count``; whether there are any."""
        reached = [callback for callback in self._callbacks if self._until(callback) == count]
        if self.trains:
            for callback in self._callbacks:
                callback._batches_seen += count
        if not reached:
            return False
        means = logs()
        for callback in reached:
            getattr(callback, self._end)(batch, means)
        return True
