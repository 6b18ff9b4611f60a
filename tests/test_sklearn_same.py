"""The estimators beside scikit-learn's: the same weights, losses and predictions from the same random state."""

import warnings

import numpy as np
import pytest

neural_network = pytest.importorskip("sklearn.neural_network")

from sklearn.datasets import load_diabetes, load_iris  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402

from fastbp.sklearn import MLPClassifier, MLPRegressor  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BIG = 1e-10  # rounding of float64 over some hundred steps


def iris():
    x, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return (x[order] - x.mean(0)) / x.std(0), y[order]


def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return x[:150] * 20, (y[:150] - 150) / 80


def labels():
    x, y = iris()
    return x, np.stack([y > 0, y > 1, x[:, 0] > 0], axis=1).astype(int)


TASKS = {
    "classes": (MLPClassifier, iris),
    "two classes": (MLPClassifier, lambda: (iris()[0], iris()[1] > 0)),
    "named classes": (MLPClassifier, lambda: (iris()[0], np.array(["c", "a", "b"])[iris()[1]])),
    "labels": (MLPClassifier, labels),
    "number": (MLPRegressor, diabetes),
    "numbers": (MLPRegressor, lambda: (diabetes()[0], np.stack([diabetes()[1], -(diabetes()[1] ** 2)], axis=1))),
    "counts": (MLPRegressor, lambda: (diabetes()[0], np.round(np.abs(diabetes()[1]) * 2))),
}


def pair(task, **arguments):
    """Our estimator and scikit-learn's of one task, fitted, and the data."""
    cls, data = TASKS[task]
    x, y = data()
    own_loss = {"loss": "poisson"} if task == "counts" else {}
    arguments = (
        {"hidden_layer_sizes": (9, 5), "random_state": 3, "shuffle": False, "max_iter": 12} | own_loss | arguments
    )
    weight = arguments.pop("sample_weight", None)
    fits = {} if weight is None else {"sample_weight": weight}
    ours = cls(dtype="float64", **arguments).fit(x, y, **fits)
    theirs = getattr(neural_network, cls.__name__)(**arguments).fit(x, y, **fits)
    return ours, theirs, x, y


def reports_a_mean(ours):
    """With several numbers scikit-learn minimises the sum of squares over them, and reports their mean."""
    return isinstance(ours, MLPRegressor) and ours.n_outputs_ > 1


def assert_same(ours, theirs, x, rtol=BIG):
    for name in ("coefs_", "intercepts_"):
        for own, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(own, other, rtol=rtol, atol=rtol)
    if not reports_a_mean(ours):
        np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=rtol)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(theirs, method):
            own, other = getattr(ours, method)(x), getattr(theirs, method)(x)
            assert own.shape == other.shape
            if other.dtype.kind == "f":
                np.testing.assert_allclose(own, other, rtol=1e3 * rtol, atol=rtol)
            else:
                np.testing.assert_array_equal(own, other)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("task", TASKS)
def test_same_weights(task, solver):
    rtol = 1e-6 if task == "counts" else BIG  # our Poisson loss adds Keras's epsilon of 1e-7 within the logarithm
    ours, theirs, x, _ = pair(task, solver=solver, alpha=0.1, batch_size=40)
    assert_same(ours, theirs, x, rtol)
    if not reports_a_mean(ours):
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol)
        np.testing.assert_allclose(ours.best_loss_, theirs.best_loss_, rtol=rtol)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_same_activations(activation):
    ours, theirs, x, _ = pair("classes", activation=activation)
    assert_same(ours, theirs, x)


@pytest.mark.parametrize("task", ["classes", "two classes", "number"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_same_with_weights(task, solver):
    weight = np.random.default_rng(1).uniform(0, 3, 150)
    ours, theirs, x, _ = pair(task, solver=solver, alpha=0.1, batch_size=40, sample_weight=weight)
    assert_same(ours, theirs, x)


@pytest.mark.parametrize(
    "arguments",
    [
        {"momentum": 0.0},
        {"nesterovs_momentum": False},
        {"learning_rate": "invscaling", "learning_rate_init": 0.5},
        {"learning_rate": "adaptive", "learning_rate_init": 0.5, "max_iter": 150, "tol": 1e-2, "n_iter_no_change": 2},
        {"alpha": 0.0},
        {"hidden_layer_sizes": 7},
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": np.array([4, 3, 2])},
    ],
    ids=str,
)
def test_same_with_sgd(arguments):
    ours, theirs, x, _ = pair("classes", solver="sgd", **arguments)
    assert_same(ours, theirs, x, 1e-8)


@pytest.mark.parametrize("task", ["classes", "labels", "number"])
def test_same_early_stopping(task):
    ours, theirs, x, _ = pair(task, early_stopping=True, validation_fraction=0.3, max_iter=60, n_iter_no_change=5)
    assert_same(ours, theirs, x)
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-8)
    np.testing.assert_allclose(ours.best_validation_score_, theirs.best_validation_score_, rtol=1e-8)
    assert ours.best_loss_ is None
    assert theirs.best_loss_ is None


@pytest.mark.parametrize("task", [task for task in TASKS if task != "numbers"])
def test_same_with_lbfgs(task):
    ours, theirs, x, _ = pair(task, solver="lbfgs", alpha=0.1)
    assert_same(ours, theirs, x, 1e-4 if task == "counts" else 1e-6)  # searches enlarge what rounding does


def test_the_same_end():
    """With shuffles of its own, the fit ends for scikit-learn's reason."""
    x, y = iris()
    for cls in (MLPClassifier, neural_network.MLPClassifier):
        model = cls((10,), learning_rate_init=0.02, max_iter=500, random_state=0).fit(x, y)
        assert 11 < model.n_iter_ < 500
        assert len(model.loss_curve_) == model.n_iter_
        assert model.t_ == 150 * model.n_iter_


def test_same_partial_fit():
    x, y = iris()
    ours, theirs = (
        cls((6,), solver="sgd", random_state=0, shuffle=False, **more)
        for cls, more in ((MLPClassifier, {"dtype": "float64"}), (neural_network.MLPClassifier, {}))
    )
    for start in (0, 50, 100):
        for model in (ours, theirs):
            model.partial_fit(x[start : start + 50], y[start : start + 50], classes=[0, 1, 2])
    assert_same(ours, theirs, x)
    assert len(ours.loss_curve_) == 3


def test_same_warm_start():
    x, y = iris()
    ours, theirs = (
        cls((6,), random_state=0, shuffle=False, warm_start=True, max_iter=4, **more)
        for cls, more in ((MLPClassifier, {"dtype": "float64"}), (neural_network.MLPClassifier, {}))
    )
    for model in (ours, theirs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y).fit(x, y)
    assert_same(ours, theirs, x)
    assert len(ours.loss_curve_) == 8


def test_same_messages(capsys):
    x, y = iris()
    texts = []
    for cls, more in ((MLPClassifier, {"dtype": "float64"}), (neural_network.MLPClassifier, {})):
        cls((6,), random_state=0, shuffle=False, max_iter=3, verbose=True, early_stopping=True, **more).fit(x, y)
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert "Iteration 1, loss = " in texts[0]


@pytest.mark.parametrize("arguments", [{"max_iter": 2}, {"batch_size": 1000}, {"solver": "lbfgs", "max_iter": 2}])
def test_same_warnings(arguments):
    x, y = iris()
    seen = []
    for cls in (MLPClassifier, neural_network.MLPClassifier):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cls((4,), random_state=0, **arguments).fit(x, y)
        seen.append([(w.category, str(w.message)[:60]) for w in caught])
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": -1},
        {"solver": "newton"},
        {"activation": "sin"},
        {"batch_size": 0},
        {"learning_rate": "fast"},
        {"max_iter": 0},
        {"momentum": 1.5},
        {"validation_fraction": 1.0},
        {"beta_1": 1.0},
        {"hidden_layer_sizes": (3, 0)},
        {"shuffle": "yes"},
    ],
    ids=str,
)
def test_both_refuse(arguments):
    x, y = iris()
    for cls in (MLPClassifier, neural_network.MLPClassifier):
        with pytest.raises((ValueError, TypeError)) as caught:
            cls(**arguments).fit(x, y)
    assert not hasattr(cls(**arguments), "coefs_")
    assert str(caught.value)


def test_all_of_scikit_learns_arguments():
    for cls in (MLPClassifier, MLPRegressor):
        theirs = getattr(neural_network, cls.__name__)().get_params()
        ours = cls().get_params()
        assert theirs.items() <= ours.items()
