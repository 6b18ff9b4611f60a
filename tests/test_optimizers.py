"""Optimisers: their rules step by step, and their settings."""

import copy
import inspect
import json
import pickle

import numpy as np
import pytest
from every_optimizer import RULES

import fastbp
from fastbp import _core, optimizers, reference
from fastbp.optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, Lion, Nadam, Optimizer, RMSprop, schedules

STEPS = 20
DTYPES = ["float32", "float64"]

by_rule = pytest.mark.parametrize("rule", RULES)
by_isa = pytest.mark.parametrize("isa", _core.available_isas())
by_dtype = pytest.mark.parametrize("dtype", DTYPES)
by_class = pytest.mark.parametrize("member", optimizers.OPTIMIZERS.members.values(), ids=lambda member: member.name)


def made(rule, rate=2.0**-7, **settings):
    """The optimiser of that kernel; a rate of few bits is the same number in float32 and float64."""
    cls, options = RULES[rule]
    return cls(rate, **options, **settings)


def network(optimizer, dtype="float64", isa="", widths=(5, 17, 3)):
    """A compiled model of which nothing but the optimiser is used."""
    model = fastbp.Sequential([fastbp.Input((widths[0],))], dtype=dtype, seed=2)
    model._isa = isa
    for units in widths[1:]:
        model.add(fastbp.Dense(units))
    model.compile(optimizer)
    optimizer._core = model._require_trainer(loss=False).core
    return model


def slopes(model, steps=STEPS, seed=0):
    """Gradients of so many steps, of many sizes; a tenth of them are 0."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        sizes = [10.0 ** rng.uniform(-3, 1, g.shape) * (rng.random(g.shape) < 0.9) for g in model.gradients]
        yield [(size * rng.normal(size=size.shape)).astype(model.dtype) for size in sizes]


def step(model, gradients):
    for view, values in zip(model.gradients, gradients, strict=True):
        view[...] = values
    model.apply_gradients()


def with_pads(array):
    """The rows of a view of the core's, with their pads."""
    rows = np.atleast_2d(array)
    pad = 64 // rows.itemsize
    return np.lib.stride_tricks.as_strided(rows, (len(rows), -(-rows.shape[1] // pad) * pad))


# ---- steps ----


@by_rule
@by_dtype
@by_isa
def test_steps_are_those_of_the_reference(isa, dtype, rule):
    optimizer = made(rule)
    model = network(optimizer, dtype, isa)
    settings = {name: getattr(optimizer, name) for name in _core.optimizer_fields(rule)[1]}
    update, count = reference.OPTIMIZERS[rule]
    weights = [w.astype(np.float64) for w in model.weights]
    first = [w.copy() for w in weights]
    slots = [[np.zeros_like(w) for _ in range(count)] for w in weights]
    for t, gradients in enumerate(slopes(model), 1):
        step(model, gradients)
        for w, dw, own in zip(weights, gradients, slots, strict=True):
            update(w, dw.astype(np.float64), own, t, **settings)
    eps = np.finfo(dtype).eps
    for found, wanted, before in zip(model.weights, weights, first, strict=True):
        # some eight roundings a step of slots and changes, and one of w
        atol = STEPS * eps * (8 * np.abs(wanted - before).max() + np.abs(wanted).max())
        np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)
    for slot, views in enumerate(optimizer._core.slots()):
        for view, own in zip(views, slots, strict=True):
            np.testing.assert_allclose(view, own[slot], rtol=0, atol=8 * STEPS * eps * np.abs(own[slot]).max())


@by_rule
@by_dtype
@by_isa
def test_pads_stay_clean(isa, dtype, rule):
    optimizer = made(rule, **({"epsilon": 1.2e-38} if hasattr(made(rule), "epsilon") else {}))
    model = network(optimizer, dtype, isa)
    before = model.get_weights()
    model.zero_gradients()
    for _ in range(3):
        model.apply_gradients()
    for w, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(w, old)
    for gradients in slopes(model, 3):
        step(model, gradients)
    for w in model.weights:
        assert np.isfinite(w).all()
        pads = with_pads(w)[:, w.shape[-1] :]
        assert pads.size
        assert not pads.any()


@by_rule
@by_dtype
@by_isa
def test_a_slope_that_is_nan_shows(isa, dtype, rule):
    model = network(made(rule), dtype, isa)
    for t, gradients in enumerate(slopes(model, 3)):
        if t == 1:
            gradients[0][2, 5] = np.nan
        step(model, gradients)
    assert np.argwhere(np.isnan(model.weights[0])).tolist() == [[2, 5]]
    assert all(np.isfinite(w).all() for w in model.weights[1:])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@by_isa
def test_a_variance_is_never_negative(isa, momentum):
    """Of slopes that no longer change it is 0, and rounding takes it below -ε on the way there."""
    model = network(RMSprop(0.01, momentum=momentum, centered=True), "float32", isa)
    for t in range(300):
        for g in model.gradients:
            g[...] = np.linspace(50, 150, g.size).reshape(g.shape) * (3 if t < 50 else 1)
        model.apply_gradients()
        assert all(np.isfinite(w).all() for w in model.weights)


@by_rule
@by_dtype
def test_slots_begin_where_they_should(dtype, rule):
    optimizer = made(rule)
    model = network(optimizer, dtype)
    model.zero_gradients()
    model.apply_gradients()
    for slot in optimizer._core.slots():
        for view in slot:
            assert (view == np.array(getattr(optimizer, "initial_accumulator_value", 0.0), dtype)).all()


@by_rule
@by_dtype
def test_steps_go_on_where_they_were(dtype, rule):
    """Weights, slots and the number of steps are all there is."""
    one, other = network(made(rule), dtype), network(made(rule), dtype)
    gradients = list(slopes(one))
    for given in gradients[:12]:
        step(one, given)
    other.set_weights(one.get_weights())
    cores = [model.optimizer._core for model in (one, other)]
    for views, values in zip(cores[1].slots(), cores[0].slots(), strict=True):
        for view, value in zip(views, values, strict=True):
            view[...] = value
    cores[1].iterations = 12
    for given in gradients[12:]:
        step(one, given)
        step(other, given)
    assert one.optimizer.iterations == other.optimizer.iterations == STEPS
    for found, wanted in zip(other.weights, one.weights, strict=True):
        np.testing.assert_array_equal(found, wanted)


# ---- beside Keras ----


@pytest.fixture
def keras_in_double():
    from peer_keras import keras

    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    yield keras
    jax.config.update("jax_enable_x64", False)


def beside_keras(keras, rule, dtype, **settings):
    """After the same steps: our model and optimiser, and Keras's weights and optimiser."""
    ours = made(rule, **settings)
    model = network(ours, dtype)
    if dtype == "float32":  # from 0, where the change of a weight is not rounded like the weight
        model.set_weights([np.zeros(w.shape) for w in model.weights])
    theirs = getattr(keras.optimizers, type(ours).__name__)(2.0**-7, **RULES[rule][1], **settings)
    variables = [keras.Variable(w, dtype=dtype) for w in model.get_weights()]
    for gradients in slopes(model):
        step(model, gradients)
        theirs.apply([keras.ops.convert_to_tensor(g, dtype=dtype) for g in gradients], variables)
    return model, ours, variables, theirs


@by_rule
def test_steps_are_those_of_keras(rule):
    from peer_keras import keras

    model, ours, variables, theirs = beside_keras(keras, rule, "float32")
    for found, wanted in zip(model.weights, map(np.asarray, variables), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert len(ours.variables) == len(theirs.variables)
    for found, wanted in zip(ours.variables, map(np.asarray, theirs.variables), strict=True):
        assert found.shape == wanted.shape
        # Keras's Nadam has 1 - β₂ in float32: 0.999 is off by up to 3e-8, 3e-5 of the difference.
        np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-5 * np.abs(wanted).max())


@by_rule
def test_steps_are_those_of_keras_to_the_last_digits(rule, keras_in_double):
    model, _, variables, _ = beside_keras(keras_in_double, rule, "float64")
    first = network(SGD()).get_weights()
    eps = np.finfo(np.float64).eps
    for found, wanted, before in zip(model.weights, map(np.asarray, variables), first, strict=True):
        # as beside the reference; and half a digit of β₂ᵗ, 0.999 at first, is 250 of the root of 1 - β₂ᵗ
        atol = eps * ((8 * STEPS + 250) * np.abs(wanted - before).max() + STEPS * np.abs(wanted).max())
        np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


@by_class
def test_arguments_are_those_of_keras(member):
    from peer_keras import keras

    theirs = inspect.signature(getattr(keras.optimizers, member.__name__)).parameters.values()
    ours = inspect.signature(member).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs if p.kind is not p.VAR_KEYWORD]


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # within Keras
@by_class
def test_configs_have_the_names_of_keras(member):
    from peer_keras import keras

    theirs = getattr(keras.optimizers, member.__name__)(0.5).get_config()
    ours = member(0.5).get_config()
    assert set(ours) == set(theirs)
    assert {**ours, "name": ""} == {**theirs, "name": ""}


# ---- settings ----


class Halving:
    """A schedule: half the rate after every two steps."""

    def __init__(self, first=1.0):
        self.first = first

    def __call__(self, step):
        return self.first / 2 ** (step // 2)

    def rates(self, first, count):
        return np.array([self(step) for step in range(first, first + count)])

    def get_config(self):
        return {"first": self.first}


class Steps:
    """What an optimiser sees of the core."""

    iterations = batches = 0
    trained = ()

    def slots(self):
        return []


def test_a_rate_may_be_changed():
    optimizer = SGD(0.5)
    optimizer.learning_rate = np.float32(0.25)
    assert (optimizer.learning_rate, optimizer.schedule) == (0.25, None)


def test_the_rate_of_a_schedule_is_that_of_the_next_step():
    optimizer = SGD(Halving())
    optimizer._core = Steps()
    found = []
    for optimizer._core.batches in range(5):
        found.append(optimizer.learning_rate)
    assert found == [1.0, 1.0, 0.5, 0.5, 0.25]
    assert isinstance(optimizer.schedule, Halving)
    assert [v.tolist() for v in optimizer.variables] == [0]


def test_a_schedule_counts_batches():
    optimizer = SGD(Halving(), gradient_accumulation_steps=2)
    optimizer._core = Steps()
    optimizer._core.iterations, optimizer._core.batches = 2, 4
    assert optimizer.learning_rate == 0.25


def test_a_schedule_stays_one():
    optimizer = SGD(0.5)
    optimizer.learning_rate = Halving()
    with pytest.raises(TypeError, match=r"the learning rate follows .*: expected a schedule in its place; got 0.5"):
        optimizer.learning_rate = 0.5
    optimizer.learning_rate = Halving(8.0)
    assert optimizer.learning_rate == 8.0


def test_what_an_optimizer_has_done():
    optimizer = Adam()
    assert (optimizer.built, optimizer.iterations) == (False, 0)
    assert [v.tolist() for v in optimizer.variables] == [0, 0.001]
    model = network(optimizer)
    model.apply_gradients()
    assert (optimizer.built, optimizer.iterations) == (True, 1)
    assert [v.shape for v in optimizer.variables] == [(), ()] + 2 * [(5, 17)] + 2 * [(17,)] + 2 * [(17, 3)] + 2 * [(3,)]
    optimizer.variables[2][...] = 7.0
    assert (optimizer._core.slots()[0][0] == 7.0).all()  # views


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SGD("fast"), TypeError, "learning_rate must be a number; got str 'fast'"),
        (lambda: SGD(True), TypeError, "learning_rate must be a number; got bool True"),
        (lambda: SGD(lambda: 0.1), TypeError, "learning_rate must be a number; got function"),
        (lambda: SGD(weight_decay=-0.1), ValueError, "weight_decay must be finite and at least 0; got -0.1"),
        (lambda: AdamW(weight_decay=None), TypeError, "weight_decay must be a number; got NoneType None"),
        (lambda: SGD(clipnorm=0), ValueError, "clipnorm must be finite and greater than 0; got 0"),
        (lambda: SGD(clipvalue=-1.0), ValueError, "clipvalue must be finite and greater than 0; got -1.0"),
        (lambda: SGD(global_clipnorm=np.inf), ValueError, "global_clipnorm must be finite and greater than 0; got inf"),
        (
            lambda: SGD(clipnorm=1, clipvalue=2),
            ValueError,
            "at most one of clipnorm, clipvalue, global_clipnorm may be given; got {'clipnorm': 1, 'clipvalue': 2",
        ),
        (lambda: SGD(ema_momentum=1.1), ValueError, r"ema_momentum must be in \[0, 1\]; got 1.1"),
        (lambda: SGD(ema_overwrite_frequency=0), ValueError, "ema_overwrite_frequency must be at least 1; got 0"),
        (lambda: SGD(ema_overwrite_frequency=2.0), TypeError, "ema_overwrite_frequency must be a whole number; got"),
        (lambda: SGD(loss_scale_factor=2.0), ValueError, "loss_scale_factor must be None: .*; got 2.0"),
        (
            lambda: SGD(gradient_accumulation_steps=1),
            ValueError,
            "gradient_accumulation_steps must be at least 2; got 1",
        ),
        (lambda: Nadam(beta_2=1.0), ValueError, r"beta_2 must be in \[0, 1\); got 1.0"),
        (lambda: Adagrad(epsilon=1e-40), ValueError, "epsilon must be finite and at least 1.2e-38; got 1e-40"),
        (
            lambda: Adagrad(initial_accumulator_value=-1),
            ValueError,
            "initial_accumulator_value must be finite and at least 0; got -1",
        ),
        (lambda: Adadelta(rho=1.0), ValueError, r"rho must be in \[0, 1\); got 1.0"),
        (lambda: RMSprop(momentum=2), ValueError, r"momentum must be in \[0, 1\]; got 2"),
        (lambda: Lion(beta_1=0.0), ValueError, r"beta_1 must be in \(0, 1\]; got 0.0"),
        (lambda: SGD(decay=0.1), TypeError, "unexpected keyword argument 'decay'"),
    ],
)
def test_bad_settings(make, error, message):
    with pytest.raises(error, match=message):
        make()


@by_class
def test_all_settings_are_kept(member):
    shared = {
        "weight_decay": 0.5,
        "global_clipnorm": 2.0,
        "use_ema": True,
        "ema_momentum": 0.75,
        "ema_overwrite_frequency": 3,
        "gradient_accumulation_steps": 4,
        "name": "mine",
    }
    own = {
        name: not p.default if isinstance(p.default, bool) else p.default * 0.5
        for name, p in inspect.signature(member).parameters.items()
        if name not in inspect.signature(Optimizer).parameters
    }
    optimizer = member(0.5, **own, **shared)
    none = {"clipnorm": None, "clipvalue": None, "loss_scale_factor": None}
    assert optimizer.get_config() == {"learning_rate": 0.5, **own, **shared, **none}
    assert all(getattr(optimizer, name) == value for name, value in optimizer.get_config().items())
    assert optimizer.kernel in _core.tables()["optimizers"]  # whatever it is called


@pytest.mark.parametrize("optimizer", [made(rule, clipnorm=1) for rule in RULES], ids=list(RULES))
def test_an_optimizer_can_be_made_again(optimizer):
    written = json.loads(json.dumps(optimizers.serialize(optimizer)))
    others = [
        optimizers.deserialize(written),
        optimizers.get(written),
        type(optimizer).from_config(optimizer.get_config()),
        eval(repr(optimizer), vars(optimizers)),
        copy.deepcopy(optimizer),
        pickle.loads(pickle.dumps(optimizer)),
    ]
    for other in others:
        assert type(other) is type(optimizer)
        assert (other.kernel, other.get_config()) == (optimizer.kernel, optimizer.get_config())


def test_a_copy_takes_no_steps_along():
    optimizer = Adam()
    model = network(optimizer)
    model.apply_gradients()
    optimizer.exclude_from_weight_decay(var_list=[model.weights[0]])
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert (other.built, other.iterations) == (False, 0)
        assert other.uses_weight_decay("kernel", model.weights[0])
    assert optimizer.iterations == 1
    assert not optimizer.uses_weight_decay("kernel", model.weights[0])


def test_a_repr_has_what_is_not_the_default():
    assert repr(Adam()) == "Adam()"
    assert repr(Adam(0.5, amsgrad=True, name="mine")) == "Adam(learning_rate=0.5, amsgrad=True, name='mine')"


def test_a_schedule_is_written_and_read():
    optimizer = SGD(schedules.ExponentialDecay(0.5, decay_steps=10, decay_rate=0.25))
    written = json.loads(json.dumps(optimizers.serialize(optimizer)))
    assert written["config"]["learning_rate"]["class_name"] == "ExponentialDecay"
    other = optimizers.deserialize(written)
    assert isinstance(other.schedule, schedules.ExponentialDecay)
    assert (other.learning_rate, other.get_config()) == (0.5, optimizer.get_config())


def test_a_class_of_ones_own():
    class Slow(SGD):
        def __init__(self, learning_rate=1e-6, **others):
            super().__init__(learning_rate, **others)

    assert list(inspect.signature(Slow).parameters)[:3] == ["learning_rate", "weight_decay", "clipnorm"]
    other = optimizers.deserialize(optimizers.serialize(Slow(clipnorm=2)), custom_objects={"Slow": Slow})
    assert isinstance(other, Slow)
    assert (other.learning_rate, other.clipnorm, other.kernel) == (1e-6, 2.0, "sgd")


@pytest.mark.parametrize("name", ["RMSprop", "rmsprop", "RMSPROP"])
def test_names_are_taken_in_any_case(name):
    assert type(optimizers.get(name)) is RMSprop


@pytest.mark.parametrize(
    ("identifier", "error", "message"),
    [
        ("rmspop", ValueError, "unknown optimizer 'rmspop'; did you mean 'rmsprop'"),
        ({"class_name": "Adm", "config": {}}, ValueError, "unknown optimizer 'adm'; did you mean 'adam'"),
        ({"config": {}}, ValueError, "expected the optimizer as {'class_name': ..., 'config': ...}; got {'config'"),
        (None, TypeError, "expected the optimizer as a name or as a Optimizer; got NoneType None"),
    ],
)
def test_what_is_no_optimizer(identifier, error, message):
    with pytest.raises(error, match=message):
        optimizers.get(identifier)


# ---- weights that do not decay ----


def test_weights_are_excluded_by_what_they_are():
    optimizer = AdamW()
    model = network(optimizer)
    kernel, bias = model.layers[0].weights
    assert optimizer.uses_weight_decay("kernel", kernel)
    optimizer.exclude_from_weight_decay(var_list=[bias, model.layers[1].kernel])
    assert optimizer.uses_weight_decay("kernel", kernel)
    assert not optimizer.uses_weight_decay("bias", bias)
    assert not optimizer.uses_weight_decay("bias", bias[:])  # another view of the same numbers
    assert not optimizer.uses_weight_decay("kernel", model.weights[2])
    assert optimizer.uses_weight_decay("bias", bias.copy())


@pytest.mark.parametrize(
    ("names", "excluded"),
    [(["bias"], {"bias", "output_bias"}), (["bias", "gam+a"], {"bias", "output_bias", "gamma"}), (["^bias"], {"bias"})],
)
def test_weights_are_excluded_by_their_names(names, excluded):
    optimizer = AdamW()
    optimizer.exclude_from_weight_decay(var_names=names)
    known = {"kernel", "bias", "output_bias", "gamma"}
    assert {name for name in known if not optimizer.uses_weight_decay(name, np.zeros(1))} == excluded
    optimizer.exclude_from_weight_decay()
    assert all(optimizer.uses_weight_decay(name, np.zeros(1)) for name in known)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"var_list": ["bias"]}, "var_list must have arrays, weights of layers; got str 'bias'"),
        ({"var_names": [1]}, "var_names must have strings; got int 1"),
    ],
)
def test_bad_exclusions(given, message):
    with pytest.raises(TypeError, match=message):
        SGD().exclude_from_weight_decay(**given)
