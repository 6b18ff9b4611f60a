"""The sums that metrics are computed from, of every instruction set and precision, against NumPy."""

import numpy as np
import pytest

from fastbp import _core

EPS = np.finfo("float64").eps
SIZES = [(samples, nodes) for samples in (1, 5, 33, 300) for nodes in (1, 3, 17)]


# ---- the sums, from targets t (n, m) or labels t (n), outputs y (n, m) and weights w (n) ----


def top_k(classes, y, k):
    return (y > y[np.arange(len(y)), classes][:, None]).sum(axis=1) < k


MEANS = {  # of a value for each sample
    "accuracy": lambda t, y: (y == t).mean(axis=1),
    "binary_accuracy": lambda t, y, threshold: ((y > threshold) == t).mean(axis=1),
    "categorical_accuracy": lambda t, y: y.argmax(axis=1) == t.argmax(axis=1),
    "sparse_categorical_accuracy": lambda t, y: y.argmax(axis=1) == t,
    "top_k_categorical_accuracy": lambda t, y, k: top_k(t.argmax(axis=1), y, k),
    "sparse_top_k_categorical_accuracy": top_k,
}


def confusion(t, y, w, k, class_id, by_node, count, *thresholds):
    y = y.copy()
    if k:
        np.put_along_axis(y, np.argsort(-y, axis=1, kind="stable")[:, k:], -np.inf, axis=1)
    state = np.zeros((y.shape[1] if by_node else 1, 2, count + 1))
    for c in range(y.shape[1]) if class_id < 0 else [class_id]:
        exceeded = (y[:, c, None] > np.array(thresholds, y.dtype)).sum(axis=1)
        np.add.at(state[c if by_node else 0], ((t[:, c] != 0).astype(int), exceeded), w)
    return state


def f_beta_score(t, y, w, threshold):
    positive = y > threshold if threshold else (y == y.max(axis=1, keepdims=True)) & (abs(y) > 1e-9)
    return np.stack([w @ (positive * t), w @ positive, w @ t], axis=1)


def r2_score(t, y, w):
    t, y = t.astype("float64"), y.astype("float64")
    return [len(w), w.sum(), *np.stack([w @ t, w @ t**2, w @ (t - y) ** 2], axis=1).ravel()]


SUMS = {"confusion": confusion, "f_beta_score": f_beta_score, "r2_score": r2_score}

LOSSES = [  # whose mean is a metric, their settings, and whether of logits
    ("mean_squared_error", [], False),
    ("mean_absolute_error", [], False),
    ("mean_absolute_percentage_error", [], False),
    ("mean_squared_logarithmic_error", [], False),
    ("log_cosh", [], False),
    ("cosine_similarity", [], False),
    ("poisson", [], False),
    ("kl_divergence", [], False),
    ("hinge", [], False),
    ("squared_hinge", [], False),
    ("categorical_hinge", [], False),
    *(("binary_crossentropy", [smoothing], logits) for smoothing in (0.0, 0.25) for logits in (False, True)),
    *(("categorical_crossentropy", [smoothing], logits) for smoothing in (0.0, 0.25) for logits in (False, True)),
    *(("sparse_categorical_crossentropy", [label], logits) for label in (-1.0, 0.0) for logits in (False, True)),
]

SETTINGS = {
    "binary_accuracy": [[0.5], [0.25]],
    "top_k_categorical_accuracy": [[1], [2], [30]],
    "sparse_top_k_categorical_accuracy": [[1], [2], [30]],
    "confusion": [
        [0, -1, 0, 1, 0.5],
        [0, -1, 1, 4, 0.0, 0.25, 0.25, 0.625],
        [1, -1, 0, 1, -np.inf],
        [2, 0, 1, 3, -np.inf, 0.2, np.inf],
        [0, 0, 0, 0],
        [0, -1, 0, 200, *np.linspace(-0.01, 1.01, 200)],
    ],
    "f_beta_score": [[0.0], [0.5]],
}


# ---- data with many ties ----


def data(name, samples, nodes, dtype):
    rng = np.random.default_rng(samples + nodes)
    y = (rng.integers(1, 9, (samples, nodes)) / 8).astype(dtype)
    if "sparse" in name:
        t = rng.integers(0, nodes, samples).astype("int32")
    else:
        t = (rng.integers(0, 4, (samples, nodes)) / 2 if name == "r2_score" else rng.integers(0, 2, y.shape)).astype(
            dtype
        )
    return t, y, rng.random(samples).astype(dtype)


def cases(names):
    return [(name, settings) for name in names for settings in SETTINGS.get(name, [[]])]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize(("name", "settings"), cases([*MEANS, *SUMS]))
def test_a_kernel_adds_up_its_formula(name, settings, isa, dtype):
    for samples, nodes in SIZES:
        t, y, w = data(name, samples, nodes, dtype)
        for weights in (None, w):
            ones = np.ones(samples) if weights is None else w.astype("float64")
            if name in MEANS:
                values = MEANS[name](t, y, *settings)
                expected = [(ones * values).sum(), ones.sum()]
            else:
                expected = np.ravel(SUMS[name](t, y, ones, *settings))
            state = _core.metric(y, t, name, settings, weights, isa)
            rounded = EPS * np.sqrt(samples) + (np.finfo(dtype).eps if name in MEANS else 0)
            np.testing.assert_allclose(state, expected, rtol=8 * rounded, atol=0, err_msg=f"{samples} x {nodes}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize(("name", "settings", "from_logits"), LOSSES)
def test_the_mean_of_a_loss_adds_up_its_kernel(name, settings, from_logits, isa, dtype):
    for samples, nodes in SIZES:
        t, y, w = data(name, samples, nodes, dtype)
        signs = np.where(t == 0, -1, t).astype(dtype) if name in ("hinge", "squared_hinge") else t
        values = _core.loss(y, signs, name, from_logits, settings, isa)[0].astype("float64")
        for weights in (None, w):
            ones = np.ones(samples) if weights is None else w.astype("float64")
            if "sparse" in name:
                ones = ones * (t != settings[0])  # the class that is ignored
            state = _core.metric(y, t, name, [from_logits, *settings], weights, isa)
            np.testing.assert_allclose(state, [ones @ values, ones.sum()], rtol=8 * EPS * np.sqrt(samples), atol=0)


def test_every_kernel_is_tried_here():
    tried = [*MEANS, *SUMS, *(name for name, _, _ in LOSSES)]
    assert set(tried) == set(_core.tables()["metrics"])


def test_a_list_of_settings_is_as_long_as_it_says():
    t, y, _ = data("confusion", 5, 3, "float32")
    for settings in ([0, -1, 0], [0, -1, 0, 2, 0.5], [0, -1, 0, 1, 0.5, 0.5], [0, -1, 0, -1], [0, -1, 0, np.nan]):
        with pytest.raises(ValueError, match=r"confusion takes 4 settings, and as many more as the last says; got \d"):
            _core.metric(y, t, "confusion", settings)


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize(
    ("name", "settings"), [("sparse_categorical_accuracy", []), ("sparse_top_k_categorical_accuracy", [2])]
)
def test_a_label_that_is_no_outputs_is_never_right(name, settings, isa):
    """A loss may ignore it, and its metrics get it all the same."""
    y = np.full((4, 3), -1.0)
    assert _core.metric(y, np.full(4, -1, "int32"), name, settings, None, isa) == [0.0, 4.0]
