"""Several callbacks as one."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal

from fastbp.callbacks.base import Callback
from fastbp.callbacks.batch_hooks import BatchHooks, overrides
from fastbp.callbacks.progbar_logger import ProgbarLogger


class CallbackList:
    """Several callbacks, called in order. ``call("on_epoch_end", epoch, logs)``.

    The progress display, if there is to be one, comes last, unless it is among them. As a context manager it closes
    what they hold open.
    """

    def __init__(self, callbacks: Callback | Iterable[Callback] | None, model: Any, params: Mapping[str, Any]) -> None:
        if callbacks is None:
            self.callbacks = []
        elif isinstance(callbacks, Iterable):
            self.callbacks = list(callbacks)
        else:
            self.callbacks = [callbacks]
        if params.get("verbose") and not any(isinstance(callback, ProgbarLogger) for callback in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"expected callbacks derived from fastbp.callbacks.Callback; got {callback!r}")
            callback.set_model(model)
            callback.set_params(params)

    def call(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def overrides(self, *hooks: str) -> bool:
        """Whether any callback has a hook of its own."""
        return any(overrides(callback, *hooks) for callback in self.callbacks)

    def batch_hooks(self, kind: Literal["train", "test"]) -> BatchHooks:
        """The hooks for batches of training or evaluation."""
        return BatchHooks(self.callbacks, kind)

    def __enter__(self) -> "CallbackList":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for callback in self.callbacks:
            callback._release()
