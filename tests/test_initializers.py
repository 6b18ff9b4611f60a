"""Initialisers: distribution, and what their numbers depend on."""

import numpy as np
import pytest

from fastbp import Dense, Input, Sequential, initializers
from fastbp.initializers import INITIALIZERS, Constant, GlorotUniform, HeNormal, RandomNormal, RandomUniform

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
NORMAL = {"glorot_normal": 1 / MEAN_FAN, "he_normal": 2 / 200, "lecun_normal": 1 / 200}
BOUNDS = {name: np.sqrt(3 * variance) for name, variance in UNIFORM.items()}
BOUNDS |= {name: 2 * np.sqrt(variance) / TRUNCATED for name, variance in NORMAL.items()}
VARIANCES = UNIFORM | NORMAL | {"random_normal": 0.05**2}
RANDOM = list(VARIANCES)
FIXED = {"zeros": 0.0, "ones": 1.0, "constant": 0.0}


def make(name, seed=None):
    return type(INITIALIZERS.get(name))(seed=seed)


def sample(name, seed=11):
    return make(name, seed)(SHAPE, dtype="float64")


def assert_moments(values, mean, variance, kurtosis):
    """Mean and variance within 5 of their standard errors; kurtosis is the distribution's E[(x - μ)⁴] / σ⁴."""
    assert abs(values.mean() - mean) < 5 * np.sqrt(variance / values.size)
    assert abs(values.var() - variance) < 5 * variance * np.sqrt((kurtosis - 1) / values.size)


def test_every_initializer_is_tested_here():
    assert set(RANDOM) | set(FIXED) == set(INITIALIZERS)


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


# ---- shapes and dtypes ----


@pytest.mark.parametrize(("shape", "expected"), [(3, (3,)), ((3,), (3,)), ([2, 3], (2, 3)), ((2, 3, 4), (2, 3, 4))])
@pytest.mark.parametrize("name", [*RANDOM, *FIXED])
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
