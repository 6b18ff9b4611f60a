"""Threads: the same bits with any number, how many there may be, and blocks and models of several threads."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from layer_walk import EXAMPLES

import fastbp
from fastbp import _core, threads

TEAMS = [1, 2, 3, 4, 8]
OPTIMIZERS = [
    lambda: fastbp.SGD(0.01),
    lambda: fastbp.SGD(0.01, momentum=0.9),
    lambda: fastbp.SGD(0.01, momentum=0.9, nesterov=True),
    lambda: fastbp.Adam(),
]


def bits(arrays):
    return [a.tobytes() for a in arrays]


def trained(team, optimizer, *, widths=(37, 130, 33, 5), n=150, batch=70, dtype="float32", isa="", store=False):
    model = fastbp.Sequential([fastbp.Input((widths[0],))], dtype=dtype, seed=4)
    model._isa = isa
    for width, activation in zip(widths[1:-1], ["tanh", "softmax", "relu"], strict=False):
        model.add(fastbp.Dense(width, activation))
    model.add(fastbp.Dense(widths[-1], "softmax"))
    model.compile(optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    core = model._require_trainer().core
    core.store_gradients, core.force_team = store, True  # teams as large as asked for, however small the work
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, widths[0])).astype(dtype), rng.integers(0, widths[-1], n)
    with fastbp.num_threads(team):
        history = model.fit(x, y, batch_size=batch, epochs=3, verbose=0, validation_data=(x[:50], y[:50]))
        _, gradients = model.loss_and_gradients(x, y)
        assert core.team_size == team
    return history.history, bits([*model.get_weights(), *gradients])


@pytest.mark.parametrize("store", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("isa", _core.available_isas())
def test_any_number_of_threads_gives_the_same_bits(isa, optimizer, store):
    one = trained(1, optimizer, isa=isa, store=store)
    for team in TEAMS[1:]:
        assert trained(team, optimizer, isa=isa, store=store) == one


@pytest.mark.parametrize(
    ("widths", "n", "batch"),
    [
        ((3, 1), 5, 5),
        ((1, 1, 1), 40, 1),
        ((9, 64, 130, 50, 3), 30, 1),  # rows in parts
        ((10, 46, 46, 10), 54_037, 128),  # so many that those of the next batch are asked for
        ((20, 700, 2), 40, 16),
        ((300, 200, 10), 300, 300),
        ((200, 300, 130, 100), 330, 150),
        ((700, 300, 9), 75, 16),  # inputs are shared
        ((5, 17, 9, 3), 33, 8),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shares_may_be_empty_or_uneven(widths, n, batch, dtype):
    runs = [trained(team, OPTIMIZERS[3], widths=widths, n=n, batch=batch, dtype=dtype) for team in TEAMS]
    assert all(run == runs[0] for run in runs)


def test_work_that_pays_is_shared():
    """Not only may it be: a wide network is trained by more than one thread."""
    model = fastbp.Sequential([fastbp.Input((512,)), fastbp.Dense(1024, "relu"), fastbp.Dense(512)], seed=0)
    model.compile("sgd", "mse")
    train, samples, n = model._prepare(np.ones((2048, 512)), np.ones((2048, 512)), None)
    with fastbp.num_threads(2):
        train.train(samples, 256, None, 0, n // 256)
        assert train.core.team_size == 2
        train.train(samples, 1, None, 0, 1)  # a step of one sample
        assert train.core.team_size == 1
    with fastbp.num_threads(1):
        train.train(samples, 256, None, 0, n // 256)
        assert train.core.team_size == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [None, 7, 10_000])
def test_predictions_are_the_same_bits(dtype, batch):
    model = fastbp.Sequential([fastbp.Input((300,)), fastbp.Dense(500, "tanh"), fastbp.Dense(33)], dtype=dtype, seed=0)
    x = np.random.default_rng(0).normal(size=(4001, 300)).astype(dtype)
    with fastbp.num_threads(1):
        one = model.predict(x).tobytes()
    for team in TEAMS[1:]:
        with fastbp.num_threads(team):
            assert model.predict(x, batch_size=batch).tobytes() == one
            assert model(x).tobytes() == one


def run_python(code, **environment):
    clean = {k: v for k, v in os.environ.items() if k not in ("FASTBP_NUM_THREADS", "OMP_NUM_THREADS")}
    result = subprocess.run([sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True)
    return result.stdout.strip() or result.stderr


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"FASTBP_NUM_THREADS": "3", "OMP_NUM_THREADS": "2"}, "3"),
        ({"OMP_NUM_THREADS": "5"}, "5"),
        ({"OMP_NUM_THREADS": "4,2"}, "4"),
    ],
)
def test_the_environment_says_how_many(environment, expected):
    assert run_python("import fastbp; print(fastbp.get_num_threads())", **environment) == expected


def test_affinity_is_honoured():
    if not hasattr(os, "sched_setaffinity"):
        return
    code = (
        "import os, fastbp; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1]); print(fastbp.get_num_threads())"
    )
    assert run_python(code) == "1"


def test_a_wrong_variable_is_named():
    message = run_python("import fastbp; fastbp.get_num_threads()", FASTBP_NUM_THREADS="many")
    assert "FASTBP_NUM_THREADS must be a whole number of at least 1; got 'many'" in message


def test_quotas_of_control_groups(tmp_path):
    two, one = tmp_path / "two", tmp_path / "one"
    two.mkdir()
    (one / "cpu").mkdir(parents=True)
    assert threads._quota(str(tmp_path / "none")) > 1000
    (two / "cpu.max").write_text("250000 100000\n")
    assert threads._quota(str(two)) == 3
    (one / "cpu" / "cpu.cfs_quota_us").write_text("150000\n")
    (one / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert threads._quota(str(one)) == 2


def test_no_quota(tmp_path):
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert threads._quota(str(tmp_path)) > 1000


def test_numbers_of_threads_are_checked():
    for bad in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            fastbp.set_num_threads(bad)
    for bad in (1.5, "2", True):
        with pytest.raises(TypeError, match="whole number"):
            fastbp.set_num_threads(bad)


def fail_within(threads_of_block):
    with fastbp.num_threads(threads_of_block):
        assert fastbp.get_num_threads() == threads_of_block
        raise RuntimeError("inside")


def test_an_error_in_a_block_restores_the_number():
    before = fastbp.get_num_threads()
    with pytest.raises(RuntimeError, match="inside"):
        fail_within(before + 1)
    assert fastbp.get_num_threads() == before


def test_blocks_of_several_threads_end_in_any_order():
    before = fastbp.get_num_threads()
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        blocks = fastbp.num_threads(before + 1), fastbp.num_threads(before + 2)
        first.submit(blocks[0].__enter__).result()
        second.submit(blocks[1].__enter__).result()
        assert first.submit(fastbp.get_num_threads).result() == before + 1
        assert second.submit(fastbp.get_num_threads).result() == before + 2
        assert fastbp.get_num_threads() == before
        first.submit(blocks[0].__exit__, None, None, None).result()
        second.submit(blocks[1].__exit__, None, None, None).result()
        assert {pool.submit(fastbp.get_num_threads).result() for pool in (first, second)} == {before}


def test_a_number_for_all_threads():
    with ThreadPoolExecutor(1) as other:
        fastbp.set_num_threads(3)
        try:
            assert other.submit(fastbp.get_num_threads).result() == fastbp.get_num_threads() == 3
        finally:
            fastbp.set_num_threads(None)


def test_a_limit_taken_back_leaves_nothing_behind(monkeypatch):
    monkeypatch.setenv("FASTBP_NUM_THREADS", "5")
    threads.limit_this_thread(1)
    assert fastbp.get_num_threads() == 1
    threads.limit_this_thread(5)
    monkeypatch.setenv("FASTBP_NUM_THREADS", "6")
    assert fastbp.get_num_threads() == 6


def test_models_of_several_threads_are_the_same_bits():
    one = [trained(2, optimizer) for optimizer in OPTIMIZERS]
    with ThreadPoolExecutor(len(OPTIMIZERS)) as pool:
        assert list(pool.map(lambda optimizer: trained(2, optimizer), OPTIMIZERS)) == one


def through_all_layers(team, batch, dtype, seed=3):
    """Bits of outputs, slopes and weights of a network of all layers after three steps or more."""
    model = fastbp.Sequential(dtype=dtype, seed=seed)
    for name, make in EXAMPLES.items():
        if "grows" not in name:
            model.add(fastbp.Dense(37))
            model.add(make(37))
            model.add(fastbp.layers.LayerNormalization())
    model.add(fastbp.layers.Dropout(0.5))
    model.add(fastbp.Dense(2))
    rng = np.random.default_rng(0)
    n = max(2 * batch, 100)
    x, y = rng.normal(size=(n, 19)).astype(dtype), rng.normal(size=(n, 2))
    model.compile("adam", "mse")
    model.build(19)
    core = model._require_trainer().core
    core.force_team = True
    with fastbp.num_threads(team):
        history = model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        evaluated = model.evaluate(x, y, batch_size=batch, verbose=0)
        _, gradients = model.loss_and_gradients(x[:batch], y[:batch])
        out = model.forward(x[:batch], training=True)
        model.zero_gradients()
        dx = model.backward(out)
        assert core.team_size == team
    assert np.isfinite(out).all()
    assert model._network.draws == -(-n // batch) + 1
    return history.history, evaluated, bits([out, dx, *gradients, *model.gradients, *model.get_weights()])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [5, 64, 1000])
def test_all_layers_give_the_same_bits_on_any_number_of_threads(batch, dtype):
    one = through_all_layers(1, batch, dtype)
    for team in TEAMS:
        assert through_all_layers(team, batch, dtype) == one
    assert through_all_layers(1, batch, dtype, seed=4)[2] != one[2]


def dropped_out(team, batch, isa, seed, dropout_seed):
    """Bits of the weights after an epoch from the same ones in the same order, for any seed of the model."""
    model = fastbp.Sequential([fastbp.Input((9,))], seed=seed)
    model._isa = isa
    model.add(fastbp.layers.GaussianNoise(0.1, seed=dropout_seed))
    model.add(fastbp.Dense(21, "relu", kernel_initializer=fastbp.initializers.GlorotUniform(seed=1)))
    model.add(fastbp.layers.Dropout(0.5, seed=dropout_seed))
    model.add(fastbp.layers.LayerNormalization())
    model.add(fastbp.Dense(3, "softmax", kernel_initializer=fastbp.initializers.GlorotUniform(seed=2)))
    model.compile("adam", "sparse_categorical_crossentropy")
    core = model._require_trainer().core
    core.force_team = True
    rng = np.random.default_rng(0)
    n = 2 * batch + 3
    with fastbp.num_threads(team):
        model.fit(rng.normal(size=(n, 9)), rng.integers(0, 3, n), batch_size=batch, shuffle=False, verbose=0)
        assert core.team_size == team
    return bits(model.get_weights())


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("batch", [5, 64, 1000])
def test_dropout_gives_the_same_bits_on_any_number_of_threads(batch, isa):
    """Without batch normalisation, so in groups of chunks; the seed of a layer stands for the model's."""

    runs = {}
    for seed in (1, 2):
        for dropout_seed in (None, 0, 7):
            for team in TEAMS if (seed, dropout_seed) == (1, None) else [2]:
                bits_now = dropped_out(team, batch, isa, seed, dropout_seed)
                assert runs.setdefault((seed, dropout_seed), bits_now) == bits_now
    assert runs[1, None] != runs[2, None]
    assert runs[1, 0] == runs[2, 0] != runs[1, None]
    assert runs[1, 7] == runs[2, 7] != runs[1, 0]
