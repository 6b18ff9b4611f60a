"""The libraries whose inference is timed: one file each, ``<name>_peer.py``, with a class ``Peer`` as below."""

from typing import Any, Protocol

import numpy.typing as npt

from benchmarks.queries import Query
from benchmarks.workloads import Array


class Peer(Protocol):
    """A trained network in one library. All arithmetic is float32."""

    def __init__(self, query: Query, weights: list[Array]) -> None:
        """A network with these weights: kernel (in, out), then bias (out), layer by layer.

        Raises loading.Unsupported if the library cannot do that.
        """

    def prepared(self, x: Array) -> Any:
        """The inputs (rows, in) of one call as the library likes them best; a single sample perhaps as (in,)."""

    def predict(self, x: Any) -> npt.ArrayLike:
        """The outputs for prepared inputs; this is what is timed."""

    @staticmethod
    def about() -> dict[str, Any]:
        """What to print about the library: its version first, and its threads."""
