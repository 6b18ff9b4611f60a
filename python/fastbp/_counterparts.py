"""What an activation is called elsewhere: rows that are read both ways."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastbp.activations import ACTIVATIONS, Activation


@dataclass(frozen=True)
class Counterpart:
    """One activation here and there: the settings that it must have, and those that correspond."""

    theirs: str
    ours: str
    settings: dict[str, str] = field(default_factory=dict)  # by our name: their name
    our_fixed: dict[str, Any] = field(default_factory=dict)
    their_fixed: dict[str, Any] = field(default_factory=dict)


def _same(a: Any, b: Any) -> bool:
    """Whether two settings are equal, as far as float32 tells: some formats hold no more."""
    number = isinstance(a, (int, float)) and isinstance(b, (int, float))
    return bool(np.float32(a) == np.float32(b)) if number else bool(a == b)


def theirs(rows: Iterable[Counterpart], activation: Activation) -> tuple[str, dict[str, Any]] | None:
    """Their name and settings for an activation of ours; None if no row has it.

    >>> from fastbp.activations import leaky_relu
    >>> theirs([Counterpart("LeakyRelu", "leaky_relu", {"negative_slope": "alpha"})], leaky_relu)
    ('LeakyRelu', {'alpha': 0.2})
    """
    if activation.kernel is None:  # one of the user's own may bear any name
        return None
    ours = activation.get_config()
    for row in rows:
        if row.ours == activation.name and all(_same(ours.get(key), value) for key, value in row.our_fixed.items()):
            return row.theirs, row.their_fixed | {their: ours[our] for our, their in row.settings.items()}
    return None


def ours(rows: Iterable[Counterpart], name: str, setting: Callable[[str], Any]) -> Activation | None:
    """Our activation for one of theirs, whose settings a function gives by name; None if no row has it.

    >>> row = Counterpart("LeakyRelu", "leaky_relu", {"negative_slope": "alpha"})
    >>> ours([row], "LeakyRelu", {"alpha": 0.5}.get)
    <activation leaky_relu negative_slope=0.5>
    """
    for row in rows:
        if row.theirs == name and all(_same(setting(key), value) for key, value in row.their_fixed.items()):
            settings = row.our_fixed | {our: setting(their) for our, their in row.settings.items()}
            return ACTIVATIONS.get(row.ours).with_settings(**settings)
    return None
