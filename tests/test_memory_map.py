"""Data in a mapped file are read where they lie: training from them takes hardly any memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastbp import _data

ROOT = Path(__file__).resolve().parents[1]
SIZE = 256_000_000  # bytes of the file
LIMIT = SIZE // 4  # for memory that no file backs: a copy fails, even one that is given back at once

SCRIPT = """
import json, sys
from pathlib import Path
from benchmarks.memory import make_sparse, train_mapped
file, size, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
make_sparse(file, size)
print(json.dumps(train_mapped(file, limit)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_training_from_a_mapped_file_takes_hardly_any_memory(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "x.f32"), str(SIZE), str(LIMIT)],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["rows"] == SIZE // 1024
    assert found["grown"] < found["order"] + 8e6  # the workspace, a pack and a stack for each thread


def test_a_map_is_used_where_it_lies(tmp_path):
    np.zeros((10, 4), np.float32).tofile(tmp_path / "x.f32")
    x = np.memmap(tmp_path / "x.f32", np.float32, "r", shape=(10, 4))
    assert np.shares_memory(_data.as_inputs(x, 4, np.dtype(np.float32)), x)
    assert np.shares_memory(_data.as_targets(x, 10, 4, False, "mean_squared_error", np.dtype(np.float32)), x)
    assert not np.shares_memory(_data.as_inputs(x, 4, np.dtype(np.float64)), x)
