"""How batches are cut into chunks and groups, and that the numbers do not show it."""

import os

import numpy as np
import pytest

import fastbp
from fastbp import _core

SMALL = 4096  # bytes of gradients
BATCHES = [1, 7, 11, 12, 63, 64, 100, 255, 256, 1000, 4096, 10_000]


def chunks(batch, plan):
    return -(-batch // plan["chunk"])


@pytest.mark.parametrize("gradients", [0, SMALL, 300_000, 10**7])
@pytest.mark.parametrize("batch", BATCHES)
def test_a_plan_fits(batch, gradients):
    plan = _core.plan_of(batch, gradients)
    assert plan["samples_in_columns"] == (batch >= 12)
    assert 1 <= plan["groups"] <= 16
    assert plan["groups"] <= chunks(batch, plan)  # there is work for each
    assert plan["groups"] == 1 or plan["groups"] * gradients <= 2**20
    assert plan["chunk"] <= (2048 if plan["groups"] == 1 else 256)


def test_more_samples_make_more_groups_and_more_weights_fewer():
    groups = [_core.plan_of(batch, SMALL)["groups"] for batch in BATCHES]
    assert groups == sorted(groups)
    assert (groups[0], groups[-1]) == (1, 16)
    assert [_core.plan_of(10_000, size)["groups"] for size in (SMALL, 2**17, 2**19, 2**20)] == [16, 8, 2, 1]


def test_what_one_thread_does_soon_is_one_group():
    assert [_core.plan_of(batch, 8000)["groups"] for batch in (63, 64, 196, 197, 256)] == [1, 1, 1, 2, 4]
    assert _core.plan_of(257, SMALL)["groups"] == 4  # not more samples than stay in a core's cache


def model(widths=(6, 19, 5, 3), dtype="float64", metrics=()):
    made = fastbp.Sequential([fastbp.Input((widths[0],))], dtype=dtype, seed=1)
    for width in widths[1:-1]:
        made.add(fastbp.Dense(width, "tanh"))
    made.add(fastbp.Dense(widths[-1], "softmax"))
    made.compile("adam", "sparse_categorical_crossentropy", metrics=metrics)
    return made


def data(n, columns=6, outputs=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, columns)), rng.integers(outputs, size=n), rng.uniform(0.5, 2, n)


@pytest.mark.parametrize(
    ("widths", "batch"),
    [
        *(((6, 19, 5, 3), batch) for batch in BATCHES),
        ((2100, 3), 17),  # members share the inputs of few nodes
        ((3, 2500, 3), 50),  # slopes of more nodes than are summed at once
    ],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_slopes_of_a_batch_are_the_sum_of_those_of_its_samples(widths, batch, threads):
    made = model(widths)
    made._require_trainer().core.force_team = True
    x, y, weight = data(batch, widths[0])
    with fastbp.num_threads(threads):
        loss, gradients = made.loss_and_gradients(x, y, weight)
    parts = [slice(i, i + 7) for i in range(0, batch, 7)]  # too few for columns or chunks
    found = [made.loss_and_gradients(x[part], y[part], weight[part]) for part in parts]
    shares = [len(x[part]) / batch for part in parts]
    assert loss == pytest.approx(sum(share * one for share, (one, _) in zip(shares, found, strict=True)), rel=1e-13)
    for i, gradient in enumerate(gradients):
        wanted = sum(share * slopes[i] for share, (_, slopes) in zip(shares, found, strict=True))
        np.testing.assert_allclose(gradient, wanted, rtol=0, atol=1e-14 * max(1.0, batch**0.5))


@pytest.mark.parametrize("store", [False, True])
@pytest.mark.parametrize(("n", "batch"), [(300, 128), (130, 128), (5000, 4096), (140, 70), (2100, 2100)])
def test_epochs_of_uneven_batches_do_the_same_as_their_steps(n, batch, store):
    one, other = model(metrics=["accuracy"]), model(metrics=["accuracy"])
    x, y, weight = data(n)
    one._require_trainer().core.store_gradients = store
    history = one.fit(x, y, batch, epochs=2, shuffle=False, sample_weight=weight, verbose=0)
    for epoch in range(2):
        sums = np.zeros(2)
        for i in range(0, n, batch):
            part = slice(i, i + batch)
            sums += len(x[part]) * np.array(other.train_on_batch(x[part], y[part], weight[part]))
        np.testing.assert_allclose(
            sums / n, [history.history[name][epoch] for name in ("loss", "accuracy")], rtol=1e-12
        )
    for found, wanted in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_a_wide_network_takes_a_large_batch_in_chunks():
    made = model(widths=(6, 600, 600, 3))
    size = 8 * made.count_params()
    plan = _core.plan_of(3000, size)
    assert (plan["groups"], chunks(3000, plan)) == (1, 2)
    x, y, _ = data(3000)
    _, gradients = made.loss_and_gradients(x, y)
    halves = [made.loss_and_gradients(x[part], y[part])[1] for part in (slice(1500), slice(1500, 3000))]
    for gradient, first, second in zip(gradients, *halves, strict=True):
        np.testing.assert_allclose(gradient, (first + second) / 2, rtol=0, atol=1e-13)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity here")
def test_threads_leave_the_affinity_as_it_was():
    before = os.sched_getaffinity(0)
    made = model()
    made._require_trainer().core.force_team = True
    with fastbp.num_threads(3):
        made.fit(*data(200)[:2], verbose=0)
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_denormals_are_zero_in_training_and_nowhere_else(dtype):
    made = model(dtype=dtype)
    tiny = np.finfo(dtype).smallest_subnormal * 1000
    core = made._require_trainer().core
    made.zero_gradients()
    for slot in core.slots()[0]:
        slot[...] = tiny
    made.apply_gradients()
    assert not any(slot.any() for slot in core.slots()[0])
    assert np.full(3, tiny).sum() > 0  # this thread computes as before
