"""The vector functions of csrc/kernels/vec_math.h: the error bounds that stand there, over the whole range."""

import math

import numpy as np
import pytest

from fastbp import _core

BOUNDS = {"exp": 2, "log": 3, "log1p": 4, "sigmoid": 4, "tanh": 4, "erf": 4, "sqrt": 0.5}  # ULP
EXACT = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "erf": np.vectorize(math.erf, otypes=[np.float64]),  # itself right to 1 ULP of float64
}
WIDE = {np.float32: np.float64, np.float64: np.longdouble}


def every_kind_of_number(dtype, count=400_000):
    """Bit patterns evenly over all signs, exponents (subnormal ones too) and mantissas."""
    integer = np.uint32 if dtype is np.float32 else np.uint64
    bits = np.linspace(0, 2.0 ** (8 * integer().itemsize), count, endpoint=False)
    mantissas = np.random.default_rng(0).integers(0, 2**20, count, dtype=integer)
    x = (bits.astype(integer) ^ mantissas).view(dtype)
    near_one = np.concatenate([1 + np.linspace(-0.5, 1, 20_000), np.linspace(-20, 20, 20_000)]).astype(dtype)
    return np.concatenate([x[np.isfinite(x)], near_one])


def ulp_errors(computed, exact, dtype):
    """|computed - exact| in units of the last place of exact."""
    wide = WIDE[dtype]
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        exponent = np.floor(np.log2(np.maximum(np.abs(exact), wide(info.tiny))))
        ulp = np.exp2(exponent - info.nmant)
        errors = np.abs(computed.astype(wide) - exact) / ulp
    rounds_to_infinity = np.abs(exact) >= wide(info.max) * (1 + wide(info.eps) / 4)
    return np.where(rounds_to_infinity & np.isinf(computed), 0, errors)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(BOUNDS))
@pytest.mark.parametrize("isa", _core.available_isas())
def test_error_is_within_its_bound(isa, name, dtype):
    if dtype is np.float64 and np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
        pytest.skip("no wider type to compare with on this machine")
    x = every_kind_of_number(dtype)
    if name in ("log", "sqrt"):
        x = np.abs(x)
    if name == "log1p":
        x = x[x > -1]
    if name == "log":
        x = x[x > 0]
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(WIDE[dtype])).astype(WIDE[dtype])
    errors = ulp_errors(_core.math(x, name, isa), exact, dtype)
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUNDS[name], f"{name}({x[worst]!r}): {errors[worst]:.2f} ULP"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("isa", _core.available_isas())
def test_special_values(isa, dtype):
    inf, nan = np.inf, np.nan
    expected = {
        "exp": [(0, 1), (-0.0, 1), (inf, inf), (-inf, 0), (1e4, inf), (-1e4, 0), (nan, nan)],
        "log": [(1, 0), (0, -inf), (-0.0, -inf), (inf, inf), (-1, nan), (-inf, nan), (nan, nan)],
        "log1p": [(0, 0), (inf, inf), (nan, nan)],
        "sigmoid": [(0, 0.5), (inf, 1), (-inf, 0), (1e4, 1), (-1e4, 0), (nan, nan)],
        "tanh": [(0, 0), (-0.0, -0.0), (inf, 1), (-inf, -1), (1e4, 1), (nan, nan)],
        "erf": [(0, 0), (-0.0, -0.0), (inf, 1), (-inf, -1), (1e4, 1), (-1e4, -1), (nan, nan)],
        "sqrt": [(0, 0), (inf, inf), (-1, nan), (nan, nan)],
    }
    for name, pairs in expected.items():
        x, y = np.array(pairs, dtype).T
        computed = _core.math(np.ascontiguousarray(x), name, isa)
        np.testing.assert_array_equal(computed, y, err_msg=f"{name} of {x}")
        np.testing.assert_array_equal(np.signbit(computed[~np.isnan(y)]), np.signbit(y[~np.isnan(y)]), err_msg=name)


def test_every_function_is_checked():
    assert set(BOUNDS) == set(_core.tables()["math"])


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "softmax"])
@pytest.mark.parametrize("isa", _core.available_isas())
def test_activations_show_nan(isa, name):
    a = _core.activation(np.array([[1.0, np.nan, 2.0]]), name, isa=isa)
    assert np.isnan(a[0, 1])
