"""PyTorch with network, loss and their gradients compiled to C++, and the optimiser's fused kernel."""

from typing import Any

import torch

from benchmarks.loading import Unsupported
from benchmarks.peers.torch_training import TorchPeer


class Peer(TorchPeer):
    """``torch.compile``. The updates stay outside: compiled too, they were slower than the fused kernel."""

    fused = True
    compiled = True

    def compile(self) -> Any:
        torch._dynamo.reset()  # else the eighth workload in this process would run uncompiled: recompile_limit
        loss = torch.compile(self.loss_of, dynamic=False)
        try:
            loss(self.x[: self.batch], self.y[: self.batch])
        except torch._dynamo.exc.BackendCompilerFailed as error:  # there is no C++ compiler, say
            raise Unsupported(f"torch.compile does not work here: {str(error).strip().splitlines()[0]}") from None
        return loss
