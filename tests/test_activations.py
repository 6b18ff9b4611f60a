"""Activations: every kernel against the reference and against its own central differences; their objects in Python."""

import copy
import inspect

import numpy as np
import pytest

from fastbp import _core, activations, reference
from fastbp.activations import CustomActivation

KERNELS = sorted(_core.tables()["activations"])
WHOLE_ROWS = ["log_softmax", "softmax"]
ELEMENTWISE = [name for name in KERNELS if name not in WHOLE_ROWS]
OTHER_SETTINGS = {  # beside the defaults
    "bounded_relu": [(0.5, 4.0, 1.0), (0.0, 6.0, 0.0), (0.25, np.inf, 0.5), (0.0, 0.5, 1.0)],
    "celu": [(0.5,), (3.0,)],
    "elu": [(0.5,), (2.0,), (0.0,)],
    "hard_shrink": [(0.0,), (2.0,)],
    "leaky_relu": [(0.01,), (1.5,)],
    "soft_shrink": [(0.0,), (2.0,)],
    "squareplus": [(1.0,), (0.001,)],
    "threshold": [(0.5, -3.0), (-1.0, 2.0)],
}
KINKS = [-3, -1, -0.5, 0, 0.5, 1, 3, 6]  # of any of them by default


def defaults(name):
    """The settings of the reference, and so Keras's."""
    _, *settings = inspect.signature(reference.ACTIVATIONS[name][0]).parameters.values()
    return {p.name: p.default for p in settings}


def variants(names):
    return [(name, settings) for name in names for settings in [tuple(defaults(name).values()), *more(name)]]


def more(name):
    return OTHER_SETTINGS.get(name, [])


def by_variant(names):
    return pytest.mark.parametrize(("name", "settings"), variants(names), ids=str)


by_isa = pytest.mark.parametrize("isa", _core.available_isas())
by_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def forward(name, z, settings):
    with np.errstate(all="ignore"):  # the reference may overflow on its way to the right limit
        return reference.ACTIVATIONS[name][0](z, **dict(zip(defaults(name), settings, strict=True)))


def backward(name, d, z, settings):
    with np.errstate(all="ignore"):
        return reference.ACTIVATIONS[name][1](
            d, forward(name, z, settings), z, **dict(zip(defaults(name), settings, strict=True))
        )


def value(name, z, settings, isa=""):
    return _core.activation(z, name, list(settings), isa)


def slope(name, z, settings, isa="", in_columns=False):
    return _core.activation_slopes(z, np.ones_like(z), name, list(settings), in_columns, isa)


def wide_range(dtype):
    """Numbers of all sizes up to 10⁴, dense near 0 and at the kinks, in rows that fill no whole vector."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    sizes = np.concatenate([np.geomspace(1e-30, 1e4, 600), [info.smallest_subnormal, info.tiny / 3, info.tiny, 0.0]])
    steps = [np.nextafter(dtype(kink), dtype(to)) for kink in KINKS for to in (-np.inf, np.inf)]
    x = np.concatenate([sizes, -sizes, KINKS, steps, rng.normal(size=2000) * 4, np.linspace(-40, 40, 2001)])
    return x[: len(x) // 37 * 37].astype(dtype).reshape(-1, 37)


# ---- kernels against the reference ----


@pytest.mark.parametrize("name", KERNELS)
def test_settings_are_those_of_the_reference(name):
    assert _core.settings_of("activation", name) == list(defaults(name))


@by_isa
@by_dtype
@by_variant(ELEMENTWISE)
def test_values_are_those_of_the_reference(name, settings, dtype, isa):
    """Within 8 ULP of the value, and what an ULP of z makes of it. tanh_shrink: within 4 ULP of tanh z, as it is."""
    z = wide_range(dtype)
    wide = z.astype(np.float64)
    settings = tuple(float(dtype(s)) for s in settings)
    a = value(name, z, settings, isa)
    expected = forward(name, wide, settings)
    change = np.abs(wide * backward(name, np.ones_like(wide), wide, settings))
    info = np.finfo(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        bound = info.eps * (8 * np.abs(expected) + change + (4 * np.abs(np.tanh(wide)) if name == "tanh_shrink" else 0))
        bound += (4 + np.abs(wide)) * info.smallest_subnormal  # a gate may be subnormal, and is multiplied by z
        error = np.where(expected.astype(dtype) == a, 0, np.abs(a - expected))
    worst = np.unravel_index(np.argmax(error - bound), z.shape)
    assert (error <= bound).all(), f"{z[worst]}: {a[worst]}, not {expected[worst]}"
    assert a.dtype == dtype


# Slopes without cancellation, small ones too; the others are within a few ULP of the greatest slope.
EXACT_SLOPES = ["exponential", "log_sigmoid", "softplus", "softsign", "squareplus", "tanh_shrink"]


@by_isa
@by_dtype
@by_variant(ELEMENTWISE)
def test_slopes_are_those_of_the_reference(name, settings, dtype, isa):
    z = wide_range(dtype)
    beside = (np.abs(z[..., None] - KINKS) < 4 * np.finfo(dtype).eps * np.abs(KINKS)) & (z[..., None] != KINKS)
    z = z[~beside.any(axis=-1)][None]  # at the next number to a kink, the value may round to that at the kink
    wide = z.astype(np.float64)
    settings = tuple(float(dtype(s)) for s in settings)
    d = slope(name, z, settings, isa)
    expected = backward(name, np.ones_like(wide), wide, settings)
    info = np.finfo(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        scale = np.abs(expected) if name in EXACT_SLOPES else np.maximum(np.abs(expected), max([1.0, *settings[:1]]))
        error = np.where(expected.astype(dtype) == d, 0, np.abs(d - expected))
    bound = 12 * info.eps * scale + 4 * info.smallest_subnormal
    worst = np.unravel_index(np.argmax(error - bound), z.shape)
    assert (error <= bound).all(), f"{z[worst]}: {d[worst]}, not {expected[worst]}"


@by_isa
@by_dtype
@pytest.mark.parametrize("columns", [1, 3, 16, 17, 33])
@pytest.mark.parametrize("name", WHOLE_ROWS)
def test_whole_rows_are_those_of_the_reference(name, columns, dtype, isa):
    rng = np.random.default_rng(3)
    z = (rng.normal(size=(7, columns)) * 5).astype(dtype)
    d = rng.normal(size=z.shape).astype(dtype)
    eps = np.finfo(dtype).eps
    wide = z.astype(np.float64)
    # z - max is rounded to eps/2 of up to 40, and that is what exp and log get
    expected = forward(name, wide, ())
    atol = np.finfo(dtype).tiny if name == "softmax" else 4 * eps  # log_softmax is near 0 at the top
    np.testing.assert_allclose(value(name, z, (), isa), expected, rtol=64 * eps, atol=atol)
    back = backward(name, d.astype(np.float64), wide, ())
    for in_columns in (False, True):
        ours = _core.activation_slopes(z, d, name, [], in_columns, isa)
        np.testing.assert_allclose(ours, back, rtol=0, atol=64 * eps * columns)


@by_isa
@by_dtype
@by_variant(ELEMENTWISE)
def test_both_layouts_agree(name, settings, dtype, isa):
    z = wide_range(dtype)[:9]
    np.testing.assert_array_equal(slope(name, z, settings, isa), slope(name, z, settings, isa, in_columns=True))


@by_isa
@by_dtype
@by_variant(ELEMENTWISE)
def test_at_infinity_the_value_is_the_limit_and_nan_stays_nan(name, settings, dtype, isa):
    far = np.array([[-1e30, 1e30]], dtype)
    at_infinity = value(name, np.array([[-np.inf, np.inf]], dtype), settings, isa)
    limit = value(name, far, settings, isa)
    unbounded = np.abs(limit) > 1e20
    np.testing.assert_array_equal(at_infinity[unbounded], np.sign(limit[unbounded]) * np.inf)
    np.testing.assert_allclose(at_infinity[~unbounded], limit[~unbounded], rtol=0, atol=1e-20)
    slopes = slope(name, np.array([[-np.inf, np.inf]], dtype), settings, isa)
    assert not np.isnan(slopes).any()
    assert np.isfinite(slopes).all() or name == "exponential"
    a = value(name, np.array([[1.0, np.nan, 2.0]], dtype), settings, isa)
    assert np.isnan(a).tolist() == [[False, True, False]]


@by_isa
@pytest.mark.parametrize("name", WHOLE_ROWS)
def test_huge_logits_and_nan_along_rows(name, isa):
    a = value(name, np.array([[1e4, -1e4, 1e4], [-np.inf, 0.0, 0.0], [0.0, np.nan, 0.0]]), (), isa)
    half = {"softmax": 0.5, "log_softmax": -np.log(2)}[name]
    none = {"softmax": 0.0, "log_softmax": -np.inf}[name]
    np.testing.assert_allclose(a[0], [half, {"softmax": 0.0, "log_softmax": -2e4 - np.log(2)}[name], half], rtol=1e-15)
    np.testing.assert_allclose(a[1], [none, half, half], rtol=1e-15)
    assert np.isnan(a[2]).all()


# ---- kernels against themselves ----

STEP = 1e-5  # truncation STEP² and rounding eps / STEP are then both near 1e-10
BOUND = 1e-8


@by_isa
@by_variant(ELEMENTWISE)
def test_slopes_are_central_differences(name, settings, isa):
    z = np.random.default_rng(1).uniform(-7, 7, (40, 37))
    kinks = np.array([*KINKS, *settings, *(-s for s in settings)])
    z = z[np.abs(z[..., None] - kinks).min(axis=-1) > 2 * STEP][None]
    numeric = (value(name, z + STEP, settings, isa) - value(name, z - STEP, settings, isa)) / (2 * STEP)
    # f''' of squareplus goes up to 3 / b, and truncation with it
    bound = BOUND * (1 + np.abs(numeric)) / (min(1, settings[0]) if name == "squareplus" else 1)
    assert (np.abs(slope(name, z, settings, isa) - numeric) < bound).all()


@by_isa
@pytest.mark.parametrize("name", WHOLE_ROWS)
def test_slopes_of_whole_rows_are_central_differences(name, isa):
    rng = np.random.default_rng(2)
    z, d = rng.normal(size=(2, 5, 19))
    numeric = np.empty_like(z)
    for i in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[i] += STEP
        down[i] -= STEP
        numeric[i] = (d * (value(name, up, (), isa) - value(name, down, (), isa))).sum() / (2 * STEP)
    for in_columns in (False, True):
        ours = _core.activation_slopes(z, d, name, [], in_columns, isa)
        np.testing.assert_allclose(ours, numeric, rtol=0, atol=BOUND)


@pytest.mark.parametrize(
    ("name", "kinks"),
    [
        ("relu", {0: 0}),
        ("leaky_relu", {0: 0.2}),
        ("relu6", {0: 0, 6: 0}),
        ("hard_tanh", {-1: 0, 1: 0}),
        ("hard_sigmoid", {-3: 0, 3: 0}),
        ("hard_silu", {-3: 0, 3: 1.5}),
        ("sparse_sigmoid", {-1: 0, 1: 0}),
        ("soft_shrink", {-0.5: 0, 0.5: 0}),
        ("hard_shrink", {-0.5: 0, 0.5: 0}),
        ("selu", {0: 1.7580993408473768}),
    ],
)
def test_slopes_at_kinks_are_those_of_the_flat_side_or_of_the_left(name, kinks):
    for dtype in (np.float32, np.float64):
        slopes = activations.get(name).slope(np.array(list(kinks), dtype))
        np.testing.assert_array_equal(slopes, np.array(list(kinks.values()), dtype))


# ---- their objects ----


@pytest.mark.parametrize("shape", [(7,), (1, 1), (5, 3), (4, 17), (2, 3, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", ">f8"])
@pytest.mark.parametrize("name", list(activations.ACTIVATIONS))
def test_an_activation_is_its_formula_on_any_shape(name, dtype, shape):
    x = (3 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    values = activations.get(name)(x)
    rows = x.reshape(-1, shape[-1]).astype("float64")
    expected = forward(name, rows, tuple(defaults(name).values())).reshape(shape)
    eps = np.finfo("float32" if dtype == "float32" else "float64").eps
    assert values.shape == shape
    assert values.dtype == (np.float32 if dtype == "float32" else np.float64)
    np.testing.assert_allclose(values, expected, rtol=8 * eps, atol=8 * eps)


def test_an_activation_takes_a_number_lists_and_nothing():
    assert activations.relu(-3.0) == 0
    assert activations.relu([[1, -1]]).tolist() == [[1, 0]]
    assert activations.relu(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("alias", ["swish", "hard_swish"])
def test_other_names(alias):
    assert getattr(activations, alias) is activations.get(alias)


def test_every_kernel_of_an_activation_is_reachable():
    found = {activations.get(name).kernel for name in activations.ACTIVATIONS}
    found |= {activations.relu.with_settings(max_value=2).kernel, activations.gelu.with_settings(True).kernel}
    assert found == set(KERNELS)


@pytest.mark.parametrize("name", list(activations.ACTIVATIONS))
def test_an_activation_gives_its_kernel_what_it_asks_for(name):
    activation = activations.get(name)
    assert len(activation.kernel_settings) == len(_core.settings_of("activation", activation.kernel))
    assert activation.kernel_settings == tuple(defaults(activation.kernel).values())
    assert all(isinstance(number, float) for number in activation.kernel_settings)


@pytest.mark.parametrize(
    ("settings", "kernel"),
    [
        ({}, ("relu", ())),
        ({"negative_slope": 0.5}, ("leaky_relu", (0.5,))),
        ({"max_value": 6}, ("relu6", ())),
        ({"max_value": 5}, ("bounded_relu", (0.0, 5.0, 0.0))),
        ({"threshold": 1}, ("bounded_relu", (0.0, np.inf, 1.0))),
        ({"negative_slope": 0.5, "max_value": 6}, ("bounded_relu", (0.5, 6.0, 0.0))),
    ],
)
def test_relu_is_computed_by_the_plainest_kernel(settings, kernel):
    activation = activations.relu.with_settings(**settings)
    assert (activation.kernel, activation.kernel_settings) == kernel
    assert activations.relu.kernel == "relu"


def test_a_leaky_relu_that_does_not_leak_is_a_relu():
    assert activations.leaky_relu.with_settings(0).kernel == "relu"
    assert activations.leaky_relu([-np.inf], negative_slope=0.0) == 0


def test_settings_are_given_by_name_or_in_order():
    x = np.linspace(-3, 3, 13)
    expected = np.where(x > 0.5, x, -2.0)
    kept = activations.threshold.with_settings(0.5, default_value=-2)
    for values in (activations.threshold(x, 0.5, -2), activations.threshold(x, default_value=-2, threshold=0.5)):
        np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(kept(x), expected)
    np.testing.assert_array_equal(kept.with_settings(default_value=0)(x), np.where(x > 0.5, x, 0))
    np.testing.assert_array_equal(kept.slope(x), x > 0.5)
    np.testing.assert_array_equal(copy.deepcopy(kept)(x), expected)
    assert activations.threshold.get_config() == {"threshold": 0.0, "default_value": 0.0}
    assert repr(kept) == "<activation threshold threshold=0.5 default_value=-2.0>"
    assert kept.__doc__ == activations.threshold.__doc__


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: activations.elu(1.0, beta=2), "elu takes alpha; got beta=2"),
        (lambda: activations.elu(1.0, 2, 3), "elu takes alpha; got 2, 3"),
        (lambda: activations.elu(1.0, 2, alpha=3), "elu takes alpha; got 2, alpha=3"),
        (lambda: activations.tanh(1.0, 2), "tanh takes no settings; got 2"),
        (lambda: activations.relu(1.0, max_value="6"), "max_value must be a number; got str '6'"),
        (lambda: activations.relu(1.0, True), "negative_slope must be a number; got bool True"),
    ],
)
def test_settings_that_an_activation_does_not_take(call, message):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: activations.relu(1.0, negative_slope=-1), "negative_slope must be at least 0; got -1"),
        (lambda: activations.relu(1.0, max_value=-1), "max_value must be at least 0; got -1"),
        (lambda: activations.relu(1.0, threshold=-1), "threshold must be at least 0; got -1"),
        (lambda: activations.leaky_relu(1.0, -0.5), "negative_slope must be at least 0; got -0.5"),
        (lambda: activations.elu(1.0, -1), "alpha must be at least 0; got -1"),
        (lambda: activations.celu(1.0, 0), "alpha must be greater than 0; got 0"),
        (lambda: activations.squareplus(1.0, 0), "b must be greater than 0; got 0"),
        (lambda: activations.soft_shrink(1.0, -1), "threshold must be at least 0; got -1"),
        (lambda: activations.hard_shrink(1.0, -1), "threshold must be at least 0; got -1"),
        (lambda: activations.threshold(1.0, np.nan, 0), "threshold must be finite; got nan"),
    ],
)
def test_settings_out_of_range(call, message):
    with pytest.raises(ValueError, match="must be") as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize("name", WHOLE_ROWS)
def test_an_axis(name):
    x = np.random.default_rng(0).normal(size=(4, 3, 5))
    activation = activations.get(name)
    for axis in (0, 1, 2, -1, -2):
        expected = np.moveaxis(activation(np.ascontiguousarray(np.moveaxis(x, axis, -1))), -1, axis)
        np.testing.assert_array_equal(activation(x, axis=axis), expected)
    np.testing.assert_array_equal(activation(x, 1), activation(x, axis=1))
    with pytest.raises(ValueError, match="axis"):
        activation(x, axis=3)
    with pytest.raises(ValueError, match="x is a single number"):
        activation(1.0)
    with pytest.raises(TypeError, match=f"{name} has no slope element by element"):
        activation.slope(x)


@pytest.mark.parametrize("name", list(activations.ACTIVATIONS))
def test_an_activation_can_be_made_again_from_what_was_written(name):
    activation = activations.get(name)
    assert activations.serialize(activation) == name
    assert activations.deserialize(name) is activation
    assert activations.serialize(name) == name
    again = activations.deserialize({"class_name": name, "config": activation.get_config()})
    assert (again.kernel, again.kernel_settings) == (activation.kernel, activation.kernel_settings)
    assert activations.deserialize({"class_name": name}).get_config() == activation.get_config()
    for key in activation.get_config():
        other = activation.with_settings(**{key: 2})
        written = activations.serialize(other)
        assert written == {"class_name": name, "config": other.get_config()} or other.get_config()[key] is True
        assert activations.get(written).get_config() == other.get_config() != activation.get_config()


@pytest.mark.parametrize("config", [{}, {"class_name": 3}, {"class_name": "elu", "config": 2}])
def test_a_config_that_is_none(config):
    with pytest.raises(ValueError, match=r"the config of an activation must have a class_name and a config; got {"):
        activations.get(config)


def test_no_activation_is_linear():
    assert activations.get(None) is activations.linear


# ---- of one's own ----


def cube(x):
    return x**3


def three_squares(x):
    return 3 * x**2


def test_a_pair_of_functions_is_an_activation():
    for activation in (CustomActivation(cube, three_squares), activations.get((cube, three_squares))):
        assert (activation.name, activation.kernel, activation.kernel_settings) == ("cube", None, ())
        assert isinstance(activation, activations.Activation)
        assert repr(activation) == "<activation cube>"
        assert activations.get(activation) is activation
        for dtype in (np.float32, np.float64):
            x = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(dtype)
            np.testing.assert_array_equal(activation(x), x**3)
            np.testing.assert_array_equal(activation.slope(x), 3 * x**2)
            assert activation(x).dtype == activation.slope(x).dtype == dtype
    assert CustomActivation(cube, three_squares, name="power").name == "power"
    assert CustomActivation(cube, three_squares)(2) == 8


def test_what_its_functions_are_given_cannot_be_changed():
    x = np.array([-1.0, 1.0])

    def in_place(x):
        x[x < 0] = 0
        return x

    with pytest.raises(ValueError, match="read-only"):
        CustomActivation(in_place, np.sign)(x)
    result = CustomActivation(lambda x: x, np.ones_like)(x)
    result[0] = 5
    assert x.tolist() == [-1, 1]


@pytest.mark.parametrize("bad", [3, None, "relu", int], ids=repr)
def test_a_part_of_a_pair_that_is_no_function(bad):
    for argument, pair in (("function", (bad, cube)), ("derivative", (cube, bad))):
        with pytest.raises(TypeError, match=f"{argument} must be a function of an array; got {type(bad).__name__}"):
            activations.get(pair)


@pytest.mark.parametrize(
    ("bad", "came"),
    [
        (lambda x: x[:-1], r"\(2,\) and float32"),
        (lambda x: x.astype(float), r"\(3,\) and float64"),
        (lambda x: 1.0, r"\(\) and float64"),
        (lambda x: None, r"\(\) and object"),
    ],
)
def test_a_function_that_changes_shape_or_dtype(bad, came):
    x = np.ones(3, np.float32)
    expected = r"of activation {} must keep the shape \(3,\) and the dtype float32 of its input; got "
    with pytest.raises(ValueError, match="the function " + expected.format("<lambda>") + came):
        CustomActivation(bad, cube)(x)
    with pytest.raises(ValueError, match="the derivative " + expected.format("cube") + came):
        CustomActivation(cube, bad).slope(x)


@pytest.mark.parametrize("function", [np.tanh, cube, lambda x: x])
def test_a_function_alone_is_asked_for_its_derivative(function):
    with pytest.raises(TypeError, match=r"expected the activation as a name .* pass the pair \(function, derivative\)"):
        activations.get(function)


def test_one_of_your_own_is_written_by_name_and_given_again():
    written = activations.serialize((cube, three_squares))
    assert written == {"class_name": "CustomActivation", "config": {"name": "cube"}}
    again = activations.deserialize(written, {"cube": (cube, three_squares)})
    assert again([2.0]) == 8
    assert activations.deserialize(written, {"cube": again}) is again
    with pytest.raises(ValueError, match=r"'cube' is no part of fastbp; .* custom_objects, which has none"):
        activations.get(written)
    with pytest.raises(ValueError, match="which has square"):
        activations.deserialize(written, {"square": again})


# ---- beside Keras ----

BESIDE_KERAS = [
    *((name, {}) for name in activations.ACTIVATIONS if name not in ("threshold", *WHOLE_ROWS)),
    ("threshold", {"threshold": 0.5, "default_value": -3.0}),
    ("relu", {"negative_slope": 0.25}),
    ("relu", {"max_value": 5.0}),
    ("relu", {"threshold": 0.75}),
    ("relu", {"negative_slope": 0.25, "max_value": 4.0, "threshold": 1.0}),
    ("leaky_relu", {"negative_slope": 0.05}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 2.0}),
    ("soft_shrink", {"threshold": 1.25}),
    ("hard_shrink", {"threshold": 1.25}),
    ("squareplus", {"b": 1.5}),
    ("gelu", {"approximate": True}),
]


@pytest.mark.parametrize(("name", "settings"), BESIDE_KERAS, ids=str)
def test_values_and_slopes_are_those_of_keras(name, settings):
    from peer_keras import keras

    jax = pytest.importorskip("jax")
    x = np.random.default_rng(0).uniform(-8, 8, 5000).astype(np.float32)

    def theirs(v):
        return getattr(keras.activations, name)(v, **settings)

    activation = activations.get(name).with_settings(**settings)
    # Keras computes 1 + tanh y, x - tanh x and x + √(x² + b), which cancel: what is left may be off by a few ULP of x
    atol = 4 * np.finfo(np.float32).eps * 8
    np.testing.assert_allclose(activation(x), np.asarray(theirs(x)), rtol=1e-5, atol=atol)
    np.testing.assert_allclose(activation.slope(x), np.asarray(jax.vmap(jax.grad(theirs))(x)), rtol=1e-5, atol=atol)


@pytest.mark.parametrize("name", WHOLE_ROWS)
def test_whole_rows_are_those_of_keras(name):
    from peer_keras import keras

    jax = pytest.importorskip("jax")
    x, d = (np.random.default_rng(0).normal(size=(2, 50, 10)) * 3).astype(np.float32)
    theirs, back = jax.vjp(getattr(keras.activations, name), x)
    atol = 8 * np.finfo(np.float32).eps
    np.testing.assert_allclose(activations.get(name)(x), np.asarray(theirs), rtol=1e-5, atol=atol)
    slopes = _core.activation_slopes(x, d, name)
    np.testing.assert_allclose(slopes, np.asarray(back(d)[0]), rtol=1e-5, atol=atol * np.abs(d).sum(axis=1).max())
    for axis in (0, 1):
        np.testing.assert_allclose(
            activations.get(name)(x, axis=axis), np.asarray(getattr(keras.activations, name)(x, axis)), 1e-5, atol
        )


def test_names_and_settings_are_those_of_keras():
    from peer_keras import keras

    theirs = {name for name in dir(keras.activations) if not name.startswith("_")}
    left_out = {"glu", "sparsemax"}
    assert theirs - left_out <= set(activations.__all__)
    for name in activations.ACTIVATIONS:
        _, *arguments = inspect.signature(getattr(keras.activations, name)).parameters.values()
        ours = activations.get(name).get_config()
        if name in WHOLE_ROWS:
            assert [a.name for a in arguments] == ["axis"]
        else:
            assert [a.name for a in arguments] == list(ours)
            assert name == "threshold" or [a.default for a in arguments] == list(ours.values())
