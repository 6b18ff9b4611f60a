"""Whether steps are shared among threads: by trying both ways."""

import numpy as np
import pytest

import fastbp
from fastbp import _core

US = 1e-6


def share(stretches, shared):
    return sum(steps for by_team, steps in stretches if by_team == shared) / sum(steps for _, steps in stretches)


@pytest.mark.parametrize("expected", [1.0, 3.0])
@pytest.mark.parametrize("alone", [3 * US, 100 * US, 0.05])
@pytest.mark.parametrize("gain", [0.05, 0.9, 1.0, 1.2, 1.9])
def test_the_faster_way_is_taken(gain, alone, expected):
    """Whatever was expected; and finding it out takes a few hundredths of the time."""
    stretches = _core.pace_of(expected, alone, alone / gain, 100_000)
    faster = gain > 1 / 0.95
    assert share(stretches, faster) > 0.97
    seconds = sum(steps * (alone / gain if by_team else alone) for by_team, steps in stretches)
    assert seconds < 1.07 * 100_000 * min(alone, alone / gain if faster else alone)


def test_both_ways_are_tried_again():
    stretches = _core.pace_of(1.0, 100 * US, 60 * US, 10_000)
    assert sum(not by_team for by_team, _ in stretches) > 10


def test_a_rest_makes_what_was_found_out_old():
    def trials(call):
        return sum(not by_team for by_team, _ in _core.pace_of(1.0, 100 * US, 60 * US, 40_000, call))

    assert trials(2000) > 3 * trials(0)
    assert share(_core.pace_of(1.0, 100 * US, 60 * US, 40_000, 2000), True) > 0.97


def test_a_clear_gain_is_taken_at_once():
    """A short fit of a wide network pays for no trial."""
    assert share(_core.pace_of(1.9, 0.05, 0.026, 60), True) == 1
    assert share(_core.pace_of(1.2, 0.05, 0.045, 60), True) < 1


def test_steps_by_the_team_and_by_its_leader_give_the_same_bits():
    x = np.random.default_rng(0).normal(size=(6400, 96)).astype(np.float32)

    def trained(threads):
        layers = [fastbp.Dense(96, "relu"), fastbp.layers.Dropout(0.1), fastbp.Dense(96, "tanh"), fastbp.Dense(96)]
        model = fastbp.Sequential([fastbp.Input((96,)), *layers], seed=0)
        model.compile("adam", "mse")
        with fastbp.num_threads(threads):
            logs = model.fit(x, x, batch_size=64, epochs=4, verbose=0).history
        return logs, b"".join(w.tobytes() for w in model.get_weights())

    assert trained(2) == trained(1)
