"""Constraints: what they make of weights, and Keras's names and numbers."""

import inspect
import json

import numpy as np
import pytest

from fastbp import constraints
from fastbp.constraints import CONSTRAINTS, Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm

EPSILON = 1e-7  # added to norms
ALL = [
    MaxNorm(),
    MaxNorm(3.5, axis=1),
    MaxNorm(0),
    NonNeg(),
    UnitNorm(),
    UnitNorm(axis=-1),
    UnitNorm(axis=[0, 1]),
    MinMaxNorm(),
    MinMaxNorm(0.5, 2.5, 0.7, axis=1),
    MinMaxNorm(min_value=4, max_value=6, rate=0.0),
    MinMaxNorm(min_value=4, max_value=6, rate=1.0),
]
NORMS = [constraint for constraint in ALL if not isinstance(constraint, NonNeg)]


def weights(shape=(9, 12), dtype="float64"):
    """Columns and rows with norms from very small to some 20, and one of zeros each."""
    values = np.random.default_rng(0).standard_normal(shape)
    if len(shape) == 2:
        values *= np.linspace(0, 1, shape[0])[:, None] ** 2 * np.linspace(0, 6, shape[1])
    return values.astype(dtype)


def norms(w, axis):
    return np.sqrt((w.astype("float64") ** 2).sum(axis=tuple(np.atleast_1d(axis)), keepdims=True))


# ---- numbers ----


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("constraint", NORMS, ids=repr)
def test_norms_end_where_they_should(constraint, dtype):
    w = weights(dtype=dtype)
    before, after = norms(w, constraint.axis), norms(constraint(w), constraint.axis)
    wanted = {
        MaxNorm: lambda: np.minimum(before, constraint.max_value),
        UnitNorm: lambda: np.ones_like(before),
        MinMaxNorm: lambda: (
            (1 - constraint.rate) * before
            + constraint.rate * np.clip(before, constraint.min_value, constraint.max_value)
        ),
    }[type(constraint)]()
    wanted *= before / (EPSILON + before)
    np.testing.assert_allclose(after, wanted, rtol=8 * np.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("constraint", ALL, ids=repr)
def test_directions_stay(constraint):
    w = weights()
    projected = constraint(w)
    assert ((np.sign(projected) == np.sign(w)) | (projected == 0)).all()
    if not isinstance(constraint, NonNeg):
        axis = constraint.axis
        cosine = (w * projected).sum(axis=tuple(np.atleast_1d(axis)), keepdims=True)
        np.testing.assert_allclose(cosine, norms(w, axis) * norms(projected, axis), rtol=1e-14, atol=1e-300)


def test_non_neg():
    w = weights()
    np.testing.assert_array_equal(NonNeg()(w), np.where(w > 0, w, 0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("constraint", ALL, ids=repr)
def test_dtype_and_shape_stay_and_so_does_the_argument(constraint, dtype):
    w = weights(dtype=dtype)
    copy = w.copy()
    projected = constraint(w)
    assert (projected.dtype, projected.shape) == (w.dtype, w.shape)
    np.testing.assert_array_equal(w, copy)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0, 3), (3, 0)], ids=str)
@pytest.mark.parametrize("constraint", [MaxNorm(), NonNeg(), UnitNorm(), MinMaxNorm()], ids=repr)
def test_other_shapes(constraint, shape):
    assert constraint(weights(shape)).shape == shape


def test_lists_and_whole_numbers_become_doubles():
    assert MaxNorm(1)([[3], [4]]).dtype == np.float64


def test_squares_of_large_float32_weights_do_not_overflow():
    w = np.full((4, 2), 1e30, "float32")
    np.testing.assert_allclose(UnitNorm()(w), np.full((4, 2), 0.5), rtol=1e-6)


def test_zeros_stay_zeros():
    for constraint in ALL:
        np.testing.assert_array_equal(constraint(np.zeros((3, 2))), np.zeros((3, 2)))


def test_the_norms_are_one_formula():
    """So that training needs one kernel: MinMaxNorm's three numbers, which each of them has."""
    for constraint in NORMS:
        same = MinMaxNorm(constraint.min_value, constraint.max_value, constraint.rate, constraint.axis)
        np.testing.assert_array_equal(constraint(weights()), same(weights()))


def test_the_base_class_allows_all():
    w = weights()
    np.testing.assert_array_equal(Constraint()(w), w)
    assert Constraint().get_config() == {}


# ---- names and configs ----


@pytest.mark.parametrize("constraint", ALL, ids=repr)
def test_configs_make_equal_constraints(constraint):
    config = constraint.get_config()
    written = json.loads(json.dumps(constraints.serialize(constraint)))
    for other in (
        type(constraint).from_config(config),
        eval(repr(constraint), vars(constraints)),
        constraints.get(written),
        constraints.deserialize(written),
        constraints.deserialize({"module": "keras.constraints", "registered_name": None} | written),
    ):
        assert type(other) is type(constraint)
        assert other.get_config() == config
        np.testing.assert_array_equal(other(weights()), constraint(weights()))


def test_names_of_keras():
    for name, cls in CONSTRAINTS.members.items():
        assert getattr(constraints, name) is cls


def test_none_is_no_constraint():
    assert constraints.get(None) is None
    assert constraints.serialize(None) is None
    assert constraints.deserialize(None) is None


def test_one_of_ones_own():
    class AtMost(Constraint):
        def __init__(self, top):
            self.top = top

        def __call__(self, w):
            return np.minimum(w, self.top)

    constraint = AtMost(0.5)
    assert constraints.get(constraint) is constraint
    written = constraints.serialize(constraint)
    assert repr(constraints.deserialize(written, {"AtMost": AtMost})) == "AtMost(top=0.5)"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: MaxNorm(-1), ValueError, "max_value must be finite and at least 0; got -1"),
        (lambda: MaxNorm("2"), TypeError, "max_value must be a number; got str '2'"),
        (lambda: MinMaxNorm(-1), ValueError, "min_value must be finite and at least 0; got -1"),
        (lambda: MinMaxNorm(2, 1), ValueError, "max_value must be finite and at least 2; got 1"),
        (lambda: MinMaxNorm(rate=1.5), ValueError, "rate must be finite and at least 0 and at most 1; got 1.5"),
        (lambda: UnitNorm(axis=0.5), TypeError, "axis must be a whole number, or several; got 0.5"),
        (lambda: UnitNorm(axis=[0, None]), TypeError, r"axis must be a whole number, or several; got \[0, None\]"),
        (lambda: UnitNorm(axis=2)(weights()), ValueError, "axis 2 is out of bounds"),
        (lambda: NonNeg()(["a"]), TypeError, "w has dtype <U1; expected real numbers"),
        (lambda: constraints.get("unitnorm"), ValueError, "unknown constraint 'unitnorm'; did you mean 'unit_norm'"),
        (lambda: constraints.get(3), TypeError, "expected the constraint as a name or as a Constraint; got int 3"),
        (lambda: constraints.get(Constraint), TypeError, "expected the constraint as a name"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- Keras ----


@pytest.mark.parametrize("name", list(CONSTRAINTS))
def test_arguments_are_keras(name):
    from peer_keras import keras

    cls = CONSTRAINTS.members[name]
    theirs = getattr(keras.constraints, name)
    assert theirs is getattr(keras.constraints, cls.__name__)
    arguments, expected = (inspect.signature(c).parameters.values() for c in (cls, theirs))
    assert [(a.name, a.default) for a in arguments] == [(a.name, a.default) for a in expected]


@pytest.mark.parametrize("shape", [(9, 12), (40, 30), (1, 7), (7, 1)], ids=str)
@pytest.mark.parametrize("constraint", ALL, ids=repr)
def test_projections_and_configs_are_keras(constraint, shape):
    from peer_keras import keras

    theirs = keras.constraints.get(constraints.serialize(constraint))
    w = weights(shape, "float32")
    np.testing.assert_allclose(constraint(w), np.asarray(theirs(w)), rtol=1e-5, atol=0)
    ours = constraints.get(keras.constraints.serialize(theirs))
    assert ours.get_config() == constraint.get_config() == theirs.get_config()
