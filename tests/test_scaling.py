"""The scaling benchmark runs, and what it concludes from times is right."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def scaling(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import scaling

    return scaling


def test_a_quick_run_reports_and_draws(tmp_path):
    results, figure = tmp_path / "results.json", tmp_path / "figure.png"
    draws = importlib.util.find_spec("matplotlib") is not None
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scaling", "--quick", "--json", str(results)]
        + (["--plot", str(figure)] if draws else []),
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(results.read_text())
    sweeps = {sweep["name"]: sweep for sweep in found["sweeps"]}
    assert set(sweeps) == {"width", "octaves of width", "batch", "depth", "samples"}
    for sweep in sweeps.values():
        assert len(sweep["values"]) == len(sweep["us"]) == len(sweep["gflops"])
        assert min(sweep["us"]) > 0
        assert f"{sweep['name']}: {sweep['network']}" in done.stdout
    assert {45, 46, 47} <= set(sweeps["width"]["values"])
    flops = 128 * (3 * 2 * (10 * 46 + 46 * 46 + 46 * 10) - 2 * 10 * 46)
    at = sweeps["width"]["values"].index(46)
    assert sweeps["width"]["gflops"][at] == pytest.approx(flops / sweeps["width"]["us"][at] / 1000)
    (threads,) = found["threads"]
    assert threads["speedup"][0] == 1.0
    assert all(1 <= taken <= most for taken, most in zip(threads["taken"], threads["threads"], strict=True))
    assert found["crowd"]["ratio"] > 0
    assert figure.exists() == draws


def test_the_jump_is_found(scaling):
    values, flops = [45, 46, 47, 48], np.array([45, 46, 47, 48]) ** 2
    times = np.outer([1.0, 3.0, 1.1], flops * [1.0, 1.0, 2.0, 2.0])  # a cliff at 47; a round that was disturbed
    jump, at = scaling.largest_jump(values, times, flops)
    assert (jump, at) == (pytest.approx(2.0), [46, 47])


def test_the_line_is_found(scaling):
    values = [1000, 2000, 5000, 10000, 20000]
    slope, intercept, deviation, _ = scaling.straight_line(values, 30.0 + 0.2 * np.array(values))
    assert (slope, intercept, deviation) == pytest.approx((0.2, 30.0, 0.0), abs=1e-9)
    bent = 0.2 * np.array(values)
    bent[2] *= 1.5
    _, _, deviation, at = scaling.straight_line(values, bent)
    assert deviation > 0.2
    assert at == 5000


@pytest.mark.parametrize(("cores", "counts"), [(1, [1, 2]), (2, [1, 2, 4]), (6, [1, 2, 4, 6, 12])])
def test_thread_counts(scaling, cores, counts):
    assert scaling.thread_counts(cores) == counts


def test_an_epoch_lasts_neither_long_nor_one_step(scaling):
    assert scaling.network((10, 46, 46, 10), 128).steps == scaling.STEPS
    assert scaling.network((10, 4096, 4096, 10), 128).steps == 2
    assert scaling.network((16, 32, 1), 100, 5000).samples == 5000
