"""Small helpers: seeds, labels as rows, rows of length 1."""

# ruff: noqa: NPY002 - NumPy's old generator is among what is seeded

import random
import subprocess
import sys

import numpy as np
import pytest

from fastbp import Dense, Input, Sequential, _seeds, initializers, utils

CLASSES = 5


# ---- seeds ----


@pytest.fixture
def _random_states(monkeypatch):
    """Leaves all sources of randomness as they were."""
    monkeypatch.setattr(_seeds, "_source", _seeds._source)
    python, legacy = random.getstate(), np.random.get_state()
    yield
    random.setstate(python)
    np.random.set_state(legacy)


def draws():
    model = Sequential([Input((3,)), Dense(2)])
    values = initializers.RandomNormal()((3,))
    return [random.random(), np.random.random(), model.seed, *model.get_weights()[0].flat, *values]


@pytest.mark.usefixtures("_random_states")
def test_equal_seeds_give_equal_draws_and_others_do_not():
    utils.set_random_seed(42)
    first, second = draws(), draws()
    assert len(set(first + second)) == len(first + second)  # nothing comes twice
    utils.set_random_seed(42)
    assert draws() == first
    utils.set_random_seed(43)
    assert set(draws()).isdisjoint(first)


@pytest.mark.usefixtures("_random_states")
def test_a_model_with_a_seed_of_its_own_takes_none_from_the_sequence():
    utils.set_random_seed(42)
    expected = Sequential([Dense(1)]).seed
    utils.set_random_seed(42)
    Sequential([Dense(1)], seed=1)
    initializers.RandomNormal(seed=1)((3,))
    assert Sequential([Dense(1)]).seed == expected


@pytest.mark.usefixtures("_random_states")
def test_training_repeats_too():
    weights = []
    for _ in range(2):
        utils.set_random_seed(7)
        model = Sequential([Dense(4, "tanh"), Dense(1)])
        model.compile("adam", "mse")
        model.fit(np.random.random((50, 3)), np.random.random(50), epochs=3, batch_size=8, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.usefixtures("_random_states")
def test_seeds_of_python_and_numpy_are_the_ones_given():
    utils.set_random_seed(np.int64(5))
    assert random.random() == random.Random(5).random()
    assert np.random.random() == np.random.RandomState(5).random()


def test_without_it_every_process_draws_other_seeds():
    code = "from fastbp._seeds import fresh_seed; print(*(fresh_seed() for _ in range(50)))"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]
    seeds = [int(seed) for run in runs for seed in run.stdout.split()]
    assert len(set(seeds)) == 100
    assert 2**63 <= max(seeds) < 2**64  # all bits are used; fails once in 2¹⁰⁰


@pytest.mark.usefixtures("_random_states")
@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (-1, ValueError, "seed must be at least 0; got -1"),
        (2**32, ValueError, r"seed must be below 2\*\*32; got 4294967296"),
        (0.5, TypeError, "seed must be a whole number; got float 0.5"),
        ("1", TypeError, "seed must be a whole number; got str '1'"),
        (None, TypeError, "seed must be a whole number; got NoneType None"),
    ],
)
def test_a_bad_seed_changes_nothing(seed, error, message):
    utils.set_random_seed(1)
    expected = draws()
    utils.set_random_seed(1)
    with pytest.raises(error, match=message):
        utils.set_random_seed(seed)
    assert draws() == expected


# ---- to_categorical ----


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), (CLASSES,)),
        ((1,), (1, CLASSES)),
        ((3,), (3, CLASSES)),
        ((1, 1), (1, CLASSES)),
        ((4, 3), (4, 3, CLASSES)),
        ((5, 4, 3), (5, 4, 3, CLASSES)),
        ((3, 1), (3, CLASSES)),
        ((3, 2, 1), (3, 2, CLASSES)),
        ((0,), (0, CLASSES)),
    ],
)
def test_labels_become_rows(shape, expected):
    labels = np.random.default_rng(0).integers(0, CLASSES, shape)
    rows = utils.to_categorical(labels, CLASSES)
    assert (rows.shape, rows.dtype) == (expected, np.float64)
    assert (rows.sum(axis=-1) == 1).all()
    np.testing.assert_array_equal(rows.argmax(axis=-1).reshape(shape), labels)
    assert set(rows.flat) <= {0, 1}


def test_the_largest_label_tells_how_many_classes():
    assert utils.to_categorical([0, 2, 5]).shape == (3, 6)
    assert utils.to_categorical([[0], [0]]).tolist() == [[1], [1]]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float32"])
def test_labels_of_any_type(dtype):
    assert utils.to_categorical(np.array([0, 1], dtype), 3).tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("x", "classes", "error", "message"),
    [
        ([0, 3], 3, ValueError, "x must be labels from 0 to 2; got 3"),
        ([0, -1], 3, ValueError, "x must be labels from 0 to 2; got -1"),
        ([0, -1], None, ValueError, "x must be labels from 0 to 0; got -1"),
        ([0, 1.5], 3, ValueError, "x must be labels from 0 to 2; got 1.5"),
        ([2, np.nan], None, ValueError, "x must be labels from 0 to 2; got nan"),
        ([2, np.inf], None, ValueError, "x must be labels from 0 to 2; got inf"),
        ([0], 0, ValueError, "num_classes must be at least 1; got 0"),
        ([0], 2.0, TypeError, "num_classes must be a whole number; got float 2.0"),
        ([], None, ValueError, "x is empty: num_classes must be given"),
        (["a"], None, TypeError, "x has dtype <U1; expected real numbers"),
        ([[0], [0, 1]], None, ValueError, "x is not an array"),
    ],
)
def test_bad_labels(x, classes, error, message):
    with pytest.raises(error, match=message):
        utils.to_categorical(x, classes)


# ---- normalize ----


def rows(dtype="float64"):
    x = np.random.default_rng(0).standard_normal((4, 3, 5)).astype(dtype)
    x[1, 2] = 0
    x[:, 0, 3] = 0
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
@pytest.mark.parametrize("axis", [-1, 0, 1, 2])
def test_norms_become_one_and_zeros_stay(axis, order, dtype):
    x = rows(dtype)
    copy = x.copy()
    values = utils.normalize(x, axis, order)
    assert (values.dtype, values.shape) == (x.dtype, x.shape)
    norms = np.linalg.norm(values.astype("float64"), order, axis)
    expected = np.linalg.norm(x.astype("float64"), order, axis) > 0
    np.testing.assert_allclose(norms, expected, rtol=0, atol=16 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(x, copy)


def test_lists_and_whole_numbers_become_doubles():
    np.testing.assert_allclose(utils.normalize([3, 4]), [0.6, 0.8], rtol=1e-15, strict=True)


def test_bad_arguments_of_normalize():
    with pytest.raises(TypeError, match="x has dtype"):
        utils.normalize(["a"])
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        utils.normalize([[1.0]], axis=2)
    with pytest.raises(ValueError, match="Invalid norm order"):
        utils.normalize([[1.0]], order="x")


# ---- Keras ----


@pytest.mark.parametrize("shape", [(), (1,), (3,), (4, 3), (3, 1), (3, 2, 1), (1, 1)], ids=str)
@pytest.mark.parametrize("classes", [None, 7])
def test_to_categorical_is_keras(shape, classes):
    from peer_keras import keras

    labels = np.random.default_rng(1).integers(0, CLASSES, shape)
    ours, theirs = utils.to_categorical(labels, classes), keras.utils.to_categorical(labels, classes)
    np.testing.assert_array_equal(ours, theirs, strict=True)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("axis", [-1, 1, 2])  # for axis 0 Keras 3.15 takes the last one instead
def test_normalize_is_keras(axis, order):
    from peer_keras import keras

    x = rows("float32")
    np.testing.assert_allclose(utils.normalize(x, axis, order), keras.utils.normalize(x, axis, order), rtol=1e-6)
