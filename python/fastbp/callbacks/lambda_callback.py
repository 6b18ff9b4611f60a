"""Callbacks made of functions."""

from collections.abc import Callable
from typing import Any

from fastbp.callbacks.base import Callback

Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """A callback made of functions, one for each hook that is wanted; only those given cost anything.

    Args:
        on_epoch_begin: called as ``f(epoch, logs)``, as ``on_epoch_end``.
        on_epoch_end: called with the logs of the epoch.
        on_train_begin: called as ``f(logs)``, as ``on_train_end``.
        on_train_end: called with the logs of the last epoch.
        on_train_batch_begin: called as ``f(batch, logs)``, as ``on_train_batch_end``.
        on_train_batch_end: called with the means of the epoch so far.
        kwargs: any other hook of ``Callback`` by its name.

    Raises:
        TypeError: for a name that is no hook.

    >>> from fastbp import Dense, Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> _ = model.fit([[1.0]], [1.0], epochs=2, callbacks=LambdaCallback(lambda epoch, logs: print("epoch", epoch)))
    epoch 0
    epoch 1
    """

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        **kwargs: Hook,
    ) -> None:
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        } | kwargs
        known = [name for name in vars(Callback) if name.startswith("on_")]
        for name, function in hooks.items():
            if name not in known:
                raise TypeError(f"{name!r} is no hook; known: {', '.join(known)}")
            if function is not None:
                setattr(self, name, function)
