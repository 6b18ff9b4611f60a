"""Regularisers: their penalties and slopes, and Keras's names and numbers."""

import inspect
import json

import numpy as np
import pytest

from fastbp import Dense, regularizers
from fastbp.regularizers import L1, L1L2, L2, REGULARIZERS, Regularizer

EPS = np.finfo(np.float64).eps
ALL = [L1(0.3), L2(0.7), L1L2(0.3, 0.7), L1(), L2(), L1L2()]
PER_SAMPLE = [L1(0.3, per_sample=True), L2(per_sample=True), L1L2(l2=0.7, per_sample=True)]


def weights(shape=(7, 5), dtype="float64"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


# ---- numbers ----


@pytest.mark.parametrize("regularizer", ALL, ids=repr)
@pytest.mark.parametrize("shape", [(), (4,), (7, 5), (2, 3, 4), (0, 3)], ids=str)
def test_the_penalty_is_its_formula(regularizer, shape):
    x = weights(shape)
    expected = regularizer.l1 * np.abs(x).sum() + regularizer.l2 * (x**2).sum()
    penalty = regularizer(x)
    assert type(penalty) is float
    assert abs(penalty - expected) <= 4 * EPS * np.sqrt(max(x.size, 1)) * expected
    assert regularizer(x.tolist()) == penalty


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("regularizer", ALL, ids=repr)
def test_the_slope_is_its_formula(regularizer, dtype):
    x = weights(dtype=dtype)
    expected = regularizer.l1 * np.sign(x, dtype="float64") + 2 * regularizer.l2 * x.astype("float64")
    slope = regularizer.slope(x)
    assert slope.dtype == dtype
    np.testing.assert_allclose(slope, expected, rtol=0, atol=4 * np.finfo(dtype).eps * np.abs(expected).max())


@pytest.mark.parametrize("regularizer", ALL, ids=repr)
def test_the_slope_is_that_of_the_penalty(regularizer):
    x, h = weights(), 1e-5
    differences = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = h
        differences[place] = (regularizer(x + step) - regularizer(x - step)) / (2 * h)
    assert np.abs(x).min() > h  # no weight crosses the corner of |x|
    # A central difference of a quadratic has no error but rounding, that of the penalty divided by h.
    np.testing.assert_allclose(regularizer.slope(x), differences, rtol=0, atol=8 * EPS * (1 + regularizer(x)) / h)


def test_the_slope_of_a_zero_is_zero():
    assert L1L2(1, 1).slope([0.0, -0.0]).tolist() == [0, 0]


def test_every_regularizer_has_both_factors_as_floats():
    expected = [(0.3, 0), (0, 0.7), (0.3, 0.7), (0.01, 0), (0, 0.01), (0, 0)]
    for regularizer, factors in zip(ALL, expected, strict=True):
        assert (regularizer.l1, regularizer.l2) == factors
        assert type(regularizer.l1) is type(regularizer.l2) is float


def test_a_penalty_of_float32_weights_is_summed_in_double():
    x = np.full(10_000_000, 1e-4, "float32")
    assert abs(L1(1.0)(x) - 1e7 * float(x[0])) < 1e7 * EPS


# ---- names and configs ----


@pytest.mark.parametrize("regularizer", ALL + PER_SAMPLE, ids=repr)
def test_configs_make_equal_regularizers(regularizer):
    config = regularizer.get_config()
    written = json.loads(json.dumps(regularizers.serialize(regularizer)))
    for other in (
        type(regularizer).from_config(config),
        eval(repr(regularizer), {"L1": L1, "L2": L2, "L1L2": L1L2}),
        regularizers.get(written),
        regularizers.deserialize(written),
        regularizers.deserialize({"module": "keras.regularizers", "registered_name": None} | written),
    ):
        assert type(other) is type(regularizer)
        assert other.get_config() == config
        assert other.per_sample is regularizer.per_sample


def test_per_sample_is_written_where_it_is_set():
    assert L2(0.5).get_config() == {"l2": 0.5}
    assert L2(0.5, per_sample=True).get_config() == {"l2": 0.5, "per_sample": True}
    assert L2(0.5, per_sample=np.True_).per_sample is True


def test_names_of_keras():
    assert (regularizers.l1, regularizers.l2, regularizers.l1_l2) == (L1, L2, L1L2)
    assert type(regularizers.get("l1l2")) is L1L2
    assert regularizers.get("l1_l2").get_config() == {"l1": 0, "l2": 0}


def test_none_is_no_regularizer():
    assert regularizers.get(None) is None
    assert regularizers.serialize(None) is None
    assert regularizers.deserialize(None) is None


class Mixed(Regularizer):
    def __init__(self, strength=1.0):
        self.strength = strength
        self.l1 = self.l2 = strength / 2


def test_one_of_ones_own():
    mixed = Mixed(3.0)
    assert mixed([1.0, -2.0]) == 1.5 * 3 + 1.5 * 5
    assert regularizers.get(mixed) is mixed
    assert type(regularizers.get(Mixed)) is Mixed
    written = regularizers.serialize(mixed)
    assert repr(regularizers.deserialize(written, {"Mixed": Mixed})) == "Mixed(strength=3.0)"


def test_a_penalty_of_another_form_is_refused():
    class Cubic(Regularizer):
        def __call__(self, x):
            return float((np.abs(x) ** 3).sum())

    message = "Cubic has a penalty of its own; training knows"
    for identifier in (Cubic, Cubic()):
        with pytest.raises(TypeError, match=message):
            regularizers.get(identifier)
    with pytest.raises(TypeError, match=message):
        regularizers.deserialize(regularizers.serialize(Cubic()), {"Cubic": Cubic})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: L1(-0.1), ValueError, "l1 must be finite and at least 0; got -0.1"),
        (lambda: L2(np.inf), ValueError, "l2 must be finite and at least 0; got inf"),
        (lambda: L1L2(l2=np.nan), ValueError, "l2 must be finite and at least 0; got nan"),
        (lambda: L2("0.1"), TypeError, "l2 must be a number; got str '0.1'"),
        (lambda: L1(None), TypeError, "l1 must be a number; got NoneType None"),
        (lambda: L1L2(True), TypeError, "l1 must be a number; got bool True"),
        (lambda: L1(0.1, per_sample=1), TypeError, "per_sample must be True or False; got int 1"),
        (lambda: L1(0.1, True), TypeError, "positional argument"),
        (
            lambda: Dense(1, activity_regularizer=L2(per_sample=True)),
            ValueError,
            r"activity_regularizer must not be per_sample, .*; got L2\(l2=0.01, per_sample=True\)",
        ),
        (lambda: L1()(["a"]), TypeError, "x has dtype <U1; expected real numbers"),
        (lambda: regularizers.get("l3"), ValueError, "unknown regularizer 'l3'; did you mean 'l[12]'"),
        (lambda: regularizers.get(abs), TypeError, "expected the regularizer as a name or as a Regularizer"),
        (lambda: regularizers.get(Regularizer()), TypeError, "got the base class itself"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- Keras ----


@pytest.mark.parametrize("name", list(REGULARIZERS))
def test_arguments_are_keras(name):
    from peer_keras import keras

    cls = REGULARIZERS.members[name]
    theirs = getattr(keras.regularizers, name)
    assert theirs is getattr(keras.regularizers, cls.__name__)
    (*arguments, own), expected = (inspect.signature(c).parameters.values() for c in (cls, theirs))
    assert [(a.name, a.default) for a in arguments] == [(a.name, a.default) for a in expected]
    assert (own.name, own.default, own.kind) == ("per_sample", False, own.KEYWORD_ONLY)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("regularizer", ALL, ids=repr)
def test_penalties_and_configs_are_keras(regularizer, dtype):
    from peer_keras import keras

    theirs = keras.regularizers.get(regularizers.serialize(regularizer))
    x = weights((40, 30), dtype)
    np.testing.assert_allclose(regularizer(x), float(theirs(keras.ops.convert_to_tensor(x))), rtol=1e-5)
    ours = regularizers.get(keras.regularizers.serialize(theirs))
    assert type(ours) is type(regularizer)
    # Keras keeps L1's factor in float32.
    np.testing.assert_allclose((ours.l1, ours.l2), (regularizer.l1, regularizer.l2), rtol=np.finfo("float32").eps)
