"""Randomness: Philox 4x32-10, a pure function of (seed, stream, index, position)."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

INITIALIZE, SHUFFLE, NOISE = 0, 1, 2  # streams


def philox4x32(counter: Array, key: Sequence[int]) -> Array:
    """Blocks of four 32-bit random words from counters (n, 4) and a key of two words.

    Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    c = [np.asarray(counter, dtype=np.uint64)[..., i] for i in range(4)]
    k = [int(word) for word in key]
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        p, q = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(q >> half) ^ c[1] ^ np.uint64(k[0]), q & low, (p >> half) ^ c[3] ^ np.uint64(k[1]), p & low]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return np.stack(c, axis=-1)


def random_bits(seed: int, stream: int, index: int, first: int, count: int) -> Array:
    """64-bit numbers first, first + 1, ... of a stream at an index. Two of them share a Philox block."""
    blocks = np.arange(first // 2, (first + count + 1) // 2, dtype=np.uint64)
    low = np.uint64(0xFFFFFFFF)
    ones = np.ones_like(blocks)
    counter = [blocks & low, blocks >> np.uint64(32), ones * np.uint64(index), ones * np.uint64(stream)]
    words = philox4x32(np.stack(counter, axis=-1), (seed % 2**32, seed >> 32)).reshape(-1, 2)
    numbers = words[:, 0] | words[:, 1] << np.uint64(32)
    return numbers[first % 2 :][:count]


def shuffled_order(n: int, seed: int, epoch: int) -> Array:
    """The order in which an epoch visits its n samples, by Fisher and Yates from the last place down."""
    order = np.arange(n)
    bits = random_bits(seed, SHUFFLE, epoch, 0, n)
    for i in range(n - 1, 0, -1):
        j = int(bits[i]) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return order


def uniform(seed: int, index: int, first: int, count: int) -> Array:
    """Numbers in [0, 1) of the stream of initial weights."""
    return (random_bits(seed, INITIALIZE, index, first, count) >> np.uint64(11)) * 2.0**-53


def normal(seed: int, index: int, first: int, count: int) -> Array:
    """Standard normal numbers by Box and Muller."""
    u = uniform(seed, index, 2 * first, 2 * count).reshape(-1, 2)
    return np.sqrt(-2 * np.log1p(-u[:, 0])) * np.cos(2 * np.pi * u[:, 1])


def truncated_normal(seed: int, index: int, count: int) -> Array:
    """Standard normal numbers within ±2; those outside are drawn again, further on."""
    result, attempt = normal(seed, index, 0, count), 0
    while (outside := np.abs(result) > 2).any():
        attempt += 1
        result[outside] = normal(seed, index, attempt * count, count)[outside]
    return result


def initial_kernel(name: str, fan_in: int, fan_out: int, seed: int, index: int) -> Array:
    """Initial weights (fan_in, fan_out) of variable number ``index``: glorot_, he_ or lecun_, uniform or normal."""
    family, distribution = name.rsplit("_", 1)
    variance = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}[family]
    count = fan_in * fan_out
    if distribution == "normal":  # cut at two deviations, which leaves 0.8796 of the deviation
        values = math.sqrt(variance) / 0.87962566103423978 * truncated_normal(seed, index, count)
    else:
        values = math.sqrt(3 * variance) * (2 * uniform(seed, index, 0, count) - 1)
    return values.reshape(fan_in, fan_out)


def noise_uniform(seed: int, number: int, draws: int, samples: int, nodes: int) -> Array:
    """Numbers in [0, 1) for every value (samples, nodes) that enters random layer ``number``.

    Four nodes of a sample share a Philox block; the upper 24 bits of a word are a node's number.
    """
    blocks = (nodes + 3) // 4
    sample, block = np.indices((samples, blocks))
    stream = NOISE | number << 8
    counter = np.stack([block, sample, np.full_like(block, draws), np.full_like(block, stream)], axis=-1)
    words = philox4x32(counter, (seed % 2**32, seed >> 32)).reshape(samples, 4 * blocks)
    return (words[:, :nodes] >> np.uint64(8)) * 2.0**-24


def noise_normal(seed: int, number: int, draws: int, samples: int, nodes: int) -> Array:
    """Standard normal numbers likewise, by Box and Muller: two numbers of a block give two."""
    u = noise_uniform(seed, number, draws, samples, nodes + -nodes % 4).reshape(samples, -1, 2)
    radius, angle = np.sqrt(-2 * np.log(u[..., :1] + 2.0**-24)), 2 * np.pi * u[..., 1:]
    return (radius * np.concatenate([np.cos(angle), np.sin(angle)], axis=-1)).reshape(samples, -1)[:, :nodes]
