"""Randomness: Philox against its published vectors, and the streams made of it."""

import numpy as np
import pytest

from fastbp import _core, reference

VECTORS = [  # counter, key, result: the known answers that Random123 publishes for philox4x32 with 10 rounds
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_philox_gives_its_published_numbers(counter, key, result):
    assert _core.philox4x32(counter, key) == result
    assert reference.philox4x32(np.array([counter]), key).tolist() == [result]


@pytest.mark.parametrize("first", [0, 1, 2**33 - 3, 2**40])
def test_uniform_numbers_depend_on_their_place_alone(first):
    seed, index = 2**64 - 3, 2**32 - 1
    ours = _core.random_uniform(seed, index, first, 101)
    np.testing.assert_array_equal(ours, reference.random.uniform(seed, index, first, 101))
    np.testing.assert_array_equal(ours[7:], _core.random_uniform(seed, index, first + 7, 94))


def test_uniform_numbers_are_uniform():
    n = 100_000
    u = _core.random_uniform(1, 0, 0, n)
    assert 0 <= u.min() <= u.max() < 1
    counts = np.histogram(u, bins=50, range=(0, 1))[0]
    chi_squared = ((counts - n / 50) ** 2 / (n / 50)).sum()
    assert chi_squared < 49 + 6 * np.sqrt(2 * 49)  # 6 deviations; the seed is fixed


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("n", [0, 1, 2, 3, 100, 127, 128, 129, 130, 1001])  # 64 blocks, of two numbers, at a time
def test_shuffle_is_that_of_the_reference(n, isa):
    for seed, epoch in [(0, 0), (0, 1), (2**64 - 1, 2**32 - 1)]:
        expected = reference.shuffled_order(n, seed, epoch)
        np.testing.assert_array_equal(_core.shuffled_order(n, seed, epoch, isa), expected)


def test_shuffle_is_a_new_permutation_every_epoch():
    orders = [_core.shuffled_order(1000, 3, epoch) for epoch in range(20)]
    assert all(sorted(order) == list(range(1000)) for order in orders)
    assert len({order.tobytes() for order in orders}) == 20


def test_every_permutation_is_as_likely():
    n, epochs = 4, 24_000
    counts = np.zeros((n, n))
    for epoch in range(epochs):
        counts[np.arange(n), _core.shuffled_order(n, 0, epoch)] += 1
    expected = epochs / n
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected)
