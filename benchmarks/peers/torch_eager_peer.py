"""PyTorch as its tutorials write it: every operation and every update is called from Python."""

from benchmarks.peers.torch_training import TorchPeer


class Peer(TorchPeer):
    """The optimiser goes through the parameters one by one, as is torch's default on CPUs."""
