"""The libraries whose training is timed: one file each, ``<name>_peer.py``, that defines a class ``Peer`` as below."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.workloads import Array, Workload


class Peer(Protocol):
    """A network in training in one library. All arithmetic is float32."""

    def __init__(self, workload: Workload, x: Array, y: npt.NDArray[np.generic], weights: list[Array]) -> None:
        """A network with these initial weights: kernel (in, out), then bias (out), layer by layer.

        Raises loading.Unsupported if the library cannot do that.
        """

    def train(self, epochs: int, shuffle: bool) -> float:
        """Trains on, and gives the mean loss of the last epoch as it was met, batch by batch.

        With ``shuffle`` every epoch visits the samples in a new random order, else in the order of x.
        """

    def weights(self) -> list[Array]:
        """The weights as they are now, in the order of __init__."""

    @staticmethod
    def about() -> dict[str, Any]:
        """What to print about the library: its version first, and its threads."""
