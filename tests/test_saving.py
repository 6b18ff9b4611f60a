"""Saving: weights, the state of training and whole models come back with the same bits, or nothing changes."""

import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
from every_optimizer import RULES
from safetensors import safe_open
from safetensors.numpy import save_file

import fastbp
from fastbp import (
    SGD,
    Adam,
    Dense,
    Input,
    Sequential,
    _files,
    _parts,
    activations,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    saving,
)
from fastbp.callbacks import LambdaCallback
from fastbp.optimizers import schedules


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


X, Y = numbers(50, 3), numbers(50, 2)


def network(optimizer="sgd", units=5, dtype="float32", bias=True, seed=None, **compiled):
    """A compiled model; its initial weights and shuffles differ from call to call unless there is a seed."""
    model = Sequential([Input((3,)), Dense(units, "tanh", use_bias=bias), Dense(2)], dtype=dtype, seed=seed)
    model.compile(**({"optimizer": optimizer, "loss": "mse"} | compiled))
    return model


def assert_same(arrays, others):
    assert len(arrays) == len(others)
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other, strict=True)


def contents(path):
    with safe_open(path, "numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118  # no dict


def snapshot(model):
    """All that loading may change."""
    core = model._require_trainer().core
    slots = [slot.copy() for views in [*core.slots(), *core.buffers()] for slot in views]
    rest = (core.batches, core.iterations, model._network.draws, model.epochs_trained, model.seed)
    return [*model.get_weights(), *slots], (*rest, model.optimizer.learning_rate)


# ---- weights ----


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["w.safetensors", "w.weights.safetensors"])
def test_weights_come_back(tmp_path, name, bias, dtype):
    one, other = network(bias=bias, dtype=dtype), network(bias=bias, dtype=dtype)
    one.save_weights(tmp_path / name)
    other.load_weights(tmp_path / name)
    assert_same(other.get_weights(), one.get_weights())
    assert os.listdir(tmp_path) == [name]


def test_the_file_has_names_shapes_and_a_version(tmp_path):
    model = network(units=7)
    model.save_weights(tmp_path / "w.safetensors")
    tensors, metadata = contents(tmp_path / "w.safetensors")
    assert {name: array.shape for name, array in tensors.items()} == {
        "0/dense/kernel": (3, 7),
        "0/dense/bias": (7,),
        "1/dense_1/kernel": (7, 2),
        "1/dense_1/bias": (2,),
    }
    assert_same([tensors["0/dense/kernel"]], [model.layers[0].kernel])
    assert metadata == {"format": "fastbp", "version": "1"}


def test_weights_are_matched_by_place_and_not_by_the_name_of_the_layer(tmp_path):
    model = Sequential([Input((3,)), Dense(5, name="a/b"), Dense(2, name="c")])
    model.save_weights(tmp_path / "w.safetensors")
    other = network()
    other.load_weights(tmp_path / "w.safetensors")
    assert_same(other.get_weights(), model.get_weights())


def test_more_than_ten_layers_keep_their_order(tmp_path):
    models = [Sequential([Input((1,)), *(Dense(1) for _ in range(12))]) for _ in range(2)]
    models[0].set_weights([np.full(w.shape, i) for i, w in enumerate(models[0].weights)])
    models[0].save_weights(tmp_path / "w.safetensors")
    models[1].load_weights(tmp_path / "w.safetensors")
    assert_same(models[1].get_weights(), models[0].get_weights())


def test_float64_weights_fit_a_float32_model_if_they_are_not_too_large(tmp_path):
    wide, narrow = network(dtype="float64"), network()
    wide.save_weights(tmp_path / "w.safetensors")
    narrow.load_weights(tmp_path / "w.safetensors")
    assert_same(narrow.get_weights(), [w.astype("float32") for w in wide.get_weights()])
    wide.layers[0].bias[0] = 1e300
    wide.save_weights(tmp_path / "w.safetensors")
    before = narrow.get_weights()
    with pytest.raises(ValueError, match="too large for float32"):
        narrow.load_weights(tmp_path / "w.safetensors")
    assert_same(narrow.get_weights(), before)


def test_loading_builds_a_model_that_knows_its_width_and_asks_the_others(tmp_path):
    network().save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="width of the input is not known"):
        Sequential([Dense(5, "tanh"), Dense(2)]).load_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="width of the input is not known"):
        Sequential([Dense(5, "tanh"), Dense(2)]).save_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            lambda: network(units=6),
            r"w.safetensors has 4 .*: 0/dense/kernel has shape \(3, 5\); 0/dense/kernel has \(3, 6\) in the model, 0",
        ),
        (
            lambda: network(bias=False),
            "w.safetensors has 4 weights, the model 3: the model lacks 0/dense/bias",
        ),
        (
            lambda: Sequential([Input((3,)), Dense(5), Dense(2), Dense(1)]),
            "w.safetensors has 4 weights, the model 6: it lacks 2/dense_2/kernel, 2/dense_2/bias",
        ),
        (
            lambda: Sequential([Input((4,)), Dense(5), Dense(2)]),
            r"w.safetensors has 4 .*: 0/dense/kernel has shape \(3, 5\); 0/dense/kernel has \(4, 5\) in the model$",
        ),
    ],
    ids=["units", "bias", "layers", "inputs"],
)
def test_weights_of_another_network_are_refused(tmp_path, other, message):
    network().save_weights(tmp_path / "w.safetensors")
    model = other()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.load_weights(tmp_path / "w.safetensors")
    assert_same(model.get_weights(), before)


def test_weights_of_another_dtype_are_refused(tmp_path):
    model, before = network(), network()
    before.save_weights(tmp_path / "w.safetensors")
    tensors, metadata = contents(tmp_path / "w.safetensors")
    save_file(tensors | {"0/dense/bias": np.zeros(5, "int32")}, tmp_path / "w.safetensors", metadata)
    with pytest.raises(ValueError, match="0/dense/bias has dtype int32; expected float32 or float64"):
        model.load_weights(tmp_path / "w.safetensors")


# ---- weights by name, and of layers that fit ----


def named(*layers):
    return Sequential([Input((3,)), *(Dense(units, name=name) for name, units in layers)])


@pytest.fixture
def saved(tmp_path):
    """A file of three layers, and their model."""
    model = named(("a", 4), ("b/c", 4), ("d", 2))
    model.save_weights(tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors", model


def test_layers_can_be_matched_by_name(saved):
    path, model = saved
    other = named(("b/c", 4), ("new", 4), ("d", 2))
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"b_c/kernel has shape \(4, 4\); 0/b_c/kernel has \(3, 4\) in the model$"):
        other.load_weights(path, by_name=True)
    assert_same(other.get_weights(), before)
    other = named(("new", 4), ("b/c", 4), ("d", 2))
    before = other.layers[0].get_weights()
    other.load_weights(path, by_name=True)
    assert_same(other.layers[0].get_weights(), before)
    assert_same(other.get_weights()[2:], model.get_weights()[2:])


def test_by_name_some_layer_must_be_there(saved):
    with pytest.raises(ValueError, match=r"has no layer of a name that is in the model; there are: a, b_c, d$"):
        named(("x", 4), ("y", 4), ("z", 2)).load_weights(saved[0], by_name=True)


def test_layers_that_do_not_fit_can_be_left_as_they_are(saved):
    path, model = saved
    other = named(("a", 4), ("b", 5), ("d", 2))
    before = other.get_weights()
    with pytest.warns(UserWarning, match="that layer is left as it is") as warned:
        other.load_weights(path, skip_mismatch=True)
    assert [str(w.message).split(": ", 1)[1].split(" ")[0] for w in warned] == ["1/b_c/kernel", "2/d/kernel"]
    assert_same(other.get_weights(), [*model.get_weights()[:2], *before[2:]])
    more = named(("a", 4), ("b/c", 4), ("d", 2), ("e", 2))
    with pytest.warns(UserWarning, match="it lacks 3/e/kernel, 3/e/bias; that layer is left as it is"):
        more.load_weights(path, skip_mismatch=True)
    assert_same(more.get_weights()[:6], model.get_weights())


def test_both_together(saved):
    path, _ = saved
    other = named(("d", 2), ("b/c", 4), ("a", 4))
    before = other.get_weights()
    with pytest.warns(UserWarning, match="that layer is left as it is") as warned:
        other.load_weights(path, skip_mismatch=True, by_name=True)
    assert len(warned) == 3
    assert_same(other.get_weights(), before)


# ---- files ----


@pytest.mark.parametrize("name", ["w.weights.h5", "w.keras", "w.h5", "w", "safetensors", "w.safetensors.gz"])
def test_other_endings_are_refused(tmp_path, name):
    model = network()
    for save in (model.save_weights, model.save, lambda path: saving.save_state(model, path)):
        with pytest.raises(ValueError, match=r"expected a path that ends in '\.safetensors'; got '.*" + name):
            save(tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("save", [Sequential.save, Sequential.save_weights, saving.save_state])
def test_overwriting_can_be_ruled_out(tmp_path, save):
    path = tmp_path / "w.safetensors"
    model = network()
    save(model, path, overwrite=False)
    before = path.read_bytes()
    model.fit(X, Y)
    with pytest.raises(FileExistsError, match="exists, and overwrite is False"):
        save(model, path, overwrite=False)
    assert path.read_bytes() == before
    save(model, path)
    assert path.read_bytes() != before


def test_a_missing_file_is_an_os_error():
    with pytest.raises(FileNotFoundError):
        network().load_weights("missing.safetensors")


def test_a_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match=r"director|device"):
        network().load_weights(tmp_path)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, -1])
def test_a_file_that_is_cut_off_is_refused(tmp_path, length):
    path = tmp_path / "w.safetensors"
    model = network()
    model.save_weights(path)
    path.write_bytes(path.read_bytes()[:length])
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"w\.safetensors is not a whole safetensors file"):
        model.load_weights(path)
    assert_same(model.get_weights(), before)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "was not written by fastbp"),
        ({"format": "pt"}, "was not written by fastbp"),
        ({"format": "fastbp"}, "was not written by fastbp"),
        ({"format": "fastbp", "version": "one"}, "was not written by fastbp"),
        ({"format": "fastbp", "version": "2"}, "has version 2 of the format; this fastbp reads up to 1"),
    ],
)
def test_files_of_others_and_of_later_versions_are_refused(tmp_path, metadata, message):
    save_file({"0/dense/kernel": np.zeros((3, 5), "float32")}, tmp_path / "w.safetensors", metadata)
    for load in (network().load_weights, fastbp.load_model, lambda path: saving.load_state(network(), path)):
        with pytest.raises(ValueError, match=message):
            load(tmp_path / "w.safetensors")


class BoomError(Exception):
    """Raised instead of a step of writing."""


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("there", [True, False])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, step, there):
    path = tmp_path / "w.safetensors"
    model = network()
    if there:
        model.save_weights(path)
    before = path.read_bytes() if there else None

    def boom(*args):
        raise BoomError

    model.fit(X, Y)
    with monkeypatch.context() as patched:
        patched.setattr(_files.os, step, boom)
        with pytest.raises(BoomError):
            model.save_weights(path)
    assert os.listdir(tmp_path) == (["w.safetensors"] if there else [])
    assert not there or path.read_bytes() == before


def test_a_full_disk_leaves_what_was_there(tmp_path):
    """A file may be as large as the limit; a larger one is an error of the operating system."""
    code = (
        "import resource, sys, fastbp\n"
        "small, large = (fastbp.Sequential([fastbp.Input((4,)), fastbp.Dense(n)]) for n in (2, 2000))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "small.save_weights(sys.argv[1])\n"
        "try:\n"
        "    large.save_weights(sys.argv[1])\n"
        "except OSError:\n"
        "    small.load_weights(sys.argv[1])\n"
        "else:\n"
        "    raise SystemExit('it was written')\n"
    )
    path = tmp_path / "w.safetensors"
    child = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    assert os.listdir(tmp_path) == ["w.safetensors"]


def test_file_and_folder_are_on_disk_before_it_returns(tmp_path, monkeypatch):
    synced, replaced = [], []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(_files.os, "fsync", lambda fd: (synced.append(os.fstat(fd)), fsync(fd)))
    monkeypatch.setattr(_files.os, "replace", lambda a, b: (replaced.append(len(synced)), replace(a, b)))
    network().save_weights(tmp_path / "w.safetensors")
    assert [stat.S_ISDIR(entry.st_mode) for entry in synced] == [False, True]
    assert replaced == [1]
    assert [entry.st_ino for entry in synced] == [
        (tmp_path / "w.safetensors").stat().st_ino,
        tmp_path.stat().st_ino,
    ]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "w.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    network().save_weights(tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").is_symlink()
    assert (tmp_path / "elsewhere.safetensors").is_file()


def test_a_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    network().save_weights(tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


# ---- the state of training ----


@pytest.mark.parametrize("kernel", RULES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_run_that_is_resumed_has_the_same_bits(tmp_path, kernel, dtype, shuffle):
    rule, options = RULES[kernel]
    settings = {"batch_size": 8, "shuffle": shuffle, "validation_data": (X, Y)}
    straight, first = (network(rule(0.01, **options), dtype=dtype, seed=1) for _ in range(2))
    whole = straight.fit(X, Y, epochs=6, **settings).history
    begun = first.fit(X, Y, epochs=3, **settings).history
    saving.save_state(first, tmp_path / "s.safetensors")
    resumed = network(rule(0.01, **options), dtype=dtype)  # from the same code, without a seed
    epoch = saving.load_state(resumed, tmp_path / "s.safetensors")
    ended = resumed.fit(X, Y, epochs=6, initial_epoch=epoch, **settings)
    assert ended.epoch == [3, 4, 5]
    assert_same(resumed.get_weights(), straight.get_weights())
    assert snapshot(resumed)[1] == snapshot(straight)[1]
    assert whole == {name: begun[name] + ended.history[name] for name in whole}


HIDDEN = {  # layers that keep something from batch to batch, or draw numbers
    "Dropout": lambda: [layers.Dropout(0.5)],
    "Dropout, seeded": lambda: [layers.Dropout(0.5, seed=3)],
    "GaussianNoise": lambda: [layers.GaussianNoise(0.5)],
    "GaussianDropout": lambda: [layers.GaussianDropout(0.5)],
    "AlphaDropout": lambda: [layers.AlphaDropout(0.5)],
    "BatchNormalization": lambda: [layers.BatchNormalization(momentum=0.5)],
    "BatchNormalization, frozen": lambda: [layers.BatchNormalization(trainable=False)],
    "Dense, frozen": lambda: [Dense(5, "tanh", trainable=False)],
    "Dense, penalised and constrained": lambda: [
        Dense(5, "tanh", kernel_regularizer="l1_l2", kernel_constraint="max_norm", activity_regularizer="l2")
    ],
    "Dense, penalised per sample": lambda: [Dense(5, kernel_regularizer=regularizers.L2(0.5, per_sample=True))],
    "Residual": lambda: [layers.Residual([Dense(4, "tanh"), layers.Dropout(0.25), layers.BatchNormalization()])],
}
STEPS = {  # settings of the optimiser that keep something from step to step
    "schedule": lambda: {"learning_rate": schedules.CosineDecay(0.1, 30)},
    "ema": lambda: {"use_ema": True, "ema_momentum": 0.75},
    "ema, overwriting": lambda: {"use_ema": True, "ema_momentum": 0.75, "ema_overwrite_frequency": 4},
    "accumulation": lambda: {"gradient_accumulation_steps": 4},  # an epoch has 7 batches: it stops within one
    "accumulation and ema": lambda: {"gradient_accumulation_steps": 4, "use_ema": True, "ema_momentum": 0.75},
    "decay": lambda: {"weight_decay": 0.25},
    "clipping": lambda: {"global_clipnorm": 0.125},
}
CASES = [pytest.param(make, dict, id=name) for name, make in HIDDEN.items()]
CASES += [pytest.param(list, make, id=name) for name, make in STEPS.items()]


@pytest.mark.parametrize(("hidden", "steps"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("whole", [False, True], ids=["state", "model"])
def test_whatever_a_run_keeps_is_resumed_with_the_same_bits(tmp_path, hidden, steps, dtype, whole):
    """Saved while it runs, for running means take the weights' place at the end of a fit."""
    path = tmp_path / "s.safetensors"

    def make(seed):
        model = Sequential([Input((3,)), Dense(5, "tanh"), *hidden(), Dense(2)], dtype=dtype, seed=seed)
        optimizer = Adam(**({"learning_rate": 0.01} | steps()))
        optimizer.exclude_from_weight_decay(var_list=model.layers[0].weights)
        model.compile(optimizer, "mse", metrics=["mae"])
        return model

    def save(epoch, logs):
        if epoch == 2:
            model.save(path) if whole else saving.save_state(model, path)

    model = make(seed=1)
    straight = model.fit(X, Y, batch_size=8, epochs=6, callbacks=LambdaCallback(on_epoch_end=save)).history
    if whole:
        resumed, epoch = fastbp.load_model(path), 3
    else:
        resumed = make(seed=None)
        epoch = saving.load_state(resumed, path)
    rest = resumed.fit(X, Y, batch_size=8, epochs=6, initial_epoch=epoch).history
    assert {name: values[3:] for name, values in straight.items()} == rest
    for array, other in zip(snapshot(resumed)[0], snapshot(model)[0], strict=True):
        np.testing.assert_array_equal(array, other, strict=True)
    assert snapshot(resumed)[1] == snapshot(model)[1]
    assert_same([resumed.predict(X)], [model.predict(X)])


def test_the_shuffles_are_resumed_too(tmp_path):
    """Else the test above would say little: another seed gives other weights."""
    one, other = network(seed=1), network(seed=2)
    other.set_weights(one.get_weights())
    for model in (one, other):
        model.fit(X, Y, batch_size=8)
    assert any((a != b).any() for a, b in zip(one.weights, other.weights, strict=True))


def test_a_learning_rate_that_was_changed_is_restored(tmp_path):
    model, resumed = network(SGD(0.5)), network(SGD(0.5))
    model.optimizer.learning_rate = 0.125
    saving.save_state(model, tmp_path / "s.safetensors")
    saving.load_state(resumed, tmp_path / "s.safetensors")
    assert resumed.optimizer.learning_rate == 0.125
    assert_same(resumed.get_weights(), model.get_weights())


def test_a_state_keeps_the_epoch_it_is_given(tmp_path):
    model = network()
    model.fit(X, Y, epochs=3)
    saving.save_state(model, tmp_path / "s.safetensors")
    assert saving.load_state(network(), tmp_path / "s.safetensors") == 3
    saving.save_state(model, tmp_path / "s.safetensors", epoch=1)
    other = network()
    assert saving.load_state(other, tmp_path / "s.safetensors") == 1
    assert other.epochs_trained == 3


def test_weights_can_be_loaded_from_a_state_and_from_a_whole_model(tmp_path):
    model = network(Adam())
    model.fit(X, Y)
    saving.save_state(model, tmp_path / "s.safetensors")
    model.save(tmp_path / "m.safetensors")
    for name in ("s.safetensors", "m.safetensors"):
        other = network("sgd")
        other.load_weights(tmp_path / name)
        assert_same(other.get_weights(), model.get_weights())
    other = network(Adam())
    assert saving.load_state(other, tmp_path / "m.safetensors") == 1


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: network(SGD(momentum=0.5)), r"of the optimiser Adam with the slots momentum, velocity; .* SGD\("),
        (lambda: network(Adam(), dtype="float64"), "0/dense/kernel has dtype float32; the model has float64"),
        (lambda: network(Adam(), units=4), r"0/dense/kernel has shape \(3, 5\)"),
    ],
    ids=["optimizer", "dtype", "units"],
)
def test_a_state_that_does_not_fit_changes_nothing(tmp_path, other, message):
    model = network(Adam())
    model.fit(X, Y)
    saving.save_state(model, tmp_path / "s.safetensors")
    target = other()
    arrays, rest = snapshot(target)
    with pytest.raises(ValueError, match=message):
        saving.load_state(target, tmp_path / "s.safetensors")
    assert_same(snapshot(target)[0], arrays)
    assert snapshot(target)[1] == rest


def test_slots_of_other_kernels_of_one_class_do_not_fit(tmp_path):
    saving.save_state(network(SGD()), tmp_path / "s.safetensors")
    with pytest.raises(ValueError, match=r"of the optimiser SGD with the slots none; the model has SGD\(.*0\.5"):
        saving.load_state(network(SGD(momentum=0.5)), tmp_path / "s.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        {"batches": -1},
        {"batches": 1.5},
        {"batches": 10**12},  # the optimiser catches up with its steps one by one
        {"draws": 2**32},
        {"epochs_trained": 2**32},
        {"epoch": 2**32},
        {"seed": 2**64},
        {"epoch": None},
        {"seed": "0"},
        {"learning_rate": "fast"},
        {"learning_rate": -1.0},
        {"optimizer": 3},
    ],
    ids=repr,
)
def test_a_state_with_other_counts_changes_nothing(tmp_path, change):
    path = tmp_path / "s.safetensors"
    saving.save_state(network(), path)
    tensors, metadata = contents(path)
    save_file(tensors, path, metadata | {"state": json.dumps(json.loads(metadata["state"]) | change)})
    model = network()
    arrays, rest = snapshot(model)
    with pytest.raises(ValueError, match=r"its state has the|learning_rate must be"):
        saving.load_state(model, path)
    assert_same(snapshot(model)[0], arrays)
    assert snapshot(model)[1] == rest


def test_only_a_compiled_model_has_a_state(tmp_path):
    model = Sequential([Input((3,)), Dense(1)])
    with pytest.raises(RuntimeError, match="not compiled"):
        saving.save_state(model, tmp_path / "s.safetensors")
    model.save_weights(tmp_path / "w.safetensors")
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"w\.safetensors has no 'state'; there are: format, version"):
        saving.load_state(model, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"w\.safetensors has no 'config'"):
        fastbp.load_model(tmp_path / "w.safetensors")


def test_a_model_without_a_loss_has_a_state(tmp_path):
    """Steps of the user's own can be resumed too."""

    def step(model):
        out = model.forward(X, training=True)
        model.backward(out - Y)
        model.apply_gradients()
        model.zero_gradients()

    models = [Sequential([Input((3,)), Dense(2)], dtype="float64") for _ in range(2)]
    for model in models:
        model.compile(Adam())
    step(models[0])
    saving.save_state(models[0], tmp_path / "s.safetensors")
    saving.load_state(models[1], tmp_path / "s.safetensors")
    for model in models:
        step(model)
    assert_same(models[1].get_weights(), models[0].get_weights())


# ---- parts ----

ARGUMENTS = {  # of parts that cannot be made without, and of some that hold others
    "Activation": {"activation": activations.elu.with_settings(0.5)},
    "CosineDecay": {"initial_learning_rate": 0.5, "decay_steps": 9, "warmup_target": 0.75, "warmup_steps": 2},
    "CosineDecayRestarts": {"initial_learning_rate": 0.5, "first_decay_steps": 9},
    "Dense": {"units": 2, "activation": activations.leaky_relu.with_settings(0.25), "kernel_regularizer": "l1_l2"},
    "ExponentialDecay": {"initial_learning_rate": 0.5, "decay_steps": 9, "decay_rate": 0.5},
    "GaussianNoise": {"stddev": 0.5},
    "Input": {"shape": (4, 2)},
    "InverseTimeDecay": {"initial_learning_rate": 0.5, "decay_steps": 9, "decay_rate": 0.5},
    "OneCycle": {"max_learning_rate": 0.5, "total_steps": 9},
    "PiecewiseConstantDecay": {"boundaries": [3], "values": [0.5, 0.25]},
    "PrecisionAtRecall": {"recall": 0.5},
    "PolynomialDecay": {"initial_learning_rate": 0.5, "decay_steps": 9},
    "RecallAtPrecision": {"precision": 0.5},
    "Rescaling": {"scale": np.array([0.5, 0.25])},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "SGD": {"learning_rate": schedules.OneCycle(0.5, 9), "momentum": 0.5},
    **{name: {"rate": 0.5} for name in ("AlphaDropout", "Dropout", "GaussianDropout")},
}


def nested():
    """Arguments that are parts themselves, so made anew for each."""
    inner = layers.Residual([Dense(3, kernel_constraint="unit_norm"), layers.LayerNormalization()])
    return {"Residual": {"layers": [inner, Dense(2)]}, "Sequential": {"layers": [Input(2), Dense(1)]}}


PARTS = [
    Input(3),
    Dense(4, "relu", False, "he_normal", initializers.Constant(0.5), name="named"),
    Dense(4, trainable=False, bias_regularizer=regularizers.L1(0.25)),
    Dense(4, kernel_regularizer=regularizers.L1L2(0.25, 0.5, per_sample=True)),
    initializers.RandomUniform(-0.5, 0.25, seed=2**64 - 1),
    losses.BinaryCrossentropy(from_logits=True),
    losses.MeanSquaredError(),
    metrics.get("mae"),
    SGD(0.25, 0.5, True),
    SGD(clipnorm=1.0, use_ema=True, ema_overwrite_frequency=3, gradient_accumulation_steps=2, name="mine"),
]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_a_part_can_be_made_again_from_its_config(part):
    for other in (type(part)(**part.get_config()), type(part).from_config(part.get_config())):
        assert type(other) is type(part)
        assert saving.serialize(other) == saving.serialize(part)


@pytest.mark.parametrize("kind", _parts.TABLES)
def test_every_part_comes_back_through_json(kind):
    arguments = ARGUMENTS | nested()
    members = _parts.TABLES[kind].members
    for name in members:
        if name == "mean_metric_wrapper":
            continue  # it holds a function
        part = members[name]
        if isinstance(part, type):
            part = part(**arguments.get(part.__name__, {}))
        data = json.loads(json.dumps(saving.serialize(part)))
        if isinstance(data, str):
            assert members[data] is part
            continue
        assert data["kind"] == kind
        again = saving.deserialize(data, kind)
        assert type(again) is type(part)
        assert saving.serialize(again) == data


@pytest.mark.parametrize("schedule", [None, schedules.ExponentialDecay(0.5, 10, 0.5)], ids=["rate", "schedule"])
@pytest.mark.parametrize("name", list(optimizers.OPTIMIZERS))
def test_an_optimizer_comes_back_with_its_schedule(name, schedule):
    optimizer = optimizers.OPTIMIZERS.members[name](schedule or 0.125)
    again = saving.deserialize(json.loads(json.dumps(saving.serialize(optimizer))), "optimizer")
    assert repr(again) == repr(optimizer)


def test_a_nested_block_computes_the_same_and_may_have_a_projection(tmp_path):
    model = Sequential([Input((3,)), *(layers.Residual(**nested()["Residual"]) for _ in range(2))])
    model.save(tmp_path / "m.safetensors")
    same = fastbp.load_model(tmp_path / "m.safetensors")
    assert_same([same.predict(X)], [model.predict(X)])
    assert "0/residual/residual/dense/kernel" in contents(tmp_path / "m.safetensors")[0]
    other = Sequential([Input((3,)), *(layers.Residual(**nested()["Residual"], name=f"a/{i}") for i in range(2))])
    other.load_weights(tmp_path / "m.safetensors")
    assert_same(other.get_weights(), model.get_weights())


def test_layers_that_prepare_data_come_back_with_what_they_know(tmp_path):
    scale = layers.Normalization()
    scale.adapt(numbers(50, 6) * 3 + 1)
    model = Sequential(
        [Input((2, 3)), layers.Flatten(), layers.Rescaling(np.float32(0.1), [1.0, 2.0]), scale, Dense(2)]
    )
    model.save(tmp_path / "m.safetensors")
    same = fastbp.load_model(tmp_path / "m.safetensors")
    assert same.get_config() == model.get_config()
    assert_same([same.predict(numbers(4, 2, 3))], [model.predict(numbers(4, 2, 3))])


def test_the_same_name_in_two_tables_is_no_problem():
    for module in (losses, metrics):
        part = module.MeanSquaredError()
        assert type(saving.deserialize(saving.serialize(part))) is type(part)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "layer", "class_name": "Desne", "config": {}}, "unknown layer 'Desne'; did you mean 'Dense'"),
        ({"kind": "layer", "class_name": "system", "config": {}}, "unknown layer 'system'"),
        ({"kind": "layer", "class_name": ["Dense"], "config": {}}, "unknown layer"),
        ({"kind": "os", "class_name": "system", "config": {}}, "unknown kind of part 'os'"),
        ({"kind": ["layer"], "class_name": "Dense", "config": {}}, "unknown kind of part"),
        ({"class_name": "Dense", "config": {}}, "unknown kind of part"),
        ({"kind": "loss", "class_name": "SGD", "config": {}}, "unknown loss 'SGD'"),
        ({"kind": "layer", "class_name": "Dense", "config": [3]}, r"config of layer Dense is \[3\]"),
        ({"kind": "layer", "class_name": "Dense"}, "config of layer Dense is None"),
        ({"kind": "layer", "class_name": "Dense", "config": {"unit": 3}}, "cannot make the layer Dense: .*unit"),
        ({"kind": "layer", "class_name": "Dense", "config": {"units": -3}}, "cannot make the layer Dense: units must"),
    ],
)
def test_parts_that_fastbp_does_not_know_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        saving.deserialize(data)
    with pytest.raises(ValueError, match=message):
        saving.deserialize({"nested": [data]})


@pytest.mark.parametrize("data", [saving.serialize(SGD()), "Dense", None, [], {}])
def test_a_part_of_another_kind_is_refused(data):
    with pytest.raises(ValueError, match="expected a layer, as its kind, class_name and config; got"):
        saving.deserialize(data, "layer")


# ---- whole models ----


def test_a_whole_model_goes_on_with_the_same_bits(tmp_path):
    model = network(Adam(0.01, epsilon=1e-5), metrics=["mae"], weighted_metrics=[metrics.get("mse")])
    model.fit(X, Y, batch_size=8, epochs=2)
    model.save(tmp_path / "m.safetensors")
    same = fastbp.load_model(tmp_path / "m.safetensors")
    assert (same.name, same.seed, same.dtype, same.epochs_trained) == (model.name, model.seed, model.dtype, 2)
    assert same.metrics_names == model.metrics_names == ["loss", "mae", "mse"]
    assert repr(same.optimizer) == repr(model.optimizer)
    assert snapshot(same)[1] == snapshot(model)[1]
    for each in (same, model):
        each.fit(X, Y, batch_size=8, epochs=2)
    assert_same(same.get_weights(), model.get_weights())
    assert same.evaluate(X, Y) == model.evaluate(X, Y)


def test_layers_and_their_settings_come_back(tmp_path):
    model = Sequential(
        [
            Dense(4, "relu", kernel_initializer=initializers.RandomNormal(0.5, 0.25, seed=3), name="first"),
            Dense(3, "softmax", use_bias=False, bias_initializer="ones"),
        ],
        name="two",
        dtype="float64",
        seed=7,
    )
    model.build(5)
    model.save(tmp_path / "m.safetensors")
    same = fastbp.load_model(tmp_path / "m.safetensors")
    assert same.get_config() == model.get_config()
    assert [layer.name for layer in same.layers] == ["first", "dense"]
    assert same.optimizer is None
    assert_same([same.predict(numbers(4, 5))], [model.predict(numbers(4, 5))])


def test_a_config_makes_the_same_initial_model():
    model = network(seed=5)
    model.build()
    initial = model.get_weights()
    model.fit(X, Y)
    assert_same(Sequential.from_config(model.get_config()).get_weights(), initial)
    unbuilt = Sequential.from_config(Sequential([Dense(2)]).get_config())
    assert not unbuilt.built


def test_compile_can_be_repeated_from_its_config():
    model = network(SGD(0.5, 0.25), metrics="mae", weighted_metrics=["mse"], loss_weights=[0.5])
    other = Sequential([Input((3,)), Dense(2)])
    assert other.get_compile_config() is None
    other.compile_from_config(json.loads(json.dumps(model.get_compile_config())))
    assert other.get_compile_config() == model.get_compile_config()
    assert other.get_compile_config()["loss_weights"] == 0.5


def test_a_model_can_be_loaded_without_compiling(tmp_path):
    model = network()
    model.save(tmp_path / "m.safetensors")
    same = fastbp.load_model(tmp_path / "m.safetensors", compile=False)
    assert same.optimizer is None
    assert_same(same.get_weights(), model.get_weights())


def test_load_model_is_where_keras_has_it():
    assert fastbp.models.load_model is fastbp.saving.load_model is fastbp.load_model


def test_a_file_that_names_something_else_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    network().save(path)
    tensors, metadata = contents(path)
    config = json.loads(metadata["config"])
    for change, message in [
        ("{", "'config' is not JSON"),
        (json.dumps(config | {"class_name": "Popen"}), "unknown model 'Popen'"),
        (json.dumps(config | {"kind": "layer"}), "expected a model"),
        (json.dumps(saving.serialize(SGD())), "expected a model"),
        ("[]", "expected a model"),
    ]:
        save_file(tensors, path, metadata | {"config": change})
        with pytest.raises(ValueError, match=message):
            fastbp.load_model(path)
