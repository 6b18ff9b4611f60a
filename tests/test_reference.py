"""The core against reference.py, number by number: weights, losses, shuffles and initial weights."""

import numpy as np
import pytest
from every_optimizer import RULES
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import HEADS, case_of

import fastbp
from fastbp import _core, reference


def twins(
    widths, activations, loss, optimizer, dtype="float64", seed=5, isa="", rate=0.01, regularizer=None, weight=1.0
):
    """The same network in the core and in the reference."""
    rule, options = RULES[optimizer]
    ours = rule(rate, **options)
    hyperparameters = {name: getattr(ours, name) for name in _core.optimizer_fields(optimizer)[1]}
    model = fastbp.Sequential([fastbp.Input((widths[0],))], dtype=dtype, seed=seed)
    model._isa = isa
    for units, activation in zip(widths[1:], activations, strict=True):
        model.add(fastbp.Dense(units, activation, kernel_regularizer=regularizer))
    model.compile(ours, loss, loss_weights=weight)
    if regularizer is not None:
        penalty = {"penalty": (regularizer.l1, regularizer.l2), "per_sample": regularizer.per_sample}
        hyperparameters |= penalty
    network = reference.Network(widths, activations, loss, optimizer, loss_weight=weight, seed=seed, **hyperparameters)
    return model, network


def data(loss, n, inputs, outputs, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, inputs)), case_of(loss).targets(rng, n, outputs)


def tolerance(dtype, steps, longest_sum):
    """A step adds rounding errors of a few eps times the root of its longest sum; they pass through all later steps.

    Weights and slopes here are of order 1, and training at this rate does not amplify: 16 covers both. (At five times
    the rate it does: steps of RMSprop with momentum are ten times as large as the rate.)
    """
    return 16 * np.finfo(dtype).eps * np.sqrt(longest_sum) * steps


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("loss", HEADS)
@pytest.mark.parametrize("isa", _core.available_isas())
def test_three_epochs_end_in_the_same_weights(isa, loss, optimizer, shuffle):
    n, batch = 37, 8  # the last batch has 5 samples
    widths = [5, 17, 33, 3]
    model, network = twins(widths, ["relu", "tanh", HEADS[loss]], loss, optimizer, isa=isa)
    x, y = data(loss, n, widths[0], widths[-1])
    weight = np.random.default_rng(1).uniform(0.5, 1.5, n)
    history = model.fit(x, y, batch_size=batch, epochs=3, shuffle=shuffle, sample_weight=weight, verbose=0)
    losses = network.fit(x, y, batch, 3, shuffle=shuffle, sample_weight=weight)
    atol = tolerance("float64", steps=15, longest_sum=33)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=0, atol=atol)
    for ours, theirs in zip(model.get_weights(), network.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)
    np.testing.assert_allclose(model.predict(x), network.predict(x), rtol=0, atol=10 * atol)
    assert model._network.isa == isa


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("isa", _core.available_isas())
def test_penalties_and_the_weight_of_the_loss(isa, optimizer, per_sample):
    regularizer = fastbp.regularizers.L1L2(0.01, 0.02, per_sample=per_sample)
    model, network = twins(
        [5, 17, 3], ["tanh", "linear"], "mean_squared_error", optimizer, isa=isa, regularizer=regularizer, weight=0.5
    )
    x, y = data("mean_squared_error", 37, 5, 3)
    history = model.fit(x, y, batch_size=8, epochs=3, verbose=0)
    losses = network.fit(x, y, 8, 3)
    atol = tolerance("float64", steps=15, longest_sum=17)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=0, atol=atol)
    for ours, theirs in zip(model.get_weights(), network.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("isa", _core.available_isas())
def test_ten_float32_steps_follow_the_reference(isa, optimizer):
    widths = [20, 46, 46, 10]
    model, network = twins(
        widths, ["tanh", "tanh", "softmax"], "sparse_categorical_crossentropy", optimizer, "float32", isa=isa
    )
    x, y = data("sparse_categorical_crossentropy", 320, 20, 10)
    history = model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    (loss,) = network.fit(x, y, 32, 1)
    atol = tolerance("float32", steps=10, longest_sum=46)
    np.testing.assert_allclose(history.history["loss"][0], loss, rtol=0, atol=atol)
    for ours, theirs in zip(model.get_weights(), network.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


@settings(max_examples=60, deadline=None)
@given(
    widths=st.lists(st.integers(1, 70), min_size=2, max_size=5),
    hidden=st.sampled_from(sorted(set(fastbp.activations.ACTIVATIONS) - {"exponential"})),  # it overflows
    loss=st.sampled_from(sorted(HEADS)),
    optimizer=st.sampled_from(sorted(set(RULES) - {"lion"})),  # it takes the sign of slopes that are rounding alone
    n=st.integers(1, 40),
    batch=st.integers(1, 45),
    isa=st.sampled_from(_core.available_isas()),
)
def test_any_shape_trains_as_the_reference(widths, hidden, loss, optimizer, n, batch, isa):
    if "categorical" in loss:
        widths = [*widths[:-1], max(2, widths[-1])]
    activations = [hidden] * (len(widths) - 2) + [HEADS[loss]]
    model, network = twins(widths, activations, loss, optimizer, isa=isa, rate=0.002)
    x, y = data(loss, n, widths[0], widths[-1])
    model.fit(x, y, batch_size=batch, epochs=2, verbose=0)
    network.fit(x, y, batch, 2)
    # The rate is small, or some of these would diverge and rounding with them. Adam makes steps of slopes that are
    # nothing but rounding, as large as the rate at worst: 10⁵ covers that, and a wrong slope is off by far more.
    atol = tolerance("float64", steps=80, longest_sum=70) * 1e5
    for ours, theirs in zip(model.get_weights(), network.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


@pytest.mark.parametrize("name", ["glorot_uniform", "he_uniform", "lecun_uniform", "glorot_normal", "he_normal"])
def test_initial_weights_are_those_of_the_reference(name):
    initializer = fastbp.initializers.get(name)
    ours = initializer.sample((31, 17), seed=2**63 + 5, index=4)
    np.testing.assert_allclose(ours, reference.initial_kernel(name, 31, 17, 2**63 + 5, 4), rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("optimizer", RULES)
def test_slots_are_those_of_the_reference(optimizer):
    model, network = twins([4, 5, 2], ["tanh", "linear"], "mean_squared_error", optimizer)
    x, y = data("mean_squared_error", 12, 4, 2)
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    network.fit(x, y, 4, 2)
    core = model._require_trainer().core
    assert core.iterations == network.steps == 6
    assert len(core.slots()) == reference.OPTIMIZERS[optimizer][1]
    for slot, views in enumerate(core.slots()):
        for view, theirs in zip(views, network.slots, strict=True):
            np.testing.assert_allclose(view, theirs[slot], rtol=0, atol=tolerance("float64", 6, 12))


def test_every_member_of_the_core_is_in_the_reference():
    tables = _core.tables()
    assert set(tables["activations"]) == set(reference.ACTIVATIONS)
    assert set(tables["losses"]) == set(reference.LOSSES)
    assert set(tables["optimizers"]) == set(reference.OPTIMIZERS) == set(RULES)
