"""Metrics by themselves, and as training reports them.

Their sums are tested in test_metric_kernels, and they beside Keras's in test_metrics_keras.
"""

import inspect
import json

import numpy as np
import pytest

from fastbp import Dense, Input, Sequential, losses, metrics

EPS = np.finfo("float64").eps
REQUIRED = {  # the arguments without which a metric cannot be made
    "sensitivity_at_specificity": {"specificity": 0.5},
    "specificity_at_sensitivity": {"sensitivity": 0.5},
    "precision_at_recall": {"recall": 0.5},
    "recall_at_precision": {"precision": 0.5},
}
BY_HAND = {"mean", "sum", "mean_metric_wrapper"}  # without a kernel
NAMES = [name for name in metrics.METRICS if name not in BY_HAND]
FOR_LABELS = [name for name in NAMES if metrics.METRICS.members[name].__name__.startswith("Sparse")]


def make(name, **arguments):
    return metrics.METRICS.members[name](**REQUIRED.get(name, {}), **arguments)


def data(name, rows=40, columns=5, seed=0):
    """Targets and predictions that every metric can be tried on: shares, some of them right, and one-hot or labels."""
    rng = np.random.default_rng(seed)
    labels, y_pred = rng.integers(0, columns, rows), rng.dirichlet(np.ones(columns), rows)
    one_hot = np.eye(columns)[labels]
    y_pred[::3] = one_hot[::3]
    return (labels if make(name).sparse else one_hot), y_pred


# ---- every metric ----


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_fed_in_batches_is_that_of_all(name):
    t, y = data(name)
    weight = np.random.default_rng(3).random(40)
    once, metric = make(name), make(name)
    expected = once(t, y, weight)
    for rows in (slice(0, 7), slice(7, 8), slice(8, 40)):
        metric.update_state(t[rows], y[rows], sample_weight=weight[rows])
    assert metric.result() == pytest.approx(expected, rel=8 * EPS * np.sqrt(40))
    assert np.all(expected != 0)
    metric.reset_state()
    assert metric.result() == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_weight_2_counts_as_two(name):
    t, y = data(name)
    weight = np.random.default_rng(4).integers(0, 4, 40)
    expected = make(name)(np.repeat(t, weight, axis=0), np.repeat(y, weight, axis=0))
    for given in (weight, weight[:, None], weight.tolist()):
        assert make(name)(t, y, sample_weight=given) == pytest.approx(expected, rel=8 * EPS * np.sqrt(40))


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_that_saw_only_weights_of_zero_is_zero(name):
    assert np.all(make(name)(*data(name), sample_weight=np.zeros(40)) == 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_metrics_take_any_layout_and_precision(name):
    t, y = data(name)
    expected = make(name)(t, y)
    assert np.array_equal(make(name)(np.asfortranarray(t), np.repeat(y, 2, axis=1)[:, ::2]), expected)
    y32 = y.astype("float32")
    single = make(name)(t, y32)
    assert single == pytest.approx(make(name)(t, y32.astype("float64")), rel=1e-5)
    assert np.array_equal(make(name, dtype="float32")(t, y), single)
    assert np.array_equal(make(name, dtype=np.float64)(t, y32), make(name)(t, y32.astype("float64")))


@pytest.mark.parametrize("name", ["f1_score", "f_beta_score", "r2_score"])
def test_a_metric_of_each_output_has_seen_so_many(name):
    metric = make(name)
    metric.update_state(*data(name))
    with pytest.raises(
        ValueError, match=f"metric {metric.name} has seen another number of outputs than 6: reset_state"
    ):
        metric.update_state(*data(name, columns=6))
    metric.reset_state()
    metric.update_state(*data(name, columns=6))


# ---- values ----


def shares(threshold, t, y, w):
    """Precision and recall."""
    hits = (w * (t != 0) * (y > threshold)).sum()
    return hits / (w * (y > threshold)).sum(), hits / (w * (t != 0)).sum()


def test_precision_and_recall_are_their_definitions():
    rng = np.random.default_rng(0)
    t, y, w = rng.integers(0, 2, (50, 3)), rng.integers(0, 9, (50, 3)) / 8, rng.random((50, 1))
    levels = [0.5, 0.125, 0.5, 0.75]  # in any order, and some more than once
    expected = np.transpose([shares(level, t, y, w) for level in levels])
    np.testing.assert_allclose(metrics.Precision(levels)(t, y, w), expected[0], rtol=16 * EPS)
    np.testing.assert_allclose(metrics.Recall(tuple(levels))(t, y, w), expected[1], rtol=16 * EPS)
    only = [shares(0.5, t[:, [c]], y[:, [c]], w) for c in range(3)]
    for c in range(3):
        assert metrics.Precision(class_id=c)(t, y, w) == pytest.approx(only[c][0], rel=16 * EPS)
        assert metrics.Recall(0.5, class_id=c)(t, y, w) == pytest.approx(only[c][1], rel=16 * EPS)


def test_counts_add_up_to_all_weights():
    t, y = data("precision")
    weight = np.random.default_rng(1).random(40)
    counts = [
        cls([0.0, 0.3, 1.0])(t, y, weight)
        for cls in (metrics.TruePositives, metrics.FalsePositives, metrics.TrueNegatives, metrics.FalseNegatives)
    ]
    np.testing.assert_allclose(sum(counts), 5 * weight.sum(), rtol=16 * EPS)
    np.testing.assert_allclose(counts[0] + counts[3], weight.sum(), rtol=16 * EPS)


@pytest.mark.parametrize("cls", [metrics.Precision, metrics.Recall, metrics.F1Score, metrics.AUC])
def test_without_positives_there_is_nothing_to_find(cls):
    t = np.zeros((4, 2))
    assert np.all(cls()(t, np.full((4, 2), 0.75)) == 0.0)
    assert np.all(cls()(t, np.full((4, 2), 0.25)) == 0.0)


def test_an_output_at_a_threshold_is_not_above_it():
    for dtype in ("float32", "float64"):
        y = np.array([[0.1], [0.2], [0.3]], dtype)
        assert metrics.TruePositives([0.1, 0.2, 0.3])(np.ones((3, 1)), y).tolist() == [2, 1, 0]
    assert metrics.BinaryAccuracy()([[1], [0], [1], [0]], [[0.5], [0.5], [0.50001], [0.49999]]) == 0.75


def test_ties_go_to_the_first_of_the_largest():
    tied = [[0.4, 0.4, 0.2]]
    assert metrics.SparseCategoricalAccuracy()([0], tied) == 1.0
    assert metrics.SparseCategoricalAccuracy()([1], tied) == 0.0
    assert metrics.CategoricalAccuracy()([[0, 1, 1]], [[0.1, 0.5, 0.5]]) == 1.0
    assert metrics.Precision(top_k=1)([[1, 0, 0]], tied) == 1.0
    assert metrics.Precision(top_k=1)([[0, 1, 0]], tied) == 0.0


def test_ties_at_the_kth_place_all_count_in_top_k_accuracy():
    for label, right in ((0, 1.0), (1, 1.0), (2, 0.0)):
        assert metrics.SparseTopKCategoricalAccuracy(k=1)([label], [[0.4, 0.4, 0.2]]) == right


@pytest.mark.parametrize("accuracy", [metrics.SparseCategoricalAccuracy(), metrics.SparseTopKCategoricalAccuracy(1)])
def test_a_nan_is_no_right_class(accuracy):
    assert accuracy([1], [[0.5, np.nan]]) == 0.0


def area(t, y):
    """The share of pairs of a positive and a negative where the positive's output is larger; ties count half."""
    above, below = y[t == 1][:, None], y[t == 0]
    return ((above > below) + 0.5 * (above == below)).mean()


def test_the_area_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    t, y = rng.integers(0, 2, (60, 3)), rng.integers(0, 9, (60, 3)) / 8
    levels = np.arange(9) / 8
    assert metrics.AUC(thresholds=levels)(t, y) == pytest.approx(area(t, y), rel=32 * EPS)
    each = [area(t[:, c], y[:, c]) for c in range(3)]
    assert metrics.AUC(thresholds=levels, multi_label=True)(t, y) == pytest.approx(np.mean(each), rel=32 * EPS)
    weighted = metrics.AUC(thresholds=levels, multi_label=True, num_labels=3, label_weights=[1, 2, 0])
    assert weighted(t, y) == pytest.approx(np.average(each, weights=[1, 2, 0]), rel=32 * EPS)
    single = metrics.AUC(thresholds=levels, label_weights=[0, 1, 0])
    assert single(t, y) == pytest.approx(each[1], rel=32 * EPS)


@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
def test_the_interpolated_area_lies_between_the_others(curve):
    t, y = data("auc")
    low, middle, high = (
        metrics.AUC(curve=curve, summation_method=method)(t, y) for method in ("minoring", "interpolation", "majoring")
    )
    assert low < middle < high


def test_the_area_from_logits_is_that_of_the_sigmoid():
    rng = np.random.default_rng(0)
    t, z = rng.integers(0, 2, (60, 3)), 3 * rng.standard_normal((60, 3))
    p = 1 / (1 + np.exp(-z))
    for arguments in ({}, {"thresholds": [0.25, 0.7]}, {"thresholds": [0.0, 1.0]}, {"num_thresholds": 2}):
        assert metrics.AUC(**arguments, from_logits=True)(t, z) == metrics.AUC(**arguments)(t, p)


def test_f_scores_are_their_definitions():
    rng = np.random.default_rng(0)
    t, y = rng.integers(0, 2, (50, 3)), rng.random((50, 3))
    each = []
    for c in range(3):
        precision, recall = shares(0.5, t[:, c], y[:, c], 1)
        each.append(5 * precision * recall / (4 * precision + recall))
    arguments = {"beta": 2.0, "threshold": 0.5}
    assert metrics.FBetaScore(**arguments)(t, y) == pytest.approx(each, rel=1e-6)  # Keras adds 1e-7 to divisors
    assert metrics.FBetaScore("macro", **arguments)(t, y) == pytest.approx(np.mean(each), rel=1e-6)
    average = np.average(each, weights=t.sum(axis=0))
    assert metrics.FBetaScore("weighted", **arguments)(t, y) == pytest.approx(average, rel=1e-6)
    precision, recall = shares(0.5, t, y, 1)
    all_together = 5 * precision * recall / (4 * precision + recall)
    assert metrics.FBetaScore("micro", **arguments)(t, y) == pytest.approx(all_together, rel=1e-6)


def test_r2_is_its_definition():
    rng = np.random.default_rng(0)
    t, y, w = 5 + rng.standard_normal((50, 3)), 5 + rng.standard_normal((50, 3)), rng.random((50, 1))
    spread = (w * (t - np.average(t, axis=0, weights=w[:, 0])) ** 2).sum(axis=0)
    each = 1 - (w * (t - y) ** 2).sum(axis=0) / spread
    # Spreads come from sums of squares, some 25 times as large.
    assert metrics.R2Score(None)(t, y, w) == pytest.approx(each, rel=1000 * EPS)
    assert metrics.R2Score()(t, y, w) == pytest.approx(each.mean(), rel=1000 * EPS)
    weighted = metrics.R2Score("variance_weighted_average")(t, y, w)
    assert weighted == pytest.approx(np.average(each, weights=spread), rel=1000 * EPS)
    adjusted = 1 - (1 - each.mean()) * 149 / 147
    assert metrics.R2Score(num_regressors=2)(t, y, w) == pytest.approx(adjusted, rel=1000 * EPS)


def test_r2_of_equal_targets_is_0_however_near_the_predictions():
    t = np.full((1000, 2), 0.1)
    assert metrics.R2Score(None)(t, t).tolist() == [0, 0]
    assert metrics.R2Score(None)(t, t + 1).tolist() == [0, 0]


def test_r2_is_not_adjusted_for_as_many_regressors_as_targets():
    t, y = np.arange(4.0), np.array([0.0, 1, 2, 4])
    with pytest.warns(UserWarning, match="num_regressors=3 leave 0 degrees of freedom: the score is not adjusted"):
        assert metrics.R2Score(num_regressors=3)(t, y) == metrics.R2Score()(t, y)
    assert metrics.R2Score(num_regressors=3)(t, y, np.zeros(4)) == 0.0


def test_a_row_of_single_targets_is_a_column():
    t, y = np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.25, 0.5])
    expected = losses.mean_squared_error(t[:, None], y[:, None]).mean()
    for true, pred in ((t, y), (t, y[:, None]), (t[:, None], y)):
        assert metrics.MeanSquaredError()(true, pred) == pytest.approx(expected, rel=4 * EPS)


# ---- what metrics refuse ----


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (
            lambda: metrics.Precision(1.5),
            ValueError,
            r"thresholds must be finite and at least 0 and at most 1; got 1\.5",
        ),
        (lambda: metrics.Precision([0.5, -1]), ValueError, "thresholds must be .* got -1"),
        (lambda: metrics.Recall([]), ValueError, "thresholds is empty; expected at least one number"),
        (lambda: metrics.Recall("half"), TypeError, "thresholds must be a number; got str 'half'"),
        (lambda: metrics.Precision(top_k=0), ValueError, "top_k must be at least 1; got 0"),
        (lambda: metrics.Precision(class_id=-1), ValueError, "class_id must be at least 0; got -1"),
        (lambda: metrics.Precision(top_k=3)([[1, 0]], [[1, 0]]), ValueError, "top_k 3; there are 2 outputs"),
        (lambda: metrics.Recall(class_id=2)([[1, 0]], [[1, 0]]), ValueError, "class_id 2; there are 2 outputs"),
        (lambda: metrics.TopKCategoricalAccuracy(0), ValueError, "k must be at least 1; got 0"),
        (lambda: metrics.PrecisionAtRecall(2), ValueError, "recall must be finite and at least 0 and at most 1; got 2"),
        (lambda: metrics.RecallAtPrecision(0.5, 0), ValueError, "num_thresholds must be at least 1; got 0"),
        (lambda: metrics.AUC(1), ValueError, "num_thresholds must be at least 2; got 1"),
        (lambda: metrics.AUC(curve="roll"), ValueError, "curve must be one of ROC, PR, PRGAIN; got 'ROLL'"),
        (lambda: metrics.AUC(summation_method="sum"), ValueError, "summation_method must be one of interpolation, "),
        (lambda: metrics.AUC(num_labels=3), ValueError, "num_labels is for multi_label=True; got num_labels=3"),
        (
            lambda: metrics.AUC(multi_label=True, num_labels=3)([[1, 0]], [[1, 0]]),
            ValueError,
            "num_labels 3; there are 2 outputs",
        ),
        (
            lambda: metrics.AUC(label_weights=[1, 2, 3])([[1, 0]], [[1, 0]]),
            ValueError,
            "3 label_weights; there are 2 outputs",
        ),
        (
            lambda: metrics.F1Score("mean"),
            ValueError,
            "average must be one of None, micro, macro, weighted; got 'mean'",
        ),
        (lambda: metrics.F1Score(threshold=0), ValueError, "threshold must be greater than 0; got 0"),
        (lambda: metrics.F1Score(threshold=2.0), ValueError, r"threshold must be .* at most 1; got 2\.0"),
        (lambda: metrics.FBetaScore(beta=0), ValueError, "beta must be greater than 0; got 0"),
        (lambda: metrics.R2Score("mean"), ValueError, "class_aggregation must be one of None, uniform_average, "),
        (lambda: metrics.R2Score(num_regressors=-1), ValueError, "num_regressors must be at least 0; got -1"),
        (lambda: metrics.CosineSimilarity(axis=0), ValueError, "axis must be -1"),
        (lambda: metrics.AUC(dtype="float16"), ValueError, "dtype must be None, float32 or float64; got 'float16'"),
        (lambda: metrics.MeanMetricWrapper(3), TypeError, "fn must be a function of y_true and y_pred; got int 3"),
        (lambda: metrics.Mean()([1, 2], [1, 2, 3]), ValueError, r"sample_weight has shape \(3,\); values have \(2,\)"),
    ],
)
def test_what_a_metric_refuses(use, error, message):
    with pytest.raises(error, match=message):
        use()


# ---- of one's own ----


class Largest(metrics.Metric):
    def __init__(self, scale, name=None, **rest):
        super().__init__(name=name, **rest)
        self.scale = scale
        self.seen = 0.0

    def reset_state(self):
        self.seen = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen = max(self.seen, self.scale * float(np.max(y_pred)))

    def result(self):
        return self.seen


def test_a_metric_of_ones_own():
    largest = Largest(2.0)
    assert (largest.name, largest.kernel, largest.dtype) == ("largest", None, None)
    assert largest([[0]], [[1.5]]) == 3.0
    assert largest([[0]], [[0.5]]) == 3.0
    largest.reset_state()
    assert largest.result() == 0.0
    assert largest.get_config() == {"name": "largest", "dtype": None, "scale": 2.0}
    assert metrics.get(largest) is largest
    other = metrics.deserialize(metrics.serialize(largest), {"Largest": Largest})
    assert (type(other), other.get_config()) == (Largest, largest.get_config())


@pytest.mark.parametrize("use", [lambda m: m.reset_state(), lambda m: m([0], [0]), lambda m: m.result()])
def test_a_metric_of_ones_own_that_lacks_something(use):
    class Nothing(metrics.Metric):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing defines no (reset_state|update_state|result)"):
        use(Nothing())


def test_a_function_is_a_metric_of_its_name():
    def largest_error(y_true, y_pred):
        return np.abs(y_true - y_pred).max(axis=-1)

    metric = metrics.get(largest_error)
    assert (type(metric), metric.name, metric.kernel) == (metrics.MeanMetricWrapper, "largest_error", None)
    t, y = data("mean_squared_error")
    for rows in (slice(0, 7), slice(7, 40)):
        metric.update_state(t[rows], y[rows], sample_weight=np.arange(40.0)[rows])
    assert metric.result() == pytest.approx(np.average(largest_error(t, y), weights=np.arange(40)), rel=8 * EPS * 7)
    assert metrics.MeanMetricWrapper(np.subtract, name="n", axis=1).get_config()["axis"] == 1
    assert metrics.MeanMetricWrapper(largest_error).name == "mean_metric_wrapper"
    again = metrics.MeanMetricWrapper.from_config(metric.get_config())
    assert (again.fn, again.name) == (largest_error, "largest_error")


def test_a_function_may_give_one_value_for_all():
    metric = metrics.MeanMetricWrapper(lambda t, y, power: (abs(t - y) ** power).mean(), power=2)
    metric.update_state(np.zeros(4), np.ones(4))
    metric.update_state(np.zeros(4), 2 * np.ones(4))
    assert metric.result() == 2.5


# ---- names and configs ----


def test_metrics_say_what_they_are():
    assert repr(metrics.get("mae")) == "<metric mae>"
    assert metrics.MeanAbsoluteError().name == "mean_absolute_error"
    assert metrics.MeanAbsoluteError(name="error").name == "error"
    assert (metrics.LogCoshError().name, metrics.FBetaScore().name) == ("logcosh", "fbeta_score")
    assert metrics.get("log_cosh_error").name == "log_cosh_error"


OTHERS = {  # than the defaults
    "threshold": 0.25,
    "thresholds": [0.25, 0.75],
    "k": 2,
    "top_k": 2,
    "class_id": 1,
    "num_thresholds": 9,
    "curve": "PR",
    "summation_method": "majoring",
    "multi_label": True,
    "num_labels": 5,
    "label_weights": [1.0, 2.0, 3.0, 2.0, 1.0],
    "average": "macro",
    "beta": 2.0,
    "class_aggregation": "variance_weighted_average",
    "num_regressors": 2,
    "from_logits": True,
    "ignore_class": 1,
    "label_smoothing": 0.25,
    "axis": -1,
    "name": "other",
    "dtype": "float32",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_can_be_made_again_from_its_config(name):
    cls = metrics.METRICS.members[name]
    arguments = OTHERS | REQUIRED.get(name, {})
    metric = cls(**{argument: arguments[argument] for argument in inspect.signature(cls).parameters})
    config = json.loads(json.dumps(metrics.serialize(metric)))
    assert config["class_name"] == cls.__name__
    assert config["config"] == {argument: arguments[argument] for argument in config["config"]}
    assert set(config["config"]) == set(inspect.signature(cls).parameters)
    for again in (metrics.deserialize(config), metrics.get(config), cls.from_config(config["config"])):
        assert type(again) is cls
        assert np.array_equal(again(*data(name)), metric(*data(name)))
        metric.reset_state()


@pytest.mark.parametrize(
    ("loss", "outputs", "place"),
    [
        (losses.SparseCategoricalCrossentropy(), 3, 0),
        (losses.SparseCategoricalCrossentropy(from_logits=True), 3, 0),
        (losses.CategoricalCrossentropy(), 3, 2),
        (losses.CategoricalCrossentropy(from_logits=True), 3, 2),
        (losses.BinaryCrossentropy(), 1, 1),
        (losses.BinaryCrossentropy(from_logits=True), 3, 1),
        (losses.MeanSquaredError(), 1, 1),
        (losses.MeanSquaredError(), 3, 2),
    ],
)
def test_accuracy_and_crossentropy_are_those_that_fit_the_loss(loss, outputs, place):
    kinds = {
        "accuracy": [metrics.SparseCategoricalAccuracy, metrics.BinaryAccuracy, metrics.CategoricalAccuracy],
        "crossentropy": [
            metrics.SparseCategoricalCrossentropy,
            metrics.BinaryCrossentropy,
            metrics.CategoricalCrossentropy,
        ],
    }
    for name, of in (
        ("accuracy", "accuracy"),
        ("acc", "accuracy"),
        ("crossentropy", "crossentropy"),
        ("ce", "crossentropy"),
    ):
        metric = metrics.get(name, loss, outputs)
        assert (type(metric), metric.name) == (kinds[of][place], name)
        assert getattr(metric, "from_logits", loss.from_logits) == loss.from_logits


def test_samples_of_an_ignored_class_do_not_count():
    t, y = data("sparse_categorical_crossentropy")
    expected = metrics.SparseCategoricalCrossentropy()(t[t != 2], y[t != 2])
    for label in (2, -1, 255):
        metric = metrics.SparseCategoricalCrossentropy(ignore_class=label)
        assert metric(np.where(t == 2, label, t), y) == pytest.approx(expected, rel=8 * EPS * np.sqrt(40))
        assert metric(np.full(40, label), y) == metric.result()
    fitting = metrics.get("ce", losses.SparseCategoricalCrossentropy(ignore_class=-1))
    assert fitting.get_config()["ignore_class"] == -1
    assert fitting([-1, -1], [[0.5, 0.5], [0.5, 0.5]], [0.1, 0.2]) == 0.0


def test_without_a_loss_accuracy_is_that_of_equal_outputs():
    assert type(metrics.get("accuracy")) is metrics.Accuracy


@pytest.mark.parametrize("name", ["acc", "crossentropy", "ce"])
def test_a_name_that_depends_on_the_loss_names_the_choices(name):
    with pytest.raises(ValueError, match=rf"'{name}' depends on the loss; name one of sparse_categorical_\w+, binary_"):
        metrics.get(name)


# ---- as training reports them ----


def trained(loss, given, weighted=False):
    """A small model, and data for it."""
    model = Sequential([Input((3,)), Dense(5, "softmax")], dtype="float64", seed=0)
    model.compile(loss=loss, **{"weighted_metrics" if weighted else "metrics": given})
    rng = np.random.default_rng(5)
    t = rng.integers(0, 5, 600)
    t = t if "sparse" in loss else np.eye(5)[t]
    return model, rng.standard_normal((600, 3)), t, rng.random(600)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_evaluate_gives_what_the_metrics_give_by_themselves(loss, weighted):
    fitting = [name for name in NAMES if (name in FOR_LABELS) == ("sparse" in loss)]
    model, x, t, weight = trained(loss, [make(name) for name in fitting], weighted)
    given = weight if weighted else None
    y = model.predict(x)
    expected = {make(name).name: make(name)(t, y, given) for name in fitting}
    for batch_size in (None, 1, 7, 600):
        logs = model.evaluate(x, t, batch_size, sample_weight=given, return_dict=True)
        assert list(logs) == ["loss", *expected]
        for name, value in expected.items():
            assert logs[name] == pytest.approx(value, rel=16 * EPS * np.sqrt(600))


def test_logs_hold_arrays_where_a_metric_gives_one(capsys):
    model, x, t, _ = trained("categorical_crossentropy", [metrics.Recall([0.1, 0.3]), metrics.F1Score()])
    history = model.fit(x, t, epochs=2, verbose=2, validation_data=(x, t))
    assert [value.shape for value in history.history["recall"]] == [(2,), (2,)]
    assert [value.shape for value in history.history["val_f1_score"]] == [(5,), (5,)]
    assert f"recall: {history.history['recall'][1][0]:.4f} " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["accuracy", "acc", "crossentropy"])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("loss", ["binary_crossentropy", "mean_squared_error"])
def test_evaluate_with_a_name_that_depends_on_the_loss(name, outputs, loss):
    model = Sequential([Input((2,)), Dense(outputs, "sigmoid")], seed=0)
    model.compile(loss=loss, metrics=[name])
    x = np.random.default_rng(0).standard_normal((20, 2))
    t = (np.arange(20 * outputs).reshape(20, outputs) % 2) / 1
    expected = metrics.get(name, losses.get(loss), outputs)(t, model.predict(x))
    assert model.evaluate(x, t, return_dict=True)[name] == pytest.approx(expected, rel=1e-6)


def test_evaluate_gives_a_number_a_list_or_a_dict():
    model = Sequential([Input((3,)), Dense(1)], seed=0)
    x, y = np.ones((4, 3)), np.ones(4)
    model.compile(loss="mse")
    loss = model.evaluate(x, y)
    assert type(loss) is float
    assert model.evaluate(x, y, return_dict=True) == {"loss": loss}
    model.compile(loss="mse", metrics=["mae", metrics.MeanSquaredError(name="again")])
    results = model.evaluate(x, y)
    assert (type(results), results[0], results[2]) == (list, loss, pytest.approx(loss, rel=1e-6))
    assert model.evaluate(x, y, return_dict=True) == dict(zip(["loss", "mae", "again"], results, strict=True))


def test_one_metric_needs_no_list():
    model = Sequential([Input((3,)), Dense(1)], seed=0)
    model.compile(loss="mse", metrics="mae", weighted_metrics=metrics.MeanSquaredError())
    assert model.metrics_names == ["loss", "mae", "mean_squared_error"]


def test_a_metric_that_cannot_have_so_many_outputs():
    model, x, t, _ = trained("categorical_crossentropy", [metrics.Recall(class_id=5)])
    with pytest.raises(ValueError, match="metric recall has class_id 5; there are 5 outputs"):
        model.fit(x, t)
