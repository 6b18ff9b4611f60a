"""The benchmarks run, and their verification tells right from wrong."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def verification(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import verification

    return verification


@pytest.fixture
def workload(verification):
    from benchmarks.workloads import WORKLOADS

    return verification.draws(WORKLOADS["digits"])[0]


@pytest.fixture
def trained(verification, workload):
    """What a training might leave: weights that have moved."""
    rng = np.random.default_rng(0)
    weights = [w + 0.01 * rng.standard_normal(w.shape, dtype=np.float32) for w in workload.initial_weights()]
    return verification.Trained(2.5, weights)


def test_a_quick_run_verifies_and_reports(tmp_path):
    file = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--workloads", "digits", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(file.read_text())
    assert {"cpu", "cores", "python"} <= set(found["machine"])
    assert {"version", "instruction set", "threads"} <= set(found["libraries"]["fastbp"])
    assert {"version", "BLAS", "threads"} <= set(found["libraries"]["numpy"])
    (result,) = found["results"]
    assert (result["workload"], result["peer"], result["verified"]) == ("digits", "numpy", True)
    assert len(result["fastbp_us"]) == len(result["peer_us"]) == found["rounds"] == 1
    assert result["ratio"] == pytest.approx(result["peer_us_median"] / result["fastbp_us_median"])
    assert result["flops_per_step"] == 32 * (3 * 2 * (64 * 32 + 32 * 10) - 2 * 64 * 32)
    assert f"{result['ratio']:.2f}" in done.stdout


def test_equal_results_pass(verification, workload, trained):
    assert verification.compare(workload, trained, trained).passed


def test_rounding_passes(verification, workload, trained):
    rounded = [np.nextafter(w, np.float32(1)) for w in trained.weights]
    assert verification.compare(workload, trained, replace(trained, weights=rounded)).passed


@pytest.mark.parametrize("index", range(4))
def test_wrong_weights_fail(verification, workload, trained, index):
    wrong = [w.copy() for w in trained.weights]
    start = workload.initial_weights()[index]
    wrong[index] += 0.01 * (wrong[index] - start)  # a step that is 1 % too long
    verdict = verification.compare(workload, trained, replace(trained, weights=wrong))
    assert not verdict.passed
    assert str(verdict).startswith(f"layer {index // 2 + 1} differs by ")


@pytest.mark.parametrize("loss", [2.5001, float("nan"), float("inf")])
def test_wrong_loss_fails(verification, workload, trained, loss):
    verdict = verification.compare(workload, trained, replace(trained, loss=loss))
    assert not verdict.passed
    assert "the loss" in str(verdict)


def test_nan_weights_fail(verification, workload, trained):
    wrong = [np.full_like(w, np.nan) for w in trained.weights]
    assert not verification.compare(workload, trained, replace(trained, weights=wrong)).passed


def test_two_that_did_nothing_fail(verification, workload):
    idle = verification.Trained(2.5, workload.initial_weights())
    assert not verification.compare(workload, idle, idle).passed


def test_noise_is_marked(verification, workload):
    from benchmarks import report
    from benchmarks.runner import Result

    steady, unsteady = [10.0, 10.1, 10.2], [20.0, 30.0, 40.0]
    verdict = verification.Verdict(0.1, "the loss")
    assert report.row(Result(workload, "numpy", verdict, 1, steady, unsteady)).endswith("noisy")
    assert not report.row(Result(workload, "numpy", verdict, 1, steady, steady)).endswith("noisy")


def test_a_failure_is_reported_without_times(verification, workload):
    from benchmarks import report
    from benchmarks.runner import Result

    failed = Result(workload, "numpy", verification.Verdict(20.0, "layer 1"), 0, [], [])
    assert "FAILED against numpy: layer 1 differs by 20 times the tolerance" in report.row(failed)
    found = report.as_json(failed)
    assert found["verified"] is False
    assert "ratio" not in found
