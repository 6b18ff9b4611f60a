"""The tables of parts: every member by every name, each with its kernel in the core; and everything public."""

import inspect

import numpy as np
import pytest
from every_optimizer import RULES

import fastbp
from fastbp import (
    _core,
    activations,
    callbacks,
    constraints,
    converters,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from fastbp.metrics.metric import snake_case

MODULES = {
    activations: "ACTIVATIONS",
    constraints: "CONSTRAINTS",
    initializers: "INITIALIZERS",
    losses: "LOSSES",
    metrics: "METRICS",
    optimizers: "OPTIMIZERS",
    regularizers: "REGULARIZERS",
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


# ---- kernels ----


def test_python_and_the_core_have_the_same_losses_and_metrics():
    tables = _core.tables()
    assert sorted(losses.LOSSES) == sorted(tables["losses"])
    made = [cls if needs_arguments(cls) else cls() for cls in metrics.METRICS.members.values()]
    assert {metric.kernel for metric in made} - {None} == set(tables["metrics"])


OPTIMIZERS = [rule(**options) for rule, options in RULES.values()] + [optimizers.AdamW()]


def test_every_kernel_of_an_optimizer_is_reachable():
    assert sorted(RULES) == sorted(_core.tables()["optimizers"])
    assert {optimizer.name for optimizer in OPTIMIZERS} == set(optimizers.OPTIMIZERS)


def test_nesterov_without_momentum_is_plain_descent():
    assert optimizers.SGD(nesterov=True).kernel == "sgd"


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.kernel)
def test_an_optimizer_gives_its_kernel_what_it_asks_for(optimizer):
    fields = _core.optimizer_fields(optimizer.kernel)[1]
    assert all(isinstance(getattr(optimizer, field), float) for field in fields)
    assert "learning_rate" in fields


@pytest.mark.parametrize("name", list(losses.LOSSES))
def test_python_and_the_core_agree_on_which_losses_and_metrics_take_labels(name):
    outputs = fastbp.Sequential([fastbp.Input((2,)), fastbp.Dense(3, "softmax")])
    made = [cls() for cls in metrics.METRICS.members.values() if not needs_arguments(cls)]
    for metric in made:
        if metric.kernel and metric.sparse == losses.get(name).sparse:
            outputs.compile(loss=name, metrics=[metric])
            y = [0, 2] if losses.get(name).sparse else np.eye(3)[[0, 2]]
            assert np.isfinite(np.hstack(outputs.evaluate(np.ones((2, 2)), y))).all()


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
WITHOUT_EXAMPLE |= {converters.to_keras, converters.to_torch}  # which need what may not be there


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
