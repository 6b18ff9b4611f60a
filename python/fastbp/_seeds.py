"""Where the seeds come from that nobody gave."""

import random

_source: random.Random = random.SystemRandom()


def fresh_seed() -> int:
    """A seed below 2⁶⁴: from the operating system, or since ``begin`` the next of its sequence."""
    return _source.getrandbits(64)


def begin(seed: int) -> None:
    """Begins the sequence of fresh seeds that belongs to ``seed``."""
    global _source
    _source = random.Random(seed)
