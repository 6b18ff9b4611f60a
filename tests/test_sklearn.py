"""The estimators within scikit-learn: what its tools do with them, and what they have beyond its own."""

import copy
import pickle

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_multilabel_classification  # noqa: E402
from sklearn.inspection import permutation_importance  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import fastbp  # noqa: E402
from fastbp.callbacks import Callback  # noqa: E402
from fastbp.sklearn import MLPClassifier, MLPRegressor  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris():
    x, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return ((x - x.mean(0)) / x.std(0))[order], y[order]


@pytest.fixture(scope="module")
def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return x * 20, (y - y.mean()) / y.std()


def classifier(**arguments):
    return MLPClassifier((12,), learning_rate_init=0.01, random_state=0, **({"max_iter": 60} | arguments))


def regressor(**arguments):
    return MLPRegressor(
        hidden_layer_sizes=(12,), learning_rate_init=0.01, random_state=0, **({"max_iter": 60} | arguments)
    )


def loss_of(model, x, y):
    """Mean log-loss, by the definition."""
    probabilities = model.predict_proba(x)
    return -np.log(probabilities[np.arange(len(y)), np.searchsorted(model.classes_, y)]).mean()


# ---- scikit-learn's tools ----


def test_cross_validation(iris):
    assert cross_val_score(classifier(), *iris, cv=4).mean() > 0.9


def test_grid_search(iris):
    search = GridSearchCV(classifier(), {"hidden_layer_sizes": [(2,), (12,)], "dropout": [0.0, 0.1]}, cv=3)
    search.fit(*iris)
    assert search.best_score_ > 0.9
    assert search.best_estimator_.coefs_[0].shape[0] == 4


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(iris, backend):
    joblib = pytest.importorskip("joblib")
    alone = cross_val_score(classifier(), *iris, cv=4)
    with joblib.parallel_backend(backend, n_jobs=2):
        together = cross_val_score(classifier(), *iris, cv=4, n_jobs=2)
    np.testing.assert_array_equal(alone, together)


def threads_within(_):
    return fastbp.get_num_threads()


def test_workers_share_the_processors():
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        assert joblib.Parallel()(joblib.delayed(threads_within)(i) for i in range(2)) == [1, 1]


def test_pipeline_and_importance(iris):
    x, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(x, y)
    importance = permutation_importance(pipeline, x, y, n_repeats=3, random_state=0).importances_mean
    assert importance[2:].sum() > importance[:2].sum()  # petals tell more than sepals


def test_calibration():
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    calibrated = CalibratedClassifierCV(classifier(), cv=3).fit(x, y)
    assert calibrated.score(x, y) > 0.95


def test_output_of_a_transformer_as_frame(iris):
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame(load_iris().data, columns=["a", "b", "c", "d"])
    pipeline = make_pipeline(StandardScaler(), classifier()).set_output(transform="pandas").fit(x, iris[1])
    assert list(pipeline[-1].feature_names_in_) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(iris, library):
    frames = pytest.importorskip(library)
    x, y = iris
    frame = frames.DataFrame({name: x[:, i] for i, name in enumerate("abcd")})
    model = classifier().fit(frame, frames.Series(y))
    assert list(model.feature_names_in_) == list("abcd")
    np.testing.assert_array_equal(model.predict(frame), classifier().fit(x, y).predict(x))
    wrong = frames.DataFrame({name: x[:, i] for i, name in enumerate("bacd")})
    with pytest.raises(ValueError, match="feature names"):
        model.predict(wrong)


def test_metadata_routing(iris):
    x, y = iris
    weight = np.where(y == 1, 1e-6, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        scores = cross_validate(model, x, y, params={"sample_weight": weight}, cv=3)["test_score"]
    assert scores.max() < 0.8  # the class that counts nothing is never learned


def test_html(iris):
    assert "MLPClassifier" in classifier()._repr_html_()
    assert "dropout=0.5" in repr(MLPClassifier(dropout=0.5))


# ---- copies ----


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_go_on_alike(make, copied, iris):
    x, y = iris
    model = make(dropout=0.1).fit(x, y)
    other = copied(model)
    for one in (model, other):
        one.partial_fit(x, y)
    np.testing.assert_array_equal(model.predict(x), other.predict(x))
    for w, v in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(w, v)
    other.coefs_[0][...] = 0
    assert model.coefs_[0].any()


def test_clone_forgets(iris):
    model = classifier(optimizer=fastbp.optimizers.Adam(0.01), callbacks=[]).fit(*iris)
    other = clone(model)
    assert not hasattr(other, "coefs_")
    assert other.get_params()["dropout"] == 0.0


# ---- weights ----


def test_weights_may_be_written(iris):
    x, y = iris
    model = classifier().fit(x, y)
    model.coefs_[-1][...] = 0
    model.intercepts_[-1] = np.array([0.0, 5.0, 0.0])
    assert (model.predict(x) == 1).all()
    model.coefs_ = [w * 0 for w in model.coefs_]
    model.partial_fit(x, y)
    assert np.abs(model.coefs_[0]).max() < 0.05
    assert np.shares_memory(model.coefs_[0], model.model_.weights[0])
    model.coefs_[0] = np.zeros((1, 1))
    with pytest.raises(ValueError, match=r"weights 0 have shape \(1, 1\)"):
        model.predict(x)


def test_to_and_from_sequential(iris, diabetes):
    model = classifier(batch_norm=True, dropout=0.2).fit(*iris)
    sequential = model.to_sequential()
    np.testing.assert_array_equal(sequential.predict(iris[0], verbose=0), model.predict_proba(iris[0]))
    back = MLPClassifier.from_sequential(sequential)
    np.testing.assert_array_equal(back.predict(iris[0]), model.predict(iris[0]))
    back.partial_fit(*iris)
    sequential.layers[0].kernel[...] = 0
    assert model.coefs_[0].any()
    number = MLPRegressor.from_sequential(regressor().fit(*diabetes).to_sequential())
    assert number.fit(*diabetes).score(*diabetes) > 0.4
    with pytest.raises(ValueError, match="softmax or a sigmoid"):
        MLPClassifier.from_sequential(number.to_sequential())
    two = classifier().fit(iris[0], iris[1] > 0).to_sequential()
    with pytest.raises(ValueError, match="2 different classes"):
        MLPClassifier.from_sequential(two, classes=[1, 1])


def test_labels_from_sequential():
    x, y = make_multilabel_classification(n_samples=60, random_state=0)
    model = classifier().fit(x, y)
    np.testing.assert_array_equal(MLPClassifier.from_sequential(model.to_sequential()).predict(x), model.predict(x))


# ---- beyond scikit-learn ----


@pytest.mark.parametrize(
    "arguments",
    [
        {"activation": ["gelu"]},
        {"activation": "elu"},
        {"dropout": 0.2},
        {"dropout": [0.3]},
        {"batch_norm": True, "max_iter": 200},  # after 60 steps 0.83 to 0.96, by the seed
        {"optimizer": "adamw"},
        {"optimizer": fastbp.optimizers.RMSprop(0.01)},
        {"loss": "categorical_focal_crossentropy"},
        {"loss": fastbp.losses.CategoricalCrossentropy(label_smoothing=0.1)},
        {"dtype": "float64"},
        {"n_threads": 1},
    ],
    ids=str,
)
def test_more_to_choose(iris, arguments):
    model = classifier(**arguments).fit(*iris)
    assert model.score(*iris) > 0.9
    assert model.coefs_[0].dtype == (arguments.get("dtype") or "float32")


@pytest.mark.parametrize("loss", ["huber", "log_cosh", "mae", fastbp.losses.Quantile(0.9)], ids=str)
def test_losses_of_numbers(diabetes, loss):
    x, y = diabetes
    model = regressor(loss=loss, max_iter=200).fit(x, y)
    below = (y < model.predict(x)).mean()
    assert 0.8 < below < 1.0 if isinstance(loss, fastbp.losses.Quantile) else 0.35 < below < 0.65


def test_class_weight(iris):
    x, y = iris
    heavy = classifier(class_weight={0: 1, 1: 100, 2: 1}).fit(x, y)
    light = classifier(class_weight={0: 1, 1: 0.01, 2: 1}).fit(x, y)
    assert (heavy.predict(x) == 1).sum() > 50 > (light.predict(x) == 1).sum()
    few = np.flatnonzero((y != 1) | (np.arange(len(y)) % 10 == 0))
    balanced = classifier(class_weight="balanced", shuffle=False).fit(x[few], y[few])
    counts = np.bincount(y[few])
    weight = (len(few) / (3 * counts))[y[few]]
    by_hand = classifier(shuffle=False).fit(x[few], y[few], sample_weight=weight)
    np.testing.assert_allclose(balanced.coefs_[0], by_hand.coefs_[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("stop", [True, "score", "loss"])
def test_data_of_ones_own_to_stop_by(iris, stop):
    x, y = iris
    model = classifier(early_stopping=stop, max_iter=300, n_iter_no_change=5)
    model.fit(x[:100], y[:100], eval_set=(x[100:], y[100:]))
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_ < 300
    best = np.argmin(model.validation_loss_curve_) if stop == "loss" else np.argmax(model.validation_scores_)
    assert model.best_validation_score_ == model.validation_scores_[best]
    np.testing.assert_allclose(model.score(x[100:], y[100:]), model.validation_scores_[best], rtol=1e-6)
    if stop == "loss":  # the weights of the best epoch came back
        np.testing.assert_allclose(loss_of(model, x[100:], y[100:]), min(model.validation_loss_curve_), rtol=0.02)


def test_validation_without_stopping(iris):
    x, y = iris
    model = classifier(max_iter=20).fit(x[:100], y[:100], eval_set=(x[100:], y[100:], np.ones(50)))
    assert len(model.validation_loss_curve_) == 20
    assert model.validation_scores_[-1] == model.score(x[100:], y[100:])
    with pytest.raises(ValueError, match=r"not in `self\.classes_`"):
        classifier().fit(x[:100], y[:100], eval_set=(x[100:], y[100:] + 1))
    with pytest.raises(ValueError, match="eval_set must be"):
        classifier().fit(x, y, eval_set=x)


def test_warm_start_with_another_way_to_end(iris):
    x, y = iris
    model = classifier(early_stopping=True, warm_start=True, max_iter=5).fit(x, y)
    assert model.best_loss_ is None
    model.set_params(early_stopping=False).fit(x, y)
    assert model.best_loss_ == min(model.loss_curve_[5:])
    model.set_params(early_stopping="loss").fit(x, y)
    assert len(model.validation_scores_) == 10
    assert len(model.loss_curve_) == 15


def test_score_of_labels_while_fitting():
    x, y = make_multilabel_classification(n_samples=80, random_state=0)
    model = classifier(max_iter=10).fit(x[:60], y[:60], eval_set=(x[60:], y[60:]))
    assert model.validation_scores_[-1] == pytest.approx(model.score(x[60:], y[60:]))


class Seen(Callback):
    def __init__(self):
        self.logs = []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))
        if epoch == 4:
            self.model.stop_training = True


def test_callbacks(iris):
    x, y = iris
    seen = Seen()
    model = classifier(callbacks=seen).fit(x, y, eval_set=(x, y))
    assert model.n_iter_ == len(seen.logs) == 5
    assert [log["loss"] for log in seen.logs] == model.loss_curve_
    assert seen.logs[-1]["val_score"] == model.score(x, y)


def test_time_budget(iris):
    model = classifier(time_budget=0.0, max_iter=100_000).fit(*iris)
    assert model.n_iter_ == 1


def test_stopping_by_hand(iris):
    class Interrupts(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = classifier(callbacks=[Interrupts()]).fit(*iris)
    assert model.n_iter_ == 3
    assert model.predict(iris[0]).shape == (150,)


def test_same_numbers_with_any_threads(iris):
    one, two = (classifier(n_threads=n).fit(*iris) for n in (1, 2))
    np.testing.assert_array_equal(one.predict_proba(iris[0]), two.predict_proba(iris[0]))


def test_same_weights_to_begin_with(iris):
    sk = sklearn.neural_network.MLPClassifier((12,), random_state=5, max_iter=1, learning_rate_init=1e-12).fit(*iris)
    ours = MLPClassifier((12,), random_state=5, max_iter=1, learning_rate_init=1e-12).fit(*iris)
    for w, v in zip(sk.coefs_ + sk.intercepts_, ours.coefs_ + ours.intercepts_, strict=True):
        np.testing.assert_allclose(w, v, rtol=1e-6, atol=1e-9)


# ---- errors ----


def test_a_failed_fit_leaves_the_model(iris):
    x, y = iris
    model = classifier().fit(x, y)
    before = model.predict_proba(x)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full_like(x, np.nan), y)
    with pytest.raises(ValueError, match="alpha"):
        model.set_params(alpha=-1).fit(x, y)
    np.testing.assert_array_equal(model.predict_proba(x), before)


def test_weights_that_grow_without_bound(diabetes):
    x, y = diabetes
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        MLPRegressor(solver="sgd", learning_rate_init=1e8, max_iter=5).fit(x, y * 1e6)


def test_errors(iris, diabetes):
    x, y = iris
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier().partial_fit(x, y)
    with pytest.raises(ValueError, match="is not the same as on last call"):
        classifier().partial_fit(x, y, classes=[0, 1, 2]).partial_fit(x, y, classes=[0, 1])
    with pytest.raises(ValueError, match="does not support early_stopping"):
        classifier(early_stopping=True).partial_fit(x, y, classes=[0, 1, 2])
    with pytest.raises(AttributeError, match="no attribute 'partial_fit'"):
        classifier(solver="lbfgs").partial_fit(x, y)
    with pytest.raises(ValueError, match="dropout has 2 values"):
        classifier(dropout=[0.1, 0.2]).fit(x, y)
    with pytest.raises(ValueError, match="probabilities"):
        classifier(loss="hinge").fit(x, y)
    with pytest.raises(ValueError, match="two classes have one output"):
        classifier(loss="categorical_focal_crossentropy").fit(x, y > 0)
    with pytest.raises(ValueError, match="one of numbers"):
        regressor(loss="sparse_categorical_crossentropy").fit(x, y)
    with pytest.raises(ValueError, match="at least 0; got"):
        regressor(loss="poisson").fit(*diabetes)
    with pytest.raises(ValueError, match="warm_start can only be used"):
        classifier(warm_start=True).fit(x, y).fit(x, y > 0)
    with pytest.raises(ValueError, match="warm_start=False"):
        classifier(warm_start=True).fit(x, y).set_params(hidden_layer_sizes=(3,)).fit(x, y)
    with pytest.raises(ValueError, match="validation set is too small"):
        regressor(early_stopping=True, validation_fraction=0.1).fit(diabetes[0][:10], diabetes[1][:10])


# ---- ONNX ----


@pytest.mark.parametrize("task", ["classes", "two classes", "names", "labels", "number"])
def test_onnx(iris, diabetes, task):
    skl2onnx = pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    fastbp.sklearn.register_onnx()
    x, y = iris
    y = {
        "classes": y,
        "two classes": (y > 0).astype(int),
        "names": np.array(["x", "y", "z"])[y],
        "labels": np.eye(3, dtype=int)[y],
        "number": x[:, 0] * 2,
    }[task]
    model = (regressor if task == "number" else classifier)().fit(x, y)
    x = x.astype(np.float32)
    pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
    converted = skl2onnx.to_onnx(pipeline, x[:1], options=None if task == "number" else {"zipmap": False})
    session = runtime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {session.get_inputs()[0].name: x})
    if task == "number":
        np.testing.assert_allclose(outputs[0][:, 0], pipeline.predict(x), rtol=1e-4, atol=1e-5)
    else:
        np.testing.assert_array_equal(outputs[0], pipeline.predict(x))
        np.testing.assert_allclose(outputs[1], pipeline.predict_proba(x), rtol=1e-4, atol=1e-6)


def test_onnx_refuses_what_it_cannot(iris):
    skl2onnx = pytest.importorskip("skl2onnx")
    fastbp.sklearn.register_onnx()
    model = classifier(activation="gelu").fit(*iris)
    with pytest.raises(NotImplementedError, match="to_sequential"):
        skl2onnx.to_onnx(model, iris[0][:1].astype(np.float32))
