"""The benchmarks run, and their verification tells right from wrong."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
INFERENCE_PEERS = {"torch": "torch", "onnxruntime": "onnx", "mlpfile": "mlpfile"}  # and the module each needs


@pytest.fixture
def verification(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.chdir(ROOT)
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


@pytest.fixture
def train(verification, tmp_path):
    """``python -m benchmarks --quick``, in this process: its exit code and its JSON."""
    from benchmarks import cli
    from benchmarks.__main__ import SUITE

    def run(*line):
        file = tmp_path / "results.json"
        code = cli.main(SUITE, ["--quick", "--rounds", "1", "--json", str(file), *line])
        return code, json.loads(file.read_text())

    return run


def test_a_quick_run_verifies_and_reports(tmp_path):
    file = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--workloads", "digits", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--threads", "1", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "1/1: digits\n")
    found = json.loads(file.read_text())
    assert {"cpu", "cores", "python", "instruction set"} <= set(found["machine"])
    assert found["machine"]["peak_gflops"] > 0
    assert {"version", "instruction set", "threads"} <= set(found["libraries"]["fastbp"])
    assert {"version", "BLAS", "threads"} <= set(found["libraries"]["numpy"])
    ours, numpy = found["results"]
    assert [(row["library"], row["threads"], row["state"]) for row in (ours, numpy)] == [
        ("fastbp", 1, "ok"),
        ("numpy", 1, "ok"),
    ]
    assert len(ours["times"]) == len(numpy["times"]) == found["rounds"] == 1
    assert numpy["ratio"] == pytest.approx(numpy["median"] / ours["median"])
    assert ours["flops"] == 32 * (3 * 2 * (64 * 32 + 32 * 10) - 2 * 64 * 32)
    (summary,) = found["summary"]
    assert (summary["peer"]["library"], summary["ratio"], summary["aim"]) == ("numpy", numpy["ratio"], 8)
    assert f"{numpy['ratio']:.2f}" in done.stdout


@pytest.mark.parametrize(
    ("module", "peers", "workloads"),
    [
        ("torch", ["torch_eager", "torch_fused"], ["digits", "narrow46"]),
        ("torch", ["torch_compile"], ["digits"]),  # compiles for long
        ("jax", ["jax"], ["digits", "narrow46"]),
        ("sklearn", ["sklearn"], ["digits", "narrow46"]),
        ("keras", ["keras_jax"], ["digits", "narrow46"]),
    ],
)
def test_every_peer_comes_to_the_same_results(train, module, peers, workloads):
    if not (find_spec(module) and (module != "keras" or find_spec("jax"))):  # importing them here may raise warnings
        pytest.skip(f"{module} is not installed")
    code, found = train("--threads", "1", "--peers", *peers, "--workloads", *workloads)
    rows = [row for row in found["results"] if row["library"] in peers]
    assert (code, len(rows)) == (0, len(peers) * len(workloads))
    for row in rows:
        assert row["times"] if row["state"] == "ok" else "torch.compile does not work here" in row["note"]


def test_a_row_for_each_number_of_threads(train, capsys):
    from benchmarks import machine

    if machine.cores() < 2:
        pytest.skip("one core")
    code, found = train("--threads", "2", "1", "--workloads", "digits")
    rows = [(row["library"], row["threads"]) for row in found["results"]]
    assert (code, rows) == (0, [("fastbp", 1), ("fastbp", 2), ("numpy", 1), ("numpy", 2)])
    assert found["libraries"]["fastbp"]["threads"] == [1, 2]
    out = capsys.readouterr().out
    assert out.index("\n1 thread\n") < out.index("\n2 threads\n") < out.index("best peer")


@pytest.mark.parametrize("line", [["--threads", "0"], ["--threads", "1000000"], ["--rounds", "0"]])
def test_wrong_numbers_are_told(train, capsys, line):
    with pytest.raises(SystemExit, match="2"):
        train(*line)
    assert f"{line[0]} must be " in capsys.readouterr().err


def test_a_peer_that_is_not_installed_is_told(verification, monkeypatch, tmp_path, capsys):
    from benchmarks import cli
    from benchmarks.__main__ import SUITE

    (tmp_path / "sklearn.py").write_text("raise ModuleNotFoundError('', name='sklearn')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert cli.main(SUITE, ["--quick", "--peers", "sklearn"]) == 1
    assert "pip install '.[benchmarks]'" in capsys.readouterr().err


def test_inference(verification, tmp_path):
    from benchmarks import cli
    from benchmarks.inference import SUITE

    peers = ["numpy", *(name for name, module in INFERENCE_PEERS.items() if find_spec(name) and find_spec(module))]
    peers += ["fastbp_c"] * bool(shutil.which("cc"))
    queries = ["4-64-64-2", "784-128-10"]
    file = tmp_path / "results.json"
    line = ["--quick", "--rounds", "1", "--peers", *peers, "--workloads", *queries, "--json", str(file)]
    assert cli.main(SUITE, line) == 0
    found = json.loads(file.read_text())
    assert found["unit"] == "call"
    assert [(row["workload"], row["library"], row["state"]) for row in found["results"]] == [
        (query, name, "ok") for query in queries for name in ("fastbp", *peers)
    ]
    assert found["results"][0]["flops"] == 2 * (4 * 64 + 64 * 64 + 64 * 2)


def test_wrong_outputs_fail(verification):
    from benchmarks.queries import QUERIES

    query = QUERIES["784-128-10"]
    outputs = np.random.default_rng(0).standard_normal((100, 1, 10), dtype=np.float32)
    assert verification.compare_outputs(query, outputs, np.nextafter(outputs, np.float32(9))).passed
    assert not verification.compare_outputs(query, outputs, outputs * np.float32(1.0001)).passed
    assert not verification.compare_outputs(query, outputs, np.full_like(outputs, np.nan)).passed


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


class FakeWorker:
    """A library that takes a second, after a minute for the first time, and may fail."""

    def __init__(self, name, threads=1, error=None):
        self.name, self.threads, self.error = name, threads, error
        self.compiles = 60.0

    def prepare(self, workload):
        if self.error:
            raise self.error

    def turn(self, units):
        compiled, self.compiles = self.compiles, 0.0
        return units + compiled


def test_one_that_fails_or_cannot_leaves_the_others(verification, workload):
    from benchmarks import runner
    from benchmarks.loading import Unsupported
    from benchmarks.worker import WorkerError

    workers = [
        FakeWorker("fastbp"),
        FakeWorker("cannot", error=Unsupported("no softmax")),
        FakeWorker("broken", error=WorkerError("Traceback\nValueError: broken")),
        FakeWorker("wrong"),
        FakeWorker("right"),
    ]

    def verify(_, worker):
        return verification.Verdict(20.0 if worker.name == "wrong" else 0.5, "layer 1")

    results = runner.run(workload, workers, verify, runner.Pace(rounds=3, least_seconds=2.0, rest=0))
    assert [result.state for result in results] == ["ok", "skipped", "failed", "failed", "ok"]
    assert [len(result.times) for result in results] == [3, 0, 0, 0, 3]
    assert results[0].units == 2
    assert results[0].median == pytest.approx(1e6 / workload.steps)
    from benchmarks import report

    told = report.table(results, 1, 100.0, "step")
    assert "skipped: no softmax" in told
    assert "FAILED: ValueError: broken" in told
    assert "FAILED: layer 1 differs by 20 times the tolerance" in told


@pytest.fixture
def results(verification, workload):
    """Two libraries with one and two threads: times in µs."""
    from benchmarks.runner import Result

    times = {
        ("fastbp", 1): [10.0, 10.1, 10.2],
        ("fastbp", 2): [8.0, 8.1, 8.2],
        ("numpy", 1): [20.0, 30.3, 40.0],
        ("numpy", 2): [70.0, 71.0, 72.0],
    }
    return [Result(workload, *key, times=found) for key, found in times.items()]


def test_rows_tell_share_of_peak_ratio_and_noise(results):
    from benchmarks import report

    header, _, ours, numpy = report.table(results, 1, 100.0, "step").splitlines()[1:]
    share = results[0].workload.flops / 10.1e-6 / 100e9
    assert header.split()[:3] == ["workload", "library", "µs/step"]
    assert ours.split() == ["digits", "fastbp", "10.1", "0.1", f"{100 * share:.1f}", f"{share:.0%}", "1.00"]
    assert numpy.split()[-2:] == ["3.00", "noisy"]
    two = report.table(results, 2, 100.0, "step").splitlines()
    assert (two[0], two[-1].split()[-1]) == ("2 threads", "8.77")


def test_the_summary_takes_the_best_numbers_of_threads(results):
    from benchmarks import report

    line = report.summary(results, "step").splitlines()[-1].split()
    assert line == ["digits", "numpy", "1", "30.3", "2", "8.1", "3.74", "8", "below"]
    (found,) = report.as_json(results)["summary"]
    assert (found["peer"]["threads"], found["fastbp"]["threads"]) == (1, 2)


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_plot(results, tmp_path, suffix):
    if not find_spec("matplotlib"):
        pytest.skip("matplotlib is not installed")
    from benchmarks import plot, report

    machine = {"cpu": "a CPU", "peak_gflops": 100.0}
    found = {"machine": machine, "unit": "step"} | json.loads(json.dumps(report.as_json(results)))
    files = [tmp_path / f"{name}.{suffix}" for name in ("one", "other")]
    for file in files:
        plot.draw(found, file)
    assert files[0].stat().st_size > 1000
    assert files[0].read_bytes() == files[1].read_bytes()
