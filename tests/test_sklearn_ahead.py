"""Epochs that the core trains without coming back: the same as one by one, and never one too many."""

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from scipy import sparse  # noqa: E402
from sklearn.datasets import load_diabetes, load_iris  # noqa: E402

import fastbp  # noqa: E402
from fastbp.callbacks import Callback  # noqa: E402
from fastbp.sklearn import MLPClassifier, MLPRegressor  # noqa: E402
from fastbp.trainer import Trainer  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris():
    x, y = load_iris(return_X_y=True)
    return (x - x.mean(0)) / x.std(0), y


@pytest.fixture
def stretches(monkeypatch):
    """How many epochs the core was asked for, time after time."""
    counts = []
    original = Trainer.train_epochs

    def counted(self, totals, *others):
        counts.append(len(totals))
        original(self, totals, *others)

    monkeypatch.setattr(Trainer, "train_epochs", counted)
    return counts


def what_a_fit_leaves(model):
    return {
        "weights": [w.tobytes() for w in model.model_.get_weights()],
        "loss_curve": model.loss_curve_,
        "n_iter": model.n_iter_,
        "t": model.t_,
        "best_loss": model.best_loss_,
        "shuffles": model.model_.epochs_trained,
        "learning_rate": model.model_.optimizer.learning_rate,
    }


@pytest.mark.parametrize("sparsely", [False, True])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"batch_size": 32},
        {"batch_size": 32, "shuffle": False},
        {"n_iter_no_change": 1e9, "batch_size": 7},
        {"n_iter_no_change": 2, "tol": 0.01},
        {"n_iter_no_change": 1, "tol": 1.0},
        {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 2, "tol": 0.01, "learning_rate_init": 0.3},
        {"dropout": 0.3, "batch_norm": True},
        {"optimizer": fastbp.SGD(fastbp.optimizers.schedules.ExponentialDecay(0.1, 7, 0.5)), "batch_size": 32},
        {"n_threads": 2, "batch_size": 64},
    ],
)
def test_same_as_one_by_one(iris, stretches, arguments, sparsely):
    x, y = iris
    x = sparse.csr_matrix(np.where(np.abs(x) > 1, x, 0)) if sparsely else x
    if arguments.get("n_iter_no_change") == 1e9:
        arguments = arguments | {"n_iter_no_change": np.inf}
    arguments = {"hidden_layer_sizes": (12,), "random_state": 0, "max_iter": 60} | arguments
    ahead = MLPClassifier(**arguments).fit(x, y)
    assert max(stretches) > 1
    asked = len(stretches)
    one_by_one = MLPClassifier(**arguments, callbacks=[Callback()]).fit(x, y)  # it could look at every epoch
    assert len(stretches) == asked
    assert what_a_fit_leaves(ahead) == what_a_fit_leaves(one_by_one)


def test_as_far_as_the_fit_is_sure_to_go(iris, stretches):
    """While every epoch helps, patience lasts for ten more and the one that ends it."""
    MLPClassifier((12,), random_state=0, max_iter=40, tol=0.0).fit(*iris)
    assert stretches == [11, 11, 11, 7]


def test_stretches_are_bounded(iris, stretches, monkeypatch):
    monkeypatch.setattr("fastbp.sources.LONGEST", 12)
    MLPClassifier((12,), random_state=0, max_iter=10, batch_size=50).fit(*iris)  # three batches
    assert stretches == [4, 4, 2]
    MLPClassifier((12,), random_state=0, max_iter=2, batch_size=5).fit(*iris)  # more batches than that
    assert stretches[3:] == [1, 1]


@pytest.mark.parametrize(
    "arguments",
    [
        {"verbose": True},
        {"early_stopping": True},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"time_budget": 1e9},
    ],
)
def test_who_looks_sees_every_epoch(iris, stretches, arguments):
    MLPClassifier((12,), random_state=0, max_iter=3, **arguments).fit(*iris)
    assert not stretches


def test_goes_on_where_it_ended(iris, stretches):
    whole = MLPClassifier((12,), random_state=0, max_iter=9).fit(*iris)
    parts = MLPClassifier((12,), random_state=0, max_iter=4, warm_start=True).fit(*iris).partial_fit(*iris)
    assert stretches == [9, 4, 1]
    assert parts.loss_curve_ == whole.loss_curve_[:5]


def stopped_at(last, error):
    """Half squares, until batch number ``last``."""
    left = iter(range(last))

    def half_squares(y_true, y_pred):
        if next(left, None) is None:
            raise error
        return ((y_pred - y_true) ** 2).mean(axis=1) / 2, (y_pred - y_true) / y_pred.shape[1]

    return half_squares


def test_stopped_within_a_stretch(stretches):
    """What was done counts, as if each epoch had been asked for by itself."""
    x, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()

    def regressor(last, error, **arguments):
        return MLPRegressor(stopped_at(last, error), random_state=0, batch_size=100, max_iter=8, **arguments)

    ahead, one_by_one = (regressor(13, KeyboardInterrupt(), callbacks=c) for c in (None, [Callback()]))
    for model in (ahead, one_by_one):  # in the fourth of five batches of the third epoch
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(x, y)
        assert model.n_iter_ == len(model.loss_curve_) == 2
    assert stretches == [8]
    assert what_a_fit_leaves(ahead) == what_a_fit_leaves(one_by_one)
    model = regressor(5, OSError("no more"))  # a fault of the user's is raised
    with pytest.raises(OSError, match="no more"):
        model.fit(x, y)
    assert model.n_iter_ == 1


@pytest.mark.parametrize("sparsely", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_team_stays_together_from_epoch_to_epoch(dtype, sparsely):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(70, 9)).astype(dtype)
    x = sparse.csr_matrix(np.where(np.abs(x) > 1, x, 0)) if sparsely else x
    y = rng.normal(size=(70, 2)).astype(dtype)
    runs = []
    for team in (1, 2, 3):
        model = fastbp.Sequential([fastbp.Input((9,)), fastbp.Dense(33, "tanh"), fastbp.Dense(2)], dtype=dtype, seed=1)
        model.compile(fastbp.Adam(0.01), "mse")
        train, samples, n = model._prepare(x, y, None)
        train.core.force_team = True
        totals = np.zeros((5, 2))
        with fastbp.num_threads(team):
            train.train_epochs(totals, samples, 16, 3, 5)
        assert train.core.team_size == team
        np.testing.assert_array_equal(totals[:, 1], n)
        runs.append([totals.tobytes(), *(w.tobytes() for w in model.get_weights())])
    assert runs[0] == runs[1] == runs[2]
    model = fastbp.Sequential([fastbp.Input((9,)), fastbp.Dense(33, "tanh"), fastbp.Dense(2)], dtype=dtype, seed=1)
    model.compile(fastbp.Adam(0.01), "mse")
    train, samples, _ = model._prepare(x, y, None)
    one_by_one = [train.train(samples, 16, epoch, 0, 5) for epoch in range(3, 8)]
    assert [np.array(one_by_one).tobytes(), *(w.tobytes() for w in model.get_weights())] == runs[0]
