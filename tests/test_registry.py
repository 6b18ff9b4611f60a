"""The tables of parts: every member by every name, each with its kernel in the core; and everything public."""

import inspect

import numpy as np
import pytest

import fastbp
from fastbp import SGD, Adam, _core, activations, callbacks, initializers, layers, losses, metrics, optimizers
from fastbp.metrics.metric import snake_case

MODULES = {
    activations: "ACTIVATIONS",
    initializers: "INITIALIZERS",
    losses: "LOSSES",
    metrics: "METRICS",
    optimizers: "OPTIMIZERS",
}
TABLES = [getattr(module, name) for module, name in MODULES.items()]


def needs_arguments(member):
    """Whether a class of a table cannot be made from its name alone."""
    return isinstance(member, type) and any(
        parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        for parameter in inspect.signature(member).parameters.values()
    )


MEMBERS = [
    (module, table, name)
    for module, table in zip(MODULES, TABLES, strict=True)
    for name, member in table.members.items()
    if not needs_arguments(member)
]
CLASSES = [member for member in MEMBERS if isinstance(member[1].members[member[2]], type)]
SUBMODULES = [name for name in fastbp.__all__ if inspect.ismodule(getattr(fastbp, name))]


def by_member(members):
    return pytest.mark.parametrize(
        ("module", "table", "name"), [pytest.param(*member, id=f"{member[1].kind}-{member[2]}") for member in members]
    )


# ---- names ----


def test_a_table_lists_its_members_once():
    for table in TABLES:
        assert list(table) == list(table.members)
        assert len(list(table)) > 1


@by_member(MEMBERS)
def test_a_member_is_found_by_its_name(module, table, name):
    member = module.get(name)
    assert isinstance(member, table.base)
    assert name in (member.name, getattr(member, "kernel", None), snake_case(type(member).__name__))
    assert repr(member)


@by_member(MEMBERS)
def test_an_object_is_taken_as_it_is(module, table, name):
    member = module.get(name)
    assert module.get(member) is member
    assert table.get(member) is member


@by_member(CLASSES)
def test_a_member_is_found_by_its_class_and_the_name_of_that(module, table, name):
    cls = table.members[name]
    assert type(module.get(name)) is cls
    assert type(module.get(cls)) is cls
    assert type(module.get(cls.__name__)) is cls
    assert cls.__name__ in module.__all__
    assert getattr(module, cls.__name__) is cls
    assert module.get(name) is not module.get(name)  # nobody shares settings


@pytest.mark.parametrize("name", list(activations.ACTIVATIONS))
def test_an_activation_is_reachable_as_a_name_of_its_module(name):
    assert getattr(activations, name) is activations.get(name)
    assert name in activations.__all__


@pytest.mark.parametrize("name", list(losses.LOSSES))
def test_a_loss_is_reachable_as_a_function_too(name):
    assert callable(getattr(losses, name))
    assert name in losses.__all__


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind)
def test_other_names_stand_for_members(table):
    for alias, name in table.aliases.items():
        assert name in table.members
        if not needs_arguments(table.members[name]):
            assert type(table.get(alias)) is type(table.get(name))
        assert alias not in table.members


@pytest.mark.parametrize("name", ["mse", "MSE"])
def test_mse_is_a_loss_and_a_metric(name):
    assert losses.get(name).name == "mean_squared_error"
    assert (metrics.get(name).kernel, metrics.get(name).name) == ("mean_squared_error", name)


def test_no_activation_is_linear():
    assert activations.get(None) is activations.linear


# ---- kernels ----


def test_python_and_the_core_have_the_same_activations_losses_and_metrics():
    tables = _core.tables()
    assert sorted(activations.ACTIVATIONS) == sorted(tables["activations"])
    assert sorted(losses.LOSSES) == sorted(tables["losses"])
    made = [cls if needs_arguments(cls) else cls() for cls in metrics.METRICS.members.values()]
    assert {metric.kernel for metric in made} - {None} == set(tables["metrics"])


OPTIMIZERS = [SGD(), SGD(momentum=0.9), SGD(momentum=0.9, nesterov=True), Adam()]


def test_every_kernel_of_an_optimizer_is_reachable():
    assert sorted(optimizer.kernel for optimizer in OPTIMIZERS) == sorted(_core.tables()["optimizers"])
    assert {optimizer.name for optimizer in OPTIMIZERS} == set(optimizers.OPTIMIZERS)


def test_nesterov_without_momentum_is_plain_descent():
    assert SGD(nesterov=True).kernel == "sgd"


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.kernel)
def test_an_optimizer_gives_its_kernel_what_it_asks_for(optimizer):
    fields = _core.optimizer_fields(optimizer.kernel)[1]
    assert all(isinstance(getattr(optimizer, field), float) for field in fields)
    assert "learning_rate" in fields


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.kernel)
def test_an_optimizer_can_be_made_again_from_its_config_and_its_repr(optimizer):
    for other in (type(optimizer)(**optimizer.get_config()), eval(repr(optimizer), {"SGD": SGD, "Adam": Adam})):
        assert (other.kernel, other.get_config()) == (optimizer.kernel, optimizer.get_config())


def test_a_config_has_every_argument():
    for optimizer in (SGD(0.5, 0.25, True), Adam(0.5, 0.25, 0.125, 0.0625)):
        assert list(optimizer.get_config()) == list(inspect.signature(type(optimizer)).parameters)
        assert list(optimizer.get_config().values())[:2] == [0.5, 0.25]


@pytest.mark.parametrize("name", list(losses.LOSSES))
def test_python_and_the_core_agree_on_which_losses_and_metrics_take_labels(name):
    outputs = fastbp.Sequential([fastbp.Input((2,)), fastbp.Dense(3, "softmax")])
    made = [cls() for cls in metrics.METRICS.members.values() if not needs_arguments(cls)]
    for metric in made:
        if metric.kernel and metric.sparse == losses.get(name).sparse:
            outputs.compile(loss=name, metrics=[metric])
            y = [0, 2] if losses.get(name).sparse else np.eye(3)[[0, 2]]
            assert np.isfinite(np.hstack(outputs.evaluate(np.ones((2, 2)), y))).all()


# ---- activations by themselves ----

FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
    "tanh": np.tanh,
}


def test_every_activation_has_its_formula_here():
    assert set(FORMULAS) == set(activations.ACTIVATIONS)


@pytest.mark.parametrize("shape", [(7,), (1, 1), (5, 3), (4, 17), (2, 3, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", ">f8"])
@pytest.mark.parametrize("name", FORMULAS)
def test_an_activation_is_its_formula_on_any_shape(name, dtype, shape):
    x = (3 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    values = activations.get(name)(x)
    expected = FORMULAS[name](x.astype("float64"))
    eps = np.finfo("float32" if dtype == "float32" else "float64").eps
    assert values.shape == shape
    assert values.dtype == (np.float32 if dtype == "float32" else np.float64)
    np.testing.assert_allclose(values, expected, rtol=8 * eps, atol=8 * eps)


def test_an_activation_takes_a_number_and_lists():
    assert activations.relu(-3.0) == 0
    assert activations.relu([[1, -1]]).tolist() == [[1, 0]]


# ---- everything public ----


@pytest.mark.parametrize("name", SUBMODULES)
def test_a_submodule_has_what_it_lists(name):
    module = getattr(fastbp, name)
    assert module.__name__ == f"fastbp.{name}"
    assert module.__doc__
    for public in module.__all__:
        assert getattr(module, public) is not None
    assert len(set(module.__all__)) == len(module.__all__)


def test_names_of_the_package_are_those_of_its_submodules():
    for name in fastbp.__all__:
        thing = getattr(fastbp, name)
        if not inspect.ismodule(thing) and callable(thing):
            assert any(getattr(getattr(fastbp, module), name, None) is thing for module in [*SUBMODULES, "config"])


def test_keras_names_are_where_keras_has_them():
    for name in ("Sequential", "Input", "layers", "optimizers", "losses", "metrics", "callbacks", "initializers"):
        assert hasattr(fastbp, name)
    assert fastbp.models.Sequential is fastbp.Sequential
    assert fastbp.layers.Dense is fastbp.Dense
    assert fastbp.callbacks.EarlyStopping is fastbp.EarlyStopping
    assert fastbp.optimizers.Adam is fastbp.Adam


BASES = {table.base for table in TABLES} | {layers.Layer}  # their members have the examples
WITHOUT_EXAMPLE = BASES | {callbacks.Callback, callbacks.CallbackList, callbacks.History}


def public_things():
    for name in sorted({"config", *SUBMODULES} - {"reference"}):  # that is one text, with its examples at its head
        module = getattr(fastbp, name)
        for public in module.__all__:
            thing = getattr(module, public)
            if (inspect.isclass(thing) or callable(thing)) and not inspect.ismodule(thing):
                yield pytest.param(thing, id=f"{name}.{public}")


@pytest.mark.parametrize("thing", list(public_things()))
def test_everything_public_is_documented_with_an_example(thing):
    assert thing.__doc__
    assert (thing in WITHOUT_EXAMPLE) or ">>> " in thing.__doc__
