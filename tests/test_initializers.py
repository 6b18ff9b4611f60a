"""Initialisers: distribution, and what their numbers depend on."""

import inspect
import json
from itertools import product

import numpy as np
import pytest

from fastbp import Dense, Input, Sequential, initializers
from fastbp.initializers import (
    INITIALIZERS,
    Constant,
    GlorotUniform,
    HeNormal,
    Identity,
    Initializer,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)

SHAPE = (200, 120)  # inputs, outputs
COUNT = 200 * 120
MEAN_FAN = (200 + 120) / 2

# variance, and the largest magnitude where there is one: of a uniform √(3·variance), of a truncated normal two of the
# deviations that it had before it was truncated.
TRUNCATED = 0.87962566103423978  # the standard deviation of a standard normal within ±2
UNIFORM = {
    "glorot_uniform": 1 / MEAN_FAN,
    "he_uniform": 2 / 200,
    "lecun_uniform": 1 / 200,
    "random_uniform": 0.1**2 / 12,
}
NORMAL = {
    "glorot_normal": 1 / MEAN_FAN,
    "he_normal": 2 / 200,
    "lecun_normal": 1 / 200,
    "truncated_normal": (0.05 * TRUNCATED) ** 2,
    "variance_scaling": 1 / 200,
}
BOUNDS = {name: np.sqrt(3 * variance) for name, variance in UNIFORM.items()}
BOUNDS |= {name: 2 * np.sqrt(variance) / TRUNCATED for name, variance in NORMAL.items()}
VARIANCES = UNIFORM | NORMAL | {"random_normal": 0.05**2, "orthogonal": 1 / 200}
RANDOM = list(VARIANCES)
FIXED = {"zeros": 0.0, "ones": 1.0, "constant": 0.0}
MATRICES = {"identity", "orthogonal"}  # have no vectors


def make(name, seed=None):
    return type(INITIALIZERS.get(name))(seed=seed)


def sample(name, seed=11):
    return make(name, seed)(SHAPE, dtype="float64")


def assert_moments(values, mean, variance, kurtosis):
    """Mean and variance within 5 of their standard errors; kurtosis is the distribution's E[(x - μ)⁴] / σ⁴."""
    assert abs(values.mean() - mean) < 5 * np.sqrt(variance / values.size)
    assert abs(values.var() - variance) < 5 * variance * np.sqrt((kurtosis - 1) / values.size)


def test_every_initializer_is_tested_here():
    assert set(RANDOM) | set(FIXED) | MATRICES == set(INITIALIZERS)


# ---- distributions ----


@pytest.mark.parametrize("name", RANDOM)
def test_mean_and_variance(name):
    # 1.8 is a uniform's kurtosis; a normal's is 3, and a truncated one's less.
    assert_moments(sample(name), 0, VARIANCES[name], 1.8 if name in UNIFORM else 3)


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_are_kept_and_reached(name):
    magnitudes = np.abs(sample(name))
    assert magnitudes.max() <= BOUNDS[name]
    assert magnitudes.max() > 0.99 * BOUNDS[name]  # of 24,000 numbers some hundred are beyond


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_numbers_fill_their_range_evenly(name):
    counts, _ = np.histogram(sample(name), bins=20, range=(-BOUNDS[name], BOUNDS[name]))
    expected = COUNT / 20
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected * 19 / 20)


@pytest.mark.parametrize("name", NORMAL)
def test_truncated_numbers_have_the_shape_of_a_normal(name):
    # P(|z| < 1) / P(|z| < 2) of a standard normal z: 0.6827 / 0.9545.
    share = (np.abs(sample(name)) < BOUNDS[name] / 2).mean()
    assert abs(share - 0.7152) < 5 * np.sqrt(0.7152 * (1 - 0.7152) / COUNT)


def test_random_normal_is_not_truncated():
    beyond = (np.abs(sample("random_normal")) > 2 * 0.05).mean()
    assert abs(beyond - 0.0455) < 5 * np.sqrt(0.0455 * (1 - 0.0455) / COUNT)


def test_random_normal_has_the_mean_and_deviation_given():
    assert_moments(RandomNormal(mean=3, stddev=0.5, seed=1)(SHAPE, "float64"), 3, 0.25, 3)


def test_random_uniform_has_the_bounds_given():
    values = RandomUniform(minval=2, maxval=5, seed=1)(SHAPE, "float64")
    assert values.min() >= 2
    assert values.max() < 5
    assert_moments(values, 3.5, 9 / 12, 1.8)


@pytest.mark.parametrize("name", ["he_normal", "he_uniform", "lecun_normal", "lecun_uniform"])
def test_outputs_do_not_matter_to_he_and_lecun(name):
    for outputs in (400, 100):
        assert_moments(make(name, 1)((200, outputs), "float64"), 0, VARIANCES[name], 3)


def test_neighbours_are_independent():
    values = sample("random_normal").reshape(-1)
    for lag in (1, 2, 3, 120):
        correlation = np.corrcoef(values[:-lag], values[lag:])[0, 1]
        assert abs(correlation) < 5 / np.sqrt(COUNT)


@pytest.mark.parametrize(("name", "value"), FIXED.items())
def test_fixed_values(name, value):
    np.testing.assert_array_equal(INITIALIZERS.get(name)((3, 2)), np.full((3, 2), value, "float32"), strict=True)


def test_constant_has_its_value():
    np.testing.assert_array_equal(Constant(-2.5)((4,)), np.full(4, -2.5, "float32"), strict=True)


def test_random_and_truncated_normal_have_the_mean_and_deviation_given():
    values = TruncatedNormal(mean=3, stddev=0.5, seed=1)(SHAPE, "float64")
    assert_moments(values, 3, (0.5 * TRUNCATED) ** 2, 3)
    assert np.abs(values - 3).max() <= 1


# ---- variance scaling ----

MODES = {"fan_in": lambda i, o: i, "fan_out": lambda i, o: o, "fan_avg": lambda i, o: (i + o) / 2}
FANS = {(200, 120): (200, 120), (5, 5, 12, 40): (300, 1000), (4000,): (4000, 4000), (40, 30, 20): (1200, 800)}


@pytest.mark.parametrize("shape", FANS, ids=str)
@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform"])
@pytest.mark.parametrize("mode", MODES)
def test_variance_is_scale_divided_by_the_fan(mode, distribution, shape):
    variance = 3 / MODES[mode](*FANS[shape])
    values = VarianceScaling(3, mode, distribution, 5)(shape, "float64")
    assert_moments(values, 0, variance, 1.8 if distribution == "uniform" else 3)
    bound = {"truncated_normal": 2 / TRUNCATED, "untruncated_normal": np.inf, "uniform": np.sqrt(3)}[distribution]
    assert np.abs(values).max() <= bound * np.sqrt(variance)
    if distribution == "untruncated_normal":  # of 4,000 numbers some 90 are outside
        assert np.abs(values).max() > 2 / TRUNCATED * np.sqrt(variance)


@pytest.mark.parametrize("mode", MODES)
def test_axes_say_what_inputs_and_outputs_are(mode):
    values = VarianceScaling(1, mode, seed=5, input_axes=[0], output_axes=(1, 2))((40, 30, 20), "float64")
    assert_moments(values, 0, 1 / MODES[mode](40, 600), 3)


def test_a_scalar_has_one_input_and_an_empty_fan_counts_as_one():
    assert abs(VarianceScaling(seed=1)(())) <= 2 / TRUNCATED
    assert VarianceScaling()((0, 5)).shape == (0, 5)


def test_normal_means_truncated_normal_and_case_does_not_matter():
    assert VarianceScaling(distribution="Normal").distribution == "truncated_normal"
    assert VarianceScaling(distribution="UNIFORM").distribution == "uniform"


PRESETS = [name for name in INITIALIZERS if name.startswith(("glorot", "he_", "lecun"))]


@pytest.mark.parametrize("name", PRESETS)
def test_glorot_he_and_lecun_are_variance_scaling(name):
    preset = make(name, 4)
    assert isinstance(preset, VarianceScaling)
    same = VarianceScaling(preset.scale, preset.mode, preset.distribution, 4)
    np.testing.assert_array_equal(preset(SHAPE), same(SHAPE))


# ---- matrices ----


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (1, 5), (5, 1), (3, 2, 4)], ids=str)
def test_orthogonal_has_orthonormal_columns_or_rows(shape):
    values = Orthogonal(gain=-2, seed=3)(shape, "float64").reshape(-1, shape[-1])
    gram = values.T @ values if len(values) >= shape[-1] else values @ values.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), rtol=0, atol=64 * np.finfo(float).eps)


def test_orthogonal_matrices_are_all_equally_likely():
    # Without the signs the first number of a 1 x 1 matrix, or the diagonal of R, would not be symmetric.
    count = 400
    rotations = np.array([Orthogonal(seed=seed)((3, 3), "float64") for seed in range(count)])
    assert np.abs(rotations.mean(axis=0)).max() < 5 * np.sqrt(1 / 3 / count)
    assert np.abs((rotations**2).mean(axis=0) - 1 / 3).max() < 5 * np.sqrt(4 / 45 / count)  # variance of q²: 4/45


def test_identity():
    np.testing.assert_array_equal(Identity(0.5)((2, 3)), np.array([[0.5, 0, 0], [0, 0.5, 0]], "float32"), strict=True)


@pytest.mark.parametrize(("name", "shapes"), [("identity", [(3,), (2, 2, 2), ()]), ("orthogonal", [(3,), ()])])
def test_matrices_have_at_least_two_dimensions(name, shapes):
    for shape in shapes:
        with pytest.raises(ValueError, match=f"{name} initialises matrices; got shape"):
            initializers.get(name)(shape)


# ---- shapes and dtypes ----


@pytest.mark.parametrize(("shape", "expected"), [(3, (3,)), ((3,), (3,)), ([2, 3], (2, 3)), ((2, 3, 4), (2, 3, 4))])
@pytest.mark.parametrize("name", sorted(INITIALIZERS.members.keys() - MATRICES))
def test_shapes(name, shape, expected):
    values = INITIALIZERS.get(name)(shape)
    assert values.shape == expected
    assert values.dtype == np.float32


@pytest.mark.parametrize("name", RANDOM)
def test_float32_numbers_are_the_float64_numbers_rounded(name):
    single = make(name, 3)(SHAPE, dtype="float32")
    np.testing.assert_array_equal(single, make(name, 3)(SHAPE, dtype="float64").astype("float32"), strict=True)


# ---- seeds ----


@pytest.mark.parametrize("name", RANDOM)
def test_equal_seeds_give_equal_numbers_and_others_do_not(name):
    np.testing.assert_array_equal(sample(name, 11), sample(name, 11))
    assert (sample(name, 11) != sample(name, 12)).mean() > 0.99
    initializer = make(name, 11)
    np.testing.assert_array_equal(initializer(SHAPE, "float64"), initializer(SHAPE, "float64"))


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_every_call_differs(name):
    initializer = INITIALIZERS.get(name)
    assert (initializer(SHAPE) != initializer(SHAPE)).mean() > 0.99


def two_layers(seed, **settings):
    model = Sequential([Input((6,)), Dense(6, **settings), Dense(6, **settings)], seed=seed)
    return [layer.kernel for layer in model.layers]


@pytest.mark.parametrize("name", RANDOM)
def test_the_models_seed_fixes_the_weights(name):
    for kernel, same in zip(
        two_layers(1, kernel_initializer=name), two_layers(1, kernel_initializer=name), strict=True
    ):
        np.testing.assert_array_equal(kernel, same)
    for kernel, other in zip(
        two_layers(1, kernel_initializer=name), two_layers(2, kernel_initializer=name), strict=True
    ):
        assert (kernel != other).any()


@pytest.mark.parametrize("name", RANDOM)
def test_an_initializers_own_seed_goes_before_the_models(name):
    first, second = (two_layers(seed, kernel_initializer=make(name, 9)) for seed in (1, 2))
    for kernel, same in zip(first, second, strict=True):
        np.testing.assert_array_equal(kernel, same)
    assert (first[0] != two_layers(1, kernel_initializer=name)[0]).any()


@pytest.mark.parametrize("seed", [None, 9])
@pytest.mark.parametrize("name", RANDOM)
def test_layers_of_one_shape_start_differently(name, seed):
    first, second = two_layers(1, kernel_initializer=make(name, seed))
    assert (first != second).mean() > 0.9


def test_variables_are_independent():
    initializer = RandomNormal()
    kernel, bias, other = (initializer.sample(SHAPE, 1, index).reshape(-1) for index in range(3))
    for a, b in ((kernel, bias), (kernel, other), (bias, other)):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(COUNT)


def test_no_two_variables_of_a_model_start_alike():
    settings = {"kernel_initializer": "random_normal", "bias_initializer": "random_normal"}
    model = Sequential([Input((1,)), Dense(6, **settings), Dense(1, **settings), Dense(6, **settings)], seed=1)
    starts = [tuple(w.reshape(-1)) for w in model.weights if w.size == 6]
    assert len(set(starts)) == len(starts) == 5


def test_the_weights_of_a_layer_depend_on_its_place_and_not_on_the_other_layers():
    short = Sequential([Input((4,)), Dense(5)], seed=3)
    long = Sequential([Input((4,)), Dense(5, use_bias=False), Dense(6, "relu"), Dense(1)], seed=3)
    np.testing.assert_array_equal(short.layers[0].kernel, long.layers[0].kernel)


# ---- names, configs, functions ----

CHANGED = {  # arguments that differ from the defaults
    "constant": {"value": 2.5},
    "identity": {"gain": 2.5},
    "orthogonal": {"gain": 2.5, "seed": 3},
    "random_normal": {"mean": 1.5, "stddev": 2.5, "seed": 3},
    "random_uniform": {"minval": 1.5, "maxval": 2.5, "seed": 3},
    "truncated_normal": {"mean": 1.5, "stddev": 2.5, "seed": 3},
    "variance_scaling": {
        "scale": 2.5,
        "mode": "fan_avg",
        "distribution": "uniform",
        "seed": 3,
        "input_axes": [0],
        "output_axes": [1],
    },
}
CHANGED |= {name: {"seed": 3, "input_axes": [1], "output_axes": [0]} for name in PRESETS}


@pytest.mark.parametrize("name", list(INITIALIZERS))
def test_configs_make_equal_initializers(name):
    for arguments in ({}, CHANGED.get(name, {})):
        original = INITIALIZERS.members[name](**arguments)
        config = original.get_config()
        assert config == config | arguments
        written = json.loads(json.dumps(initializers.serialize(original)))
        for other in (
            type(original).from_config(config),
            initializers.deserialize(written),
            initializers.get(written),
            initializers.get({"module": "keras.initializers", "registered_name": None} | written),
        ):
            assert type(other) is type(original)
            assert other.get_config() == config
            np.testing.assert_array_equal(other.sample((3, 4), 1, 2), original.sample((3, 4), 1, 2))


def test_names_of_keras():
    for alias, name in {
        "zero": "zeros",
        "one": "ones",
        "normal": "random_normal",
        "uniform": "random_uniform",
        "IdentityInitializer": "identity",
        "OrthogonalInitializer": "orthogonal",
    }.items():
        assert initializers.get(alias).name == name
    for name, cls in INITIALIZERS.members.items():
        assert getattr(initializers, name) is cls
    assert initializers.OrthogonalInitializer is Orthogonal
    assert initializers.IdentityInitializer is Identity


class Ramp(Initializer):
    def __init__(self, top=1.0):
        self.top = top

    def __call__(self, shape, dtype=None):
        return np.linspace(0, self.top, np.prod(shape)).reshape(shape)


@pytest.mark.parametrize(
    "identifier", [lambda shape, dtype=None: Ramp()(shape), Ramp(), Ramp], ids=["function", "instance", "class"]
)
def test_functions_and_initializers_of_ones_own(identifier):
    layer = Dense(2, kernel_initializer=identifier)
    Sequential([Input((3,)), layer], seed=3)
    np.testing.assert_array_equal(layer.kernel, np.linspace(0, 1, 6).reshape(3, 2).astype("float32"))


def test_an_initializer_of_ones_own_may_follow_the_seed():
    class Signs(Initializer):
        def sample(self, shape, seed, index):
            return np.sign(RandomNormal().sample(shape, seed, index))

    signs = Signs()
    assert repr(signs) == "<initializer Signs>"
    assert set(signs((50,))) == {-1, 1}
    np.testing.assert_array_equal(two_layers(1, kernel_initializer=signs), two_layers(1, kernel_initializer=signs))


def test_an_initializer_of_ones_own_is_made_again():
    written = initializers.serialize(Ramp(2.0))
    assert written == {"class_name": "Ramp", "config": {"top": 2.0}}
    assert initializers.deserialize(written, custom_objects={"Ramp": Ramp}).top == 2.0
    with pytest.raises(ValueError, match="unknown initializer 'Ramp'"):
        initializers.deserialize(written)


def test_a_function_must_give_the_shape_asked_for():
    with pytest.raises(ValueError, match=r"<initializer .*> gave values of shape \(1,\); expected \(3, 2\)"):
        Sequential([Input((3,)), Dense(2, kernel_initializer=lambda shape, dtype=None: np.zeros(1))])


def test_a_function_has_no_config():
    with pytest.raises(TypeError, match="has no config"):
        initializers.serialize(initializers.get(np.zeros))


def test_an_initializer_that_loses_an_argument_has_no_config_and_still_a_repr():
    class Lost(Initializer):
        def __init__(self, scale):
            self.factor = scale

    with pytest.raises(TypeError, match="Lost keeps no attribute scale; it needs a get_config"):
        initializers.serialize(Lost(2))
    assert repr(Lost(2)) == "<initializer Lost>"


@pytest.mark.parametrize("bad", [3, [], int, np.zeros(2), None], ids=repr)
def test_what_is_no_initializer(bad):
    with pytest.raises(TypeError, match="expected the initializer as a name or as a Initializer; got"):
        Dense(1, kernel_initializer=bad)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RandomNormal(stddev=-1), ValueError, "stddev must be finite and at least 0; got -1"),
        (lambda: RandomNormal(mean=np.nan), ValueError, "mean must be finite; got nan"),
        (lambda: RandomUniform(minval="a"), TypeError, "minval must be a number; got str 'a'"),
        (lambda: Constant(None), TypeError, "value must be a number; got NoneType None"),
        (lambda: Constant(True), TypeError, "value must be a number; got bool True"),
        (lambda: VarianceScaling(scale=0), ValueError, "scale must be greater than 0; got 0"),
        (lambda: VarianceScaling(mode="fan"), ValueError, "mode must be one of fan_in, fan_out, fan_avg; got 'fan'"),
        (
            lambda: VarianceScaling(distribution="gamma"),
            ValueError,
            "distribution must be one of truncated_normal, untruncated_normal, uniform; got 'gamma'",
        ),
        (lambda: VarianceScaling(input_axes=[0]), ValueError, "input_axes and output_axes go together"),
        (lambda: HeNormal(seed=0.5), TypeError, "seed must be a whole number; got float 0.5"),
        (lambda: initializers.get({"config": {}}), TypeError, "expected the initializer as {'class_name'"),
        (lambda: initializers.deserialize("zeros"), TypeError, "expected the initializer as {'class_name'"),
        (
            lambda: initializers.get({"class_name": "Zero"}),
            ValueError,
            "unknown initializer 'Zero'; did you mean 'zeros'",
        ),
        (lambda: HeNormal.from_config({"gain": 1}), TypeError, "gain"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- Keras ----


@pytest.mark.parametrize("name", list(INITIALIZERS))
def test_arguments_are_keras(name):
    from peer_keras import keras

    cls = INITIALIZERS.members[name]
    theirs = getattr(keras.initializers, cls.__name__)
    assert theirs is getattr(keras.initializers, name)
    arguments, expected = (inspect.signature(c).parameters.values() for c in (cls, theirs))
    assert [(a.name, a.default) for a in arguments] == [(a.name, a.default) for a in expected]


@pytest.mark.parametrize("name", sorted(INITIALIZERS.members.keys() - {"identity"}))  # Keras's config lacks its gain
def test_configs_are_keras(name):
    from peer_keras import keras

    ours = INITIALIZERS.members[name](**CHANGED.get(name, {}))
    theirs = keras.initializers.get(initializers.serialize(ours))
    assert theirs.get_config() == ours.get_config()
    assert initializers.get(keras.initializers.serialize(theirs)).get_config() == ours.get_config()


@pytest.mark.parametrize("name", VARIANCES)
def test_moments_and_bounds_are_keras(name):
    from peer_keras import keras

    values = np.asarray(getattr(keras.initializers, name)(seed=7)(SHAPE), np.float64)
    assert_moments(values, 0, VARIANCES[name], 1.8 if name in UNIFORM else 3)
    if name in BOUNDS:
        # The bound is rounded to float32, and so are the numbers.
        assert 0.99 * BOUNDS[name] < np.abs(values).max() <= BOUNDS[name] * (1 + 2 * np.finfo(np.float32).eps)


@pytest.mark.parametrize(("mode", "distribution"), list(product(MODES, ["truncated_normal", "uniform"])))
def test_fans_are_keras(mode, distribution):
    from peer_keras import keras

    for shape, fans in FANS.items():
        values = np.asarray(keras.initializers.VarianceScaling(3, mode, distribution, 5)(shape), np.float64)
        assert_moments(values, 0, 3 / MODES[mode](*fans), 1.8 if distribution == "uniform" else 3)


# ---- in layers ----


@pytest.mark.parametrize("identifier", ["he_normal", "HeNormal", HeNormal, HeNormal()], ids=str)
def test_a_layer_takes_a_name_a_class_or_an_object(identifier):
    expected = Sequential([Input((4,)), Dense(5, kernel_initializer="he_normal")], seed=3).layers[0].kernel
    layer = Dense(5, kernel_initializer=identifier)
    Sequential([Input((4,)), layer], seed=3)
    np.testing.assert_array_equal(layer.kernel, expected)


def test_kernels_are_glorot_uniform_and_biases_zero_if_nothing_is_said():
    model = Sequential([Input((200,)), Dense(120)], seed=11)
    np.testing.assert_array_equal(model.layers[0].kernel, GlorotUniform(seed=11)(SHAPE))
    assert (model.layers[0].bias == 0).all()


def test_a_bias_can_be_initialized_too():
    model = Sequential([Input((4,)), Dense(50, bias_initializer="random_normal", kernel_initializer="ones")], seed=3)
    assert (model.layers[0].kernel == 1).all()
    assert model.layers[0].bias.std() > 0
    model = Sequential([Input((4,)), Dense(5, bias_initializer=Constant(0.5))])
    assert (model.layers[0].bias == 0.5).all()


def test_initializers_say_what_they_are():
    assert repr(initializers.get("he_normal")) == "<initializer he_normal>"
