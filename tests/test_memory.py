"""Memory: nothing is allocated after the first batch, views outlive their models, pads stay clean."""

import gc
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import fastbp
from fastbp import _core

COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
static long count;
extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
long allocations(void) { return __atomic_load_n(&count, __ATOMIC_RELAXED); }
static void one(void) { __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED); }
void* malloc(size_t n) { one(); return __libc_malloc(n); }
void* calloc(size_t n, size_t m) { one(); return __libc_calloc(n, m); }
void* realloc(void* p, size_t n) { one(); return __libc_realloc(p, n); }
void* aligned_alloc(size_t a, size_t n) { one(); return __libc_memalign(a, n); }
int posix_memalign(void** p, size_t a, size_t n) { one(); return !(*p = __libc_memalign(a, n)); }
"""

SCRIPT = """
import ctypes
import numpy as np
import fastbp
count = ctypes.CDLL(None).allocations
count.restype = ctypes.c_long
rng = np.random.default_rng(0)
for optimizer, loss, head, store in [
    ("adam", "mean_squared_error", "linear", False),
    ("sgd", "sparse_categorical_crossentropy", "softmax", True),
]:
    model = fastbp.Sequential([fastbp.Input((20,)), fastbp.Dense(33, "tanh"), fastbp.Dense(5, head)], seed=0)
    model.compile(optimizer, loss, metrics=["accuracy"])
    n, batch = 64 * 200 + 7, 64
    y = rng.integers(0, 5, n) if head == "softmax" else rng.normal(size=(n, 5))
    train, samples, _ = model._prepare(rng.normal(size=(n, 20)), y, None)
    train.core.store_gradients = store
    train.core.force_team = True  # else longer calls might take more threads
    train.train(samples, batch, 0, 0, 1)  # the first batch makes the workspace and the order
    taken = []
    for last in (2, 101, 201):  # 1, 100 and 200 batches, the last one smaller
        before = count()
        train.train(samples, batch, 0, 1, last)
        taken.append(count() - before)
    print(taken)
"""


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("gcc") is None, reason="counts with LD_PRELOAD and gcc")
@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_is_allocated_after_the_first_batch(tmp_path, threads):
    """malloc is counted from outside: 100 or 200 batches take exactly what one batch takes (the call's own)."""
    source, library = tmp_path / "counter.c", tmp_path / "counter.so"
    source.write_text(COUNTER)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "OPENBLAS_NUM_THREADS": "1",
        "FASTBP_NUM_THREADS": str(threads),
    }
    result = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    rows = [eval(line) for line in result.stdout.splitlines()]
    assert len(rows) == 2
    for one, hundred, two_hundred in rows:
        assert one == hundred == two_hundred
        assert one > 0  # the counter counts: the call's Python objects


def test_views_keep_the_parameters_alive():
    model = fastbp.Sequential([fastbp.Input((3,)), fastbp.Dense(2)], seed=0)
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    kernel, slots = model.layers[0].kernel, model._require_trainer().core.slots()
    copies = kernel.copy(), slots[1][0].copy()
    model.compile("sgd", "mse")  # drops Adam's slots
    del model
    gc.collect()
    _ = [np.full(100_000, 7.0) for _ in range(20)]  # memory that was freed would be used again
    np.testing.assert_array_equal(kernel, copies[0])
    np.testing.assert_array_equal(slots[1][0], copies[1])


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("store", [False, True])
def test_pads_stay_zero(isa, store):
    """Rows are padded to 64 bytes; what is beyond the true width must not take part in norms or files later on."""
    widths = [(3, "sigmoid"), (17, "tanh"), (1, "sigmoid"), (5, "softmax")]
    model = fastbp.Sequential([fastbp.Input((7,))], seed=1)
    model._isa = isa
    for units, activation in widths:
        model.add(fastbp.Dense(units, activation))
    model.compile("adam", "categorical_crossentropy")
    model._require_trainer().core.store_gradients = store
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(50, 7)), np.eye(5)[rng.integers(0, 5, 50)], batch_size=8, epochs=2, verbose=0)
    arrays = [*model.weights, *(view for slot in model._require_trainer().core.slots() for view in slot)]
    for view in arrays:
        padded = -(-view.shape[-1] // 16) * 16
        rows = view.shape[0] if view.ndim == 2 else 1
        whole = np.lib.stride_tricks.as_strided(view, (rows, padded), (padded * 4, 4))
        assert not whole[:, view.shape[-1] :].any()
