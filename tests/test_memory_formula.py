"""The formula of docs/memory.md says what the system says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WORKLOADS = ("keras_mlp", "large_batch", "many_rows")  # weights, activations, the order: each most of one's memory
PYTHON_OBJECTS = 0.5e6  # what a fit keeps beside, and pages that are not full


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    file = tmp_path_factory.mktemp("memory") / "results.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", "--workloads", *WORKLOADS, "--json", str(file)],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = {result["workload"]: result for result in json.loads(file.read_text())["results"]}
    assert all(name in done.stdout for name in found)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", WORKLOADS)
def test_memory_is_what_the_formula_says(results, name):
    found = results[name]
    assert found["measured_reserved"] == pytest.approx(found["reserved"], abs=PYTHON_OBJECTS)
    assert found["least"] - PYTHON_OBJECTS <= found["used"] <= found["most"] + PYTHON_OBJECTS
