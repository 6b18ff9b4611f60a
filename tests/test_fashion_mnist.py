"""The Fashion-MNIST benchmark reads idx files, trains with every library that is there, and stops its clock rightly."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = 300  # not a whole number of batches


@pytest.fixture
def fashion_mnist(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import fashion_mnist

    return fashion_mnist


def write_idx(file, array):
    header = bytes([0, 0, 0x08, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    file.write_bytes(gzip.compress(header + array.astype("u1").tobytes()))


@pytest.fixture
def data(tmp_path):
    """Images that are dark but for the row of their label."""
    rng = np.random.default_rng(0)
    for name in ("train", "t10k"):
        labels = rng.integers(0, 10, SAMPLES)
        images = rng.integers(0, 50, (SAMPLES, 28, 28))
        images[np.arange(SAMPLES), 2 * labels] = 255
        write_idx(tmp_path / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", labels)
    return tmp_path


def test_idx_files_are_read(fashion_mnist, data):
    x, y = fashion_mnist.load(data, "train")
    assert (x.shape, x.dtype, y.shape) == ((SAMPLES, 784), np.float32, (SAMPLES,))
    assert (x.min(), x.max()) == (0.0, 1.0)
    rows = x.reshape(-1, 28, 28)[np.arange(SAMPLES), 2 * y]
    np.testing.assert_array_equal(rows, 1.0)


def test_values_of_several_bytes_are_read(fashion_mnist, tmp_path):
    file = tmp_path / "x.gz"
    file.write_bytes(gzip.compress(b"\0\0\x0b\x01" + b"\0\0\0\x02" + b"\x01\x00" + b"\xff\xff"))
    assert fashion_mnist.read_idx(file).tolist() == [256, -1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG", "is not an idx file: it begins with 89 50 4e 47"),
        (b"", "is not an idx file"),
        (b"\0\0\x08\x02" + b"\0\0\0\x02" + b"\0\0\0\x03" + b"12345", "has 5 values; its header says 2 x 3"),
    ],
)
def test_other_files_are_refused(fashion_mnist, tmp_path, content, message):
    file = tmp_path / "x.gz"
    file.write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match=message):
        fashion_mnist.read_idx(file)


def test_a_quick_run(data):
    file = data / "results.json"
    command = [sys.executable, "-m", "benchmarks.fashion_mnist", "--seeds", "1", "--epochs", "12"]
    done = subprocess.run(
        [*command, "--data", str(data), "--json", str(file)],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = json.loads(file.read_text())["runs"]["fastbp"]
    assert len(found["seconds"]) == len(found["accuracies"]) == 12
    assert found["accuracies"][-1] > 0.9
    assert f"{found['accuracies'][-1]:.4f}" in done.stdout


@pytest.mark.parametrize("peer", ["torch", "sklearn"])  # Keras on JAX takes ten seconds to begin
def test_the_others_learn_too(fashion_mnist, data, peer):
    pytest.importorskip(peer)
    found = fashion_mnist.run(peer, data, 0, 12, float("inf"))
    assert found["accuracies"][-1] > 0.9
    assert found["target_seconds"] == pytest.approx(sum(found["seconds"][: found["target_epochs"]]))


def test_training_stops_at_the_limit(fashion_mnist, data):
    assert len(fashion_mnist.run("fastbp", data, 0, 12, 1e-9)["seconds"]) == 1


def test_the_clock_stops_at_the_target(fashion_mnist):
    reached = fashion_mnist.until(0.88, [1.0, 2.0, 3.0], [0.8, 0.88, 0.7])
    assert reached == {"target_seconds": 3.0, "target_epochs": 2}
    assert fashion_mnist.until(0.9, [1.0, 2.0], [0.8, 0.88]) == {"target_seconds": None, "target_epochs": None}


def test_what_was_not_reached_counts_as_for_ever(fashion_mnist):
    assert fashion_mnist.middle([1.0, None, 3.0]) == 3.0
    assert fashion_mnist.middle([1.0, None, None]) == "not reached"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    command = [sys.executable, "-m", "benchmarks.fashion_mnist", "--data", str(tmp_path / "none")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "no folder" in done.stderr
    assert "dataset-fashion-mnist" in done.stderr
