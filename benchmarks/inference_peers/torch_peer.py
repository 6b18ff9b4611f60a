"""PyTorch in inference mode, from tensor to tensor."""

from typing import Any

import torch

from benchmarks.peers import torch_training
from benchmarks.queries import Query
from benchmarks.workloads import Array


class Peer:
    """A Sequential."""

    def __init__(self, query: Query, weights: list[Array]) -> None:
        self.predict = torch_training.network(weights, "relu").eval()
        self.mode = torch.inference_mode()
        self.mode.__enter__()  # once for this process, not in every call

    def prepared(self, x: Array) -> torch.Tensor:
        return torch.from_numpy(x)

    @staticmethod
    def about() -> dict[str, Any]:
        return torch_training.about()
