"""Processes that train are killed at any instant, and started again until they are done: the bits are the same."""

import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path

import killed
import numpy as np
import pytest
from safetensors.numpy import load_file

KILLS = int(os.environ.get("FASTBP_KILLS", "50"))
RUNS = [(case, way) for case in killed.CASES for way in killed.WAYS]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no process can be killed here at any instant")


@pytest.fixture(scope="module")
def context():
    """Makes processes from one that has imported all, so that most of their time is training."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["fastbp", "safetensors.numpy"])
    return found


@pytest.mark.parametrize(("case", "way"), RUNS, ids=[f"{case}, {way}" for case, way in RUNS])
def test_a_training_that_is_killed_ends_with_the_same_bits(tmp_path, context, case, way):
    straight, rng = tmp_path / "straight", random.Random(f"{case} {way}")
    straight.mkdir()
    began = time.monotonic()
    killed.run(str(straight), case, way)
    longest = time.monotonic() - began
    wanted, kills, trainings = -(-KILLS // len(RUNS)), 0, 0
    while kills < wanted:
        folder = tmp_path / str(trainings)
        folder.mkdir()
        trainings += 1
        assert trainings <= 10 * wanted, "it ends before it can be killed"
        while not (folder / "done.safetensors").exists():
            begun = context.Event()
            process = context.Process(target=killed.run, args=(str(folder), case, way, begun))
            process.start()
            begun.wait()
            if kills < wanted:
                time.sleep(rng.uniform(0.0, longest / 2))
                process.kill()
            process.join()
            assert process.exitcode in (0, -signal.SIGKILL)
            kills += process.exitcode != 0
            for path in Path(folder).rglob("*.safetensors"):
                load_file(path)  # whatever bears a final name is whole
        assert_same_weights(folder, straight)
        assert killed.history(folder) == killed.history(straight)
        assert way == "checkpoint" or sorted(os.listdir(folder / "backup")) == ["latest.safetensors"]


def assert_same_weights(folder, other):
    ours, theirs = (load_file(path / "done.safetensors") for path in (folder, other))
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], strict=True)
