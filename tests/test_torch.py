"""The core against PyTorch, where it is installed: ten steps of every loss and optimiser."""

import numpy as np
import pytest

import fastbp
from fastbp import _core, optimizers

torch = pytest.importorskip("torch")

EPS = float(np.finfo(np.float64).eps)


def torch_network(model, activations):
    layers = []
    for (kernel, bias), activation in zip(
        zip(model.get_weights()[::2], model.get_weights()[1::2], strict=True), activations, strict=True
    ):
        linear = torch.nn.Linear(*kernel.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(kernel.T.copy()))
            linear.bias.copy_(torch.from_numpy(bias))
        layers += [linear, *([activation()] if activation else [])]
    return torch.nn.Sequential(*layers)


LOSSES = {
    "mean_squared_error": ("linear", torch.nn.MSELoss()),
    "binary_crossentropy": ("sigmoid", torch.nn.BCEWithLogitsLoss()),
    "categorical_crossentropy": ("softmax", torch.nn.CrossEntropyLoss()),
    "sparse_categorical_crossentropy": ("softmax", torch.nn.CrossEntropyLoss()),
}
# PyTorch's momentum puts the learning rate outside, which is the same while the rate is constant. It adds epsilon to
# roots, and to √(v / (1 - β₂ᵗ)) where Keras adds it to √v or v: with a tiny epsilon all are one. It has no Lion.
TINY = 1e-30
OPTIMIZERS = {
    "sgd": (lambda: fastbp.SGD(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": (lambda: fastbp.SGD(0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "nesterov": (
        lambda: fastbp.SGD(0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    ),
    "adam": (lambda: fastbp.Adam(0.01, epsilon=TINY), lambda p: torch.optim.Adam(p, lr=0.01, eps=TINY)),
    "amsgrad": (
        lambda: fastbp.Adam(0.01, epsilon=TINY, amsgrad=True),
        lambda p: torch.optim.Adam(p, lr=0.01, eps=TINY, amsgrad=True),
    ),
    "nadam": (
        lambda: optimizers.Nadam(0.01, epsilon=TINY),
        lambda p: torch.optim.NAdam(p, lr=0.01, eps=TINY, momentum_decay=1),
    ),
    "adamax": (lambda: optimizers.Adamax(0.01, epsilon=TINY), lambda p: torch.optim.Adamax(p, lr=0.01, eps=TINY)),
    "adagrad": (
        lambda: optimizers.Adagrad(0.01, epsilon=TINY),
        lambda p: torch.optim.Adagrad(p, lr=0.01, eps=TINY, initial_accumulator_value=0.1),
    ),
    "adadelta": (lambda: optimizers.Adadelta(1.0), lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.95, eps=1e-7)),
} | {
    optimizers.RMSprop(**options).kernel: (
        lambda options=options: optimizers.RMSprop(0.01, epsilon=TINY, **options),
        lambda p, options=options: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=TINY, **options),
    )
    for options in ({}, {"momentum": 0.9}, {"centered": True}, {"momentum": 0.9, "centered": True})
}


def test_every_rule_that_pytorch_has_is_compared():
    assert set(OPTIMIZERS) == set(_core.tables()["optimizers"]) - {"lion"}


@pytest.fixture
def torch_in_double():
    """PyTorch's Nadam keeps its product of momentums in the default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("torch_in_double")
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_ten_steps_are_those_of_pytorch(optimizer, loss):
    head, torch_loss = LOSSES[loss]
    rng = np.random.default_rng(0)
    n, outputs = 160, 3
    x = rng.normal(size=(n, 7))
    labels = rng.integers(0, outputs, n)
    if loss.startswith("sparse"):
        y, torch_y = labels, torch.from_numpy(labels)
    else:
        y = np.eye(outputs)[labels] if "cross" in loss else rng.normal(size=(n, outputs))
        torch_y = torch.from_numpy(y)
    model = fastbp.Sequential(
        [fastbp.Dense(17, "tanh"), fastbp.Dense(9, "sigmoid"), fastbp.Dense(outputs, head)], dtype="float64", seed=2
    )
    model.build(7)
    ours, theirs = OPTIMIZERS[optimizer]
    network = torch_network(model, [torch.nn.Tanh, torch.nn.Sigmoid, None])
    torch_optimizer = theirs(network.parameters())
    model.compile(ours(), loss)
    for first in range(0, n, 16):
        rows = slice(first, first + 16)
        value = model.train_on_batch(x[rows], y[rows])
        torch_optimizer.zero_grad()
        torch_value = torch_loss(network(torch.from_numpy(x[rows])), torch_y[rows])
        torch_value.backward()
        torch_optimizer.step()
        # Ten steps, each with rounding of a few eps; Adam magnifies relative errors of slopes of order 1e-3.
        assert value == pytest.approx(torch_value.item(), rel=0, abs=1e4 * EPS)
    for ours_w, theirs_w in zip(model.get_weights(), network.parameters(), strict=True):
        np.testing.assert_allclose(ours_w, theirs_w.detach().numpy().T, rtol=0, atol=1e5 * EPS)
