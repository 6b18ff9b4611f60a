"""Metrics streamed in uneven batches beside Keras's of all samples, with and without weights."""

import inspect
import re
import warnings

import numpy as np
import pytest
from peer_keras import keras

from fastbp import metrics
from fastbp.metrics.metric import snake_case

EPS = np.finfo("float32").eps  # Keras adds up in float32
SAMPLES = 60
BATCHES = (slice(0, 7), slice(7, 8), slice(8, 60))


def data(kind, columns):
    """Targets and outputs (60, columns), in float32."""
    rng = np.random.default_rng(columns)
    z = rng.standard_normal((SAMPLES, columns)).astype("float32")
    binary = rng.integers(0, 2, z.shape).astype("float32")
    labels = rng.integers(0, columns, SAMPLES)
    one_hot = np.eye(columns, dtype="float32")[labels]
    shares = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return {
        "numbers": (rng.standard_normal(z.shape).astype("float32"), z),
        "counts": (rng.integers(0, 4, z.shape).astype("float32"), np.exp(z)),
        "equal": (rng.integers(0, 3, z.shape), rng.integers(0, 3, z.shape).astype("float32")),
        "signs": (2 * binary - 1, z),
        "binary": (binary, rng.random(z.shape).astype("float32")),
        "ties": (binary, rng.integers(0, 9, z.shape).astype("float32") / 8),
        "negative": (np.zeros_like(binary), rng.random(z.shape).astype("float32")),
        "binary logits": (binary, 3 * z),
        "classes": (one_hot, shares),
        "class logits": (one_hot, 3 * z),
        "labels": (labels, shares),
        "label logits": (labels, 3 * z),
    }[kind]


COUNTS = ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "Precision", "Recall")
SEVERAL = {"thresholds": [0.7, 0.1, 0.4]}
EVEN = {"thresholds": [0.0, 0.5, 1.0]}  # Keras has another way for these
BEST = {
    "SensitivityAtSpecificity": "specificity",
    "SpecificityAtSensitivity": "sensitivity",
    "PrecisionAtRecall": "recall",
    "RecallAtPrecision": "precision",
}
CURVES = [(curve, method) for curve in ("ROC", "PR", "PRGAIN") for method in ("interpolation", "minoring", "majoring")]

REQUIRED = {snake_case(name): {least: 0.5} for name, least in BEST.items()} | {"mean_metric_wrapper": {"fn": np.add}}

CASES = [
    ("Accuracy", {}, "equal"),
    ("BinaryAccuracy", {}, "binary"),
    ("BinaryAccuracy", {"threshold": 0.25}, "ties"),
    ("CategoricalAccuracy", {}, "classes"),
    ("CategoricalAccuracy", {}, "ties"),
    ("SparseCategoricalAccuracy", {}, "labels"),
    ("TopKCategoricalAccuracy", {}, "classes"),
    ("TopKCategoricalAccuracy", {"k": 2}, "ties"),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, "labels"),
    *((name, {}, kind) for name in COUNTS for kind in ("ties", "negative")),
    *((name, SEVERAL, "ties") for name in COUNTS),
    *((name, EVEN, "binary logits") for name in ("TruePositives", "TrueNegatives", "Recall")),
    *((name, {"top_k": 1}, "ties") for name in ("Precision", "Recall")),
    ("Precision", {"top_k": 3, "thresholds": 0.25, "class_id": 2}, "ties"),
    ("Recall", {"class_id": 0, **SEVERAL}, "binary"),
    *((name, {least: 0.6}, "binary") for name, least in BEST.items()),
    *((name, {least: 0.5, "num_thresholds": 9}, "ties") for name, least in BEST.items()),
    *((name, {least: 0.9, "num_thresholds": 2, "class_id": 0}, "binary logits") for name, least in BEST.items()),
    ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 1}, "binary"),
    *(("AUC", {"curve": curve, "summation_method": method}, "binary") for curve, method in CURVES),
    *(("AUC", {"curve": curve, "thresholds": [0.9, 0.25, 0.3]}, "ties") for curve in ("ROC", "PR")),
    *(("AUC", {"curve": curve, "multi_label": True}, "ties") for curve in ("ROC", "PR")),
    *(("AUC", {"curve": curve, "num_thresholds": 9}, "negative") for curve in ("ROC", "PR")),
    ("AUC", {"num_thresholds": 9}, "ties"),
    ("AUC", {"thresholds": [0.25, 0.5, 0.75]}, "binary logits"),
    ("AUC", {"from_logits": True}, "binary logits"),
    ("AUC", {"multi_label": True, "label_weights": True}, "binary"),
    ("AUC", {"label_weights": True}, "binary"),
    *(("F1Score", {"average": average}, "ties") for average in (None, "micro", "macro", "weighted")),
    ("F1Score", {"threshold": 0.5}, "negative"),
    ("FBetaScore", {"average": "weighted", "beta": 2.0, "threshold": 0.5}, "binary"),
    ("MeanSquaredError", {}, "numbers"),
    ("RootMeanSquaredError", {}, "numbers"),
    ("MeanAbsoluteError", {}, "numbers"),
    ("MeanAbsolutePercentageError", {}, "numbers"),
    ("MeanSquaredLogarithmicError", {}, "counts"),
    ("LogCoshError", {}, "numbers"),
    ("CosineSimilarity", {}, "numbers"),
    ("R2Score", {"class_aggregation": None}, "numbers"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "numbers"),
    ("R2Score", {"num_regressors": 2}, "numbers"),
    ("Poisson", {}, "counts"),
    ("KLDivergence", {}, "classes"),
    ("Hinge", {}, "signs"),
    ("Hinge", {}, "binary logits"),
    ("SquaredHinge", {}, "signs"),
    ("SquaredHinge", {}, "binary logits"),
    ("CategoricalHinge", {}, "class logits"),
    ("BinaryCrossentropy", {}, "binary"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.25}, "binary logits"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.25}, "classes"),
    ("CategoricalCrossentropy", {"from_logits": True}, "class logits"),
    ("SparseCategoricalCrossentropy", {}, "labels"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "label logits"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 0}, "labels"),
]


def pair(name, arguments, columns):
    """The metric and Keras's."""
    if "label_weights" in arguments:
        arguments = arguments | {"label_weights": np.linspace(1, 2, columns).tolist()}
    return getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)


def size(name, columns, weight):
    """What sums of Keras's are as large as: it takes small counts as differences of these."""
    return columns * weight.sum() if name in COUNTS[:4] else 1.0


def tries():
    """Each case on one shape, and the first of each metric on more."""
    seen = set()
    for name, arguments, kind in CASES:
        for columns, weighted in [(3, True)] if name in seen else [(1, True), (3, False), (17, True)]:
            yield name, arguments, kind, columns, weighted
        seen.add(name)


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "columns", "weighted"), list(tries()), ids=lambda value: str(value).replace(" ", "")
)
def test_a_metric_is_keras_metric(name, arguments, kind, columns, weighted):
    true, pred = data(kind, columns)
    weight = np.random.default_rng(1).random(SAMPLES).astype("float32") if weighted else np.ones(SAMPLES)
    ours, theirs = pair(name, arguments, columns)
    for rows in BATCHES:
        ours.update_state(true[rows], pred[rows], sample_weight=weight[rows] if weighted else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # of a cross-entropy over a single class
        theirs.update_state(true, pred, sample_weight=weight if weighted else None)
    expected = np.asarray(theirs.result(), np.float64)
    np.testing.assert_allclose(ours.result(), expected, rtol=1e-5, atol=8 * EPS * size(name, columns, weight))
    assert np.shape(ours.result()) == expected.shape
    ours.reset_state()
    assert ours.result() == 0.0


def test_every_metric_is_tried_here():
    tried = {name for name, *_ in CASES} | {"Mean", "Sum", "MeanMetricWrapper"}
    assert tried == {cls.__name__ for cls in metrics.METRICS.members.values()}


@pytest.mark.parametrize("weight", [None, [1.0, 0.5, 0.0]])
@pytest.mark.parametrize("values", [[1.0, 2.0, 4.0], [[1.0, 3.0], [2.0, 5.0], [4.0, 0.0]]])
@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_means_and_sums_of_values(name, values, weight):
    ours, theirs = pair(name, {}, 1)
    for _ in range(2):
        assert ours(values, sample_weight=weight) == pytest.approx(
            float(theirs(values, sample_weight=weight)), rel=1e-6
        )


@pytest.mark.parametrize("weight", [None, np.float32([1.0, 0.5, 0.0])])
@pytest.mark.parametrize(
    "function",
    [
        lambda true, pred: abs(true - pred).max(axis=-1),
        lambda true, pred: abs(true - pred),
        lambda true, pred: (true - pred).max(axis=-1)[:, None],
    ],
    ids=["by sample", "by output", "column"],
)
def test_a_function_as_a_metric(function, weight):
    true, pred = (part[:3] for part in data("numbers", 4))
    ours, theirs = metrics.MeanMetricWrapper(function), keras.metrics.MeanMetricWrapper(function)
    for _ in range(2):
        expected = float(theirs(true, pred, sample_weight=weight))
        assert ours(true, pred, sample_weight=weight) == pytest.approx(expected, rel=1e-6)


KERAS_NAMES = keras.src.metrics.ALL_OBJECTS_DICT
LEFT_OUT = {"SparseTopKCategoricalAccuracy": {"from_sorted_ids"}}


@pytest.mark.parametrize("name", list(metrics.METRICS))
def test_names_and_arguments_are_keras(name):
    cls = metrics.METRICS.members[name]
    theirs = getattr(keras.metrics, cls.__name__)
    assert KERAS_NAMES[name] is theirs
    left_out = LEFT_OUT.get(cls.__name__, set())
    arguments = [
        (p.name, p.default, p.kind)
        for p in inspect.signature(theirs.__init__).parameters.values()
        if p.name not in left_out
    ]
    assert [(p.name, p.default, p.kind) for p in inspect.signature(cls.__init__).parameters.values()] == arguments
    name_of_theirs = re.sub(r"_\d+$", "", theirs(**REQUIRED.get(name, {})).name)  # Keras counts some of them
    assert cls(**REQUIRED.get(name, {})).name == name_of_theirs


@pytest.mark.parametrize("alias", list(metrics.METRICS.aliases))
def test_other_names_are_keras(alias):
    cls = metrics.METRICS.members[metrics.METRICS.aliases[alias]]
    assert KERAS_NAMES[alias] is getattr(keras.metrics, cls.__name__)
