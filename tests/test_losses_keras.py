"""Losses beside Keras's: names, defaults, values, slopes, reductions."""

import inspect

import numpy as np
import pytest
from loss_cases import FORMS, SETTINGS, for_outputs, problem
from peer_keras import keras

from fastbp import losses

jax = pytest.importorskip("jax", exc_type=ImportError)

OURS_ALONE = {"quantile"}
BATCH_WIDE = {"dice", "tversky", "circle", "ctc"}  # sums over a whole batch, or sequences: no loss of a single sample
WEIGHT = np.arange(21) % 5 / 2
pytestmark = [
    pytest.mark.filterwarnings("ignore:In loss categorical_:SyntaxWarning"),  # one column, which it would rather not
    pytest.mark.filterwarnings("ignore:A JAX array:DeprecationWarning"),
]
in_keras = [case for case in SETTINGS if case[0] not in OURS_ALONE]
names = [name for name in losses.LOSSES if name not in OURS_ALONE]


def problem32(name, from_logits, settings):
    """The problem in float32 with int32 labels, and the arguments of the function."""
    t, y = problem(name, from_logits, 21, 5)
    given = for_outputs(settings, 5) | ({"from_logits": True} if from_logits else {})
    if "generalized" in name:
        given.setdefault("q", 0.5)
    return t.astype(np.int32 if t.ndim == 1 else np.float32), y.astype(np.float32), given


def agree(ours, theirs):
    """Within 1e-5; a sum that cancels, within 1e-6 of the greatest."""
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6 * max(np.abs(theirs).max(), 0.1))


def of_keras(name):
    return getattr(keras.losses, losses.LOSSES.members[name].__name__)


def test_all_losses_of_keras_are_here():
    there = {name for name in dir(keras.losses) if name.islower() and not name.startswith("_")}
    assert there - set(losses.__all__) == BATCH_WIDE
    from keras.src.losses import ALL_OBJECTS_DICT  # the names that compile takes

    for name, found in ALL_OBJECTS_DICT.items():
        plain = getattr(found, "__name__", "")
        if name.lower() not in BATCH_WIDE | {"loss", "lossfunctionwrapper"}:
            assert plain in (losses.get(name).kernel, type(losses.get(name)).__name__)


@pytest.mark.parametrize("name", names)
def test_arguments_are_those_of_keras(name):
    def arguments(function):
        return {p.name: p.default for p in inspect.signature(function).parameters.values()}

    assert list(arguments(getattr(losses, name)).items()) == list(arguments(getattr(keras.losses, name)).items())
    cls = losses.LOSSES.members[name]
    ours, theirs = arguments(cls), arguments(of_keras(name))
    assert ours.pop("name") is None
    assert theirs.pop("name") == cls().name
    assert list(arguments(cls)) == list(arguments(of_keras(name)))
    assert ours == theirs


@pytest.mark.parametrize(("name", "from_logits", "settings"), in_keras, ids=str)
def test_values_and_slopes_are_those_of_keras(name, from_logits, settings):
    t, y, given = problem32(name, from_logits, settings)
    function = getattr(keras.losses, name)
    values, slopes = losses.LOSSES.members[name](**given).values_and_slopes(t, y)
    agree(values, function(t, y, **given))
    agree(slopes, jax.grad(lambda outputs: function(t, outputs, **given).sum())(y))
    agree(getattr(losses, name)(t, y, **given), function(t, y, **given))


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", None])
@pytest.mark.parametrize(("name", "from_logits"), [form for form in FORMS if form[0] not in OURS_ALONE])
def test_reductions_are_those_of_keras(name, from_logits, reduction, weight):
    t, y, _ = problem32(name, from_logits, {})
    given = {"reduction": reduction} | ({"from_logits": True} if from_logits else {})
    agree(losses.LOSSES.members[name](**given)(t, y, weight), of_keras(name)(**given)(t, y, weight))


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", None])
@pytest.mark.parametrize("ignored", [-1, 2, 255])
@pytest.mark.parametrize("from_logits", [False, True])
def test_an_ignored_class_is_that_of_keras(from_logits, ignored, reduction, weight):
    t, y, _ = problem32("sparse_categorical_crossentropy", from_logits, {})
    t[::3] = ignored
    given = {"from_logits": from_logits, "ignore_class": ignored, "reduction": reduction}
    ours, theirs = (m.SparseCategoricalCrossentropy(**given) for m in (losses, keras.losses))
    agree(ours(t, y, weight), theirs(t, y, weight))
    function = keras.losses.sparse_categorical_crossentropy
    agree(
        ours.values_and_slopes(t, y)[1],
        jax.grad(lambda outputs: function(t, outputs, from_logits, ignored).sum())(y),
    )
    if reduction:
        everything_ignored = np.full(21, ignored, np.int32)
        assert ours(everything_ignored, y, weight) == float(theirs(everything_ignored, y, weight)) == 0.0


@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_targets_of_hinges_are_prepared_as_in_keras(name):
    y = np.random.default_rng(0).normal(size=(21, 3)).astype(np.float32)
    for choices in ([0, 1], [-1, 1], [0, 1, 2], [0.5, 1]):
        t = np.random.default_rng(1).choice(choices, (21, 3)).astype(np.float32)
        agree(getattr(losses, name)(t, y), getattr(keras.losses, name)(t, y))


@pytest.mark.parametrize("name", ["binary_crossentropy", "kl_divergence", "mean_squared_logarithmic_error", "poisson"])
def test_outputs_at_the_ends_of_their_range_are_those_of_keras(name):
    y = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 1.0], [1e-9, 1 - 1e-9, 1e-5]], np.float32)
    t = np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.5]], np.float32)
    agree(getattr(losses, name)(t, y), getattr(keras.losses, name)(t, y))


def test_rows_of_zeros_have_the_cosine_of_keras():
    t, y = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]])
    agree(losses.cosine_similarity(t, y), keras.losses.cosine_similarity(t, y))


@pytest.mark.parametrize("name", names)
def test_configs_of_keras_are_understood(name):
    theirs = of_keras(name)(name="mine", reduction="sum")
    ours = losses.deserialize(keras.losses.serialize(theirs))
    assert (ours.kernel, ours.name, ours.reduction) == (name, "mine", "sum")
    assert all(getattr(ours, key) == value for key, value in theirs.get_config().items())
