"""PyTorch with the optimiser's fused kernel."""

from benchmarks.peers.torch_training import TorchPeer


class Peer(TorchPeer):
    """``fused=True``."""

    fused = True
