"""Training in PyTorch, which the three torch peers share."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchmarks.workloads import Array, Workload

LOSSES = {"mse": nn.MSELoss, "crossentropy": nn.CrossEntropyLoss}
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
EPSILON, BETA_2 = 1e-7, 0.999  # Adam's, as in Keras


def network(weights: list[Array], activation: str) -> nn.Sequential:
    """Linear layers with these weights, and the activation between them."""
    layers: list[nn.Module] = []
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        linear = nn.Linear(*kernel.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(kernel.T))  # (out, in)
            linear.bias.copy_(torch.from_numpy(bias))
        layers += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def about() -> dict[str, Any]:
    return {"version": torch.__version__, "threads": torch.get_num_threads()}


class TorchPeer:
    """A plain loop over tensors that are in place before it begins."""

    fused: bool | None = None  # whether one kernel makes the whole update; None is torch's default, which is not to
    compiled = False  # whether the network and the loss go through torch.compile

    def __init__(self, workload: Workload, x: Array, y: npt.NDArray[np.generic], weights: list[Array]) -> None:
        self.batch = workload.batch
        self.x = torch.from_numpy(x)
        self.y = torch.from_numpy(y)
        if workload.loss == "crossentropy":
            self.y = self.y.long()
        self.model = network(weights, workload.activation)
        self.criterion = LOSSES[workload.loss]()
        self.optimizer = OPTIMIZERS[workload.optimizer](
            self.model.parameters(), lr=workload.learning_rate, fused=self.fused
        )
        self.adam, self.steps = workload.optimizer == "adam", 0
        self.loss = self.compile() if self.compiled else self.loss_of

    def loss_of(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.criterion(self.model(x), y)

    def compile(self) -> Any:
        raise NotImplementedError

    def train(self, epochs: int, shuffle: bool) -> float:
        for _ in range(epochs):
            losses = []
            for x, y in self.shuffled() if shuffle else self.in_order():
                loss = self.loss(x, y)
                loss.backward()
                self.update()
                losses.append(loss.detach())
        return torch.stack(losses).mean().item()

    def in_order(self) -> Any:
        return zip(self.x.split(self.batch), self.y.split(self.batch), strict=True)

    def shuffled(self) -> Any:
        for rows in torch.randperm(len(self.x)).split(self.batch):
            yield self.x.index_select(0, rows), self.y.index_select(0, rows)

    def update(self) -> None:
        if self.adam:  # torch adds epsilon to √(v / (1 - β₂ᵗ)), Keras to √v: so they are the same
            self.steps += 1
            self.optimizer.param_groups[0]["eps"] = EPSILON / (1 - BETA_2**self.steps) ** 0.5
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def weights(self) -> list[Array]:
        return [w.detach().numpy().T for w in self.model.parameters()]

    @staticmethod
    def about() -> dict[str, Any]:
        return about()
