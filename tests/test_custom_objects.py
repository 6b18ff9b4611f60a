"""Parts of one's own in files: written by name, and made again from what the reader gives."""

import copy
import json
import pickle

import numpy as np
import pytest

import fastbp
from fastbp import Adam, Dense, Input, Sequential, activations, constraints, initializers, losses, metrics, saving
from fastbp.optimizers import schedules
from fastbp.regularizers import Regularizer

X, Y = np.random.default_rng(0).standard_normal((20, 3)), np.random.default_rng(1).standard_normal((20, 2))


def square(x):
    return x * x


def twice(x):
    return 2 * x


def fourth_power(y_true, y_pred):
    error = y_pred - y_true
    return (error**4).sum(axis=1), 4 * error**3


def largest_error(y_true, y_pred):
    return np.abs(y_true - y_pred).max(axis=-1)


def quarter(shape, dtype=None):
    return np.full(shape, 0.25)


class Largest(metrics.Metric):
    def __init__(self, sign=1.0, name=None, dtype=None):
        super().__init__(dtype, name)
        self.sign = sign

    def reset_state(self):
        self.seen = -np.inf

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen = max(self.seen, (self.sign * y_pred).max())

    def result(self):
        return float(self.seen)


class Mixed(Regularizer):
    def __init__(self, strength):
        self.strength = strength
        self.l1, self.l2 = strength / 2, strength / 4


class AtMost(constraints.Constraint):
    def __init__(self, most):
        self.most = most

    def __call__(self, w):
        return np.minimum(w, self.most)


class Ramp(initializers.Initializer):
    def __init__(self, end):
        self.end = end

    def __call__(self, shape, dtype=None):
        return np.linspace(-self.end, self.end, np.prod(shape)).reshape(shape)


class Halving(schedules.LearningRateSchedule):
    def __init__(self, begin):
        self.begin = begin

    def __call__(self, step):
        return self.begin * 0.5**step


class Slow(Adam):
    pass


class Narrow(Dense):
    pass


class Stack(Sequential):
    pass


OWN = {cls.__name__: cls for cls in (Largest, Mixed, AtMost, Ramp, Halving, Slow, Narrow, Stack)}
OWN |= {"fourth": fourth_power, "largest_error": largest_error, "square": (square, twice), "quarter": quarter}


def network():
    model = Stack(
        [
            Input((3,)),
            Dense(
                4,
                activations.CustomActivation(square, twice),
                kernel_initializer=Ramp(0.5),
                kernel_constraint=AtMost(2),
            ),
            Narrow(2, kernel_regularizer=Mixed(0.25), bias_initializer=quarter),
        ],
        seed=1,
    )
    model.compile(
        Slow(Halving(0.125)),
        losses.CustomLoss(fourth_power, name="fourth", reduction="sum"),
        metrics=[largest_error, Largest(-1.0)],
        weighted_metrics=[Largest(name="top")],
    )
    return model


def assert_goes_on_alike(one, other):
    for model in (one, other):
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    for weight, same in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(weight, same)
    assert one.evaluate(X, Y, return_dict=True, verbose=0) == other.evaluate(X, Y, return_dict=True, verbose=0)


def test_a_model_with_parts_of_ones_own_comes_back(tmp_path):
    model = network()
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    model.save(tmp_path / "m.safetensors")
    same = fastbp.load_model(tmp_path / "m.safetensors", OWN)
    assert type(same) is Stack
    assert type(same.layers[1]) is Narrow
    assert (same.loss.name, same.loss.reduction) == ("fourth", "sum")
    assert same.metrics_names == ["loss", "largest_error", "largest", "top"]
    assert same.layers[0].kernel_constraint.most == 2
    assert saving.serialize(same) == saving.serialize(model)
    assert_goes_on_alike(model, same)


def test_what_a_model_has_of_ones_own_can_be_asked_for():
    assert saving.custom_objects(network()) == OWN
    assert saving.custom_objects(Sequential([Dense(3, "relu")])) == {}


@pytest.mark.parametrize("name", OWN)
def test_what_is_missing_is_named_and_never_looked_for_elsewhere(tmp_path, name):
    network().save(tmp_path / "m.safetensors")
    given = {other: own for other, own in OWN.items() if other != name}
    with pytest.raises(
        ValueError, match=rf"{name}: it is no part of fastbp: expected it in custom_objects, which has "
    ):
        fastbp.load_model(tmp_path / "m.safetensors", given)
    with pytest.raises(ValueError, match="in custom_objects, which has nothing"):
        fastbp.load_model(tmp_path / "m.safetensors")


def test_without_compiling_what_only_training_needs_may_be_missing(tmp_path):
    model = Sequential([Input((3,)), Dense(2)])
    model.compile("sgd", losses.CustomLoss(fourth_power))
    model.save(tmp_path / "m.safetensors")
    assert fastbp.load_model(tmp_path / "m.safetensors", compile=False).optimizer is None
    with pytest.raises(ValueError, match="cannot make the loss fourth_power"):
        fastbp.load_model(tmp_path / "m.safetensors")


def test_copies_and_pickles_keep_them():
    model = network()
    assert_goes_on_alike(model, copy.deepcopy(model))
    assert_goes_on_alike(model, pickle.loads(pickle.dumps(model)))


def test_configs_take_them_too():
    config = json.loads(json.dumps(network().get_config()))
    compiled = json.loads(json.dumps(network().get_compile_config()))
    same = Stack.from_config(config, OWN)
    same.compile_from_config(compiled, OWN)
    assert_goes_on_alike(network(), same)


def test_an_object_is_taken_as_it_is():
    given = activations.CustomActivation(square, twice)
    assert (
        saving.deserialize({"kind": "activation", "custom": "mine", "config": {}}, custom_objects={"mine": given})
        is given
    )


def test_a_class_of_one_of_our_names_does_not_become_ours():
    own = type("Dense", (Dense,), {})
    data = saving.serialize(own(3, name="mine"))
    assert data["custom"] == "Dense"
    assert type(saving.deserialize(data, "layer", {"Dense": own})) is own
    with pytest.raises(ValueError, match="cannot make the layer Dense: it is no part of fastbp"):
        saving.deserialize(data)


@pytest.mark.parametrize("given", [3, "os.system", str, Dense, Dense(3)], ids=repr)
def test_what_is_given_must_be_of_the_kind(given):
    with pytest.raises(ValueError, match="cannot make the constraint mine: expected a Constraint, or a subclass"):
        saving.deserialize({"kind": "constraint", "custom": "mine", "config": {}}, custom_objects={"mine": given})


def a_lambda_as_loss():
    model = Sequential([Input((3,)), Dense(2)])
    model.compile("sgd", lambda y, p: (y[:, 0], p))
    return model


def a_lambda_as_initializer():
    return Sequential([Input((3,)), Dense(2, kernel_initializer=lambda shape, dtype=None: np.ones(shape))])


def one_name_twice():
    return Sequential([Input(3), *(Dense(3, activations.CustomActivation(square, f, "same")) for f in (square, twice))])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (a_lambda_as_loss, "the loss <function .* cannot be saved: a lambda has no name to find it by; give it one"),
        (a_lambda_as_initializer, "the initializer <function .* cannot be saved: a lambda has no name"),
        (one_name_twice, "'same' is the name of .* and of .*; they could not be told apart"),
    ],
)
def test_what_could_not_be_found_again_is_not_saved(tmp_path, make, message):
    with pytest.raises(ValueError, match=message):
        make().save(tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_part_is_not_saved():
    with pytest.raises(ValueError, match=r"cannot be saved: object is no class of these: Activation, .*Sequential"):
        saving.serialize(object())


# ---- weights that do not decay ----


@pytest.mark.parametrize(
    "how", [{"var_names": ["bias"]}, {"var_list": 0}, {"var_list": 2, "var_names": ["^b", "xyz+"]}]
)
def test_weights_that_do_not_decay_stay_so(tmp_path, how):
    model = Sequential([Input((3,)), Dense(4, "tanh"), Dense(2)], seed=1)
    model.compile(Adam(weight_decay=0.5), "mse")
    how = {key: [model.weights[value]] if key == "var_list" else value for key, value in how.items()}
    model.optimizer.exclude_from_weight_decay(**how)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    assert_goes_on_alike(model, fastbp.load_model(tmp_path / "m.safetensors"))
    assert_goes_on_alike(model, copy.deepcopy(model))


def test_a_model_that_is_not_built_keeps_no_names_of_them():
    model = Sequential([Dense(2)])
    model.compile(Adam(), "mse")
    model.optimizer.exclude_from_weight_decay(var_names=["bias"])
    with pytest.raises(ValueError, match="saved by the numbers of weights: build the model first"):
        saving.to_bytes(model)
