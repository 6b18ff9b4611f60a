"""The vector functions of csrc/kernels/vec_math.h: the error bounds that stand there, over the whole range."""

import functools

import numpy as np
import pytest

from fastbp import _core


def normal_cdf(x):
    """Φ by its series about 0, and beyond 2.5, where that would cancel, by its continued fraction."""
    size = np.minimum(np.abs(x), 100)
    near, far = np.minimum(size, 2.5), np.maximum(size, 2.5)
    term = total = near  # Σ xᵏ / (1·3·5···k) over odd k
    for k in range(3, 90, 2):
        term = term * near * near / k
        total = total + term
    fraction = far  # x + 1 / (x + 2 / (x + 3 / (x + ...)))
    for k in range(80, 0, -1):
        fraction = far + k / fraction
    density = np.exp(-size * size / 2) / np.sqrt(8 * np.arctan(np.ones(1, x.dtype)))  # π in x's precision
    tail = np.where(size < 2.5, 0.5 - density * total, density / fraction)
    return np.where(x < 0, tail, 1 - tail)


BOUNDS = {  # ULP
    "exp": 2,
    "expm1": 2,
    "log": 3,
    "log1p": 4,
    "normal_cdf": 8,
    "sigmoid": 4,
    "sqrt": 0.5,
    "tanh": 6,
}
EXACT = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "normal_cdf": normal_cdf,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


def turn(x, quarters=0):
    """sin or cos of 2π·(x + quarters / 4), reduced without rounding first."""
    nearest = np.rint(4 * x)
    angle = 2 * np.arccos(x.dtype.type(-1)) * (x - nearest / 4)
    size = {0: np.cos(angle), 1: -np.sin(angle), 2: -np.cos(angle), 3: np.sin(angle)}
    return np.choose((nearest + quarters).astype(int) % 4, [size[i] for i in range(4)])


TURNS = {"cos_of_turn": lambda x: turn(x), "sin_of_turn": lambda x: turn(x, 3)}
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
@pytest.mark.parametrize("name", sorted(TURNS))
@pytest.mark.parametrize("isa", _core.available_isas())
def test_sines_of_multiples_of_a_small_part_of_a_turn(isa, name, dtype):
    if dtype is np.float64 and np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
        pytest.skip("no wider type to compare with on this machine")
    x = np.concatenate([np.arange(0, 2**24, 97), 2**22 * np.arange(5)]).astype(dtype) * dtype(2.0**-24)
    exact = TURNS[name](x.astype(WIDE[dtype]))
    assert ulp_errors(_core.math(x, name, isa), exact, dtype).max() <= 3


@functools.cache
def arguments_and_values(name, dtype):
    """Arguments of every kind that a function takes, and its values in a wider type."""
    x = every_kind_of_number(dtype)
    if name in ("log", "sqrt"):
        x = np.abs(x)
    if name == "log1p":
        x = x[x > -1]
    if name == "log":
        x = x[x > 0]
    with np.errstate(all="ignore"):
        return x, EXACT[name](x.astype(WIDE[dtype]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(BOUNDS))
@pytest.mark.parametrize("isa", _core.available_isas())
def test_error_is_within_its_bound(isa, name, dtype):
    if dtype is np.float64 and np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
        pytest.skip("no wider type to compare with on this machine")
    x, exact = arguments_and_values(name, dtype)
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
        "expm1": [(0, 0), (-0.0, -0.0), (inf, inf), (-inf, -1), (1e4, inf), (-1e4, -1), (nan, nan)],
        "normal_cdf": [(0, 0.5), (inf, 1), (-inf, 0), (1e4, 1), (-1e4, 0), (nan, nan)],
        "sqrt": [(0, 0), (inf, inf), (-1, nan), (nan, nan)],
    }
    for name, pairs in expected.items():
        x, y = np.array(pairs, dtype).T
        computed = _core.math(np.ascontiguousarray(x), name, isa)
        np.testing.assert_array_equal(computed, y, err_msg=f"{name} of {x}")
        np.testing.assert_array_equal(np.signbit(computed[~np.isnan(y)]), np.signbit(y[~np.isnan(y)]), err_msg=name)


def test_every_function_is_checked():
    assert set(BOUNDS) | set(TURNS) == set(_core.tables()["math"])
