"""Which data go through scikit-learn's checks, and that those taken at once are taken alike."""

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.datasets import load_iris  # noqa: E402
from sklearn.utils.validation import validate_data  # noqa: E402

from fastbp.sklearn import MLPClassifier, MLPRegressor, inputs  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, LABELS = load_iris(return_X_y=True)


@pytest.fixture
def checked(monkeypatch):
    """How many times scikit-learn was asked."""
    calls = []
    monkeypatch.setattr(inputs, "validate_data", lambda *a, **k: calls.append(1) or validate_data(*a, **k))
    return calls


def classifier():
    return MLPClassifier((5,), random_state=0, max_iter=3)


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "int8", "uint16", "bool"])
@pytest.mark.parametrize("y", [LABELS, LABELS.astype(float), LABELS > 0, np.array(["a", "b", "c"])[LABELS]])
def test_plain_arrays_are_taken_at_once(checked, kind, y):
    x = X.astype(kind)
    model = classifier().fit(x, y)
    outputs = model.predict_proba(x)
    assert not checked
    assert model.n_features_in_ == 4
    other = classifier().fit(x.tolist(), y)
    np.testing.assert_array_equal(other.predict_proba(x.tolist()), outputs)
    assert len(checked) == 2


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.asfortranarray(X), LABELS),
        (X.astype(object), LABELS),
        (X, LABELS.tolist()),
        (X, np.array(["a", "b", "c"], object)[LABELS]),
        (X.view(np.memmap), LABELS),
    ],
)
def test_other_data_are_checked(checked, x, y):
    classifier().fit(x, y)
    assert len(checked) == 1


HOLE = X[3, 1] == X


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.where(HOLE, np.nan, X), LABELS, "Input X contains NaN"),
        (np.where(HOLE, np.inf, X), LABELS, "Input X contains infinity"),
        (X, np.where(LABELS == 0, np.nan, LABELS), "Input y contains NaN"),
        (X[:5], LABELS, "inconsistent numbers of samples"),
        (X[:, 0], LABELS, "Expected 2D array, got 1D array instead"),
        (X[:0], LABELS[:0], "Found array with 0 sample"),
        (X[:, :0], LABELS, "Found array with 0 feature"),
        (X + 1j, LABELS, "Complex data not supported"),
        (X, LABELS[:, None, None], "dim 3"),
    ],
)
def test_messages_are_scikit_learns(x, y, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(x, y)


def test_features_are_those_of_the_fit():
    pandas = pytest.importorskip("pandas")
    named = pandas.DataFrame(X, columns=list("abcd"))
    model = classifier().fit(named, LABELS)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X)
    model.fit(X, LABELS)  # forgets the names
    assert not hasattr(model, "feature_names_in_")
    with pytest.raises(ValueError, match="X has 3 features, but MLPClassifier is expecting 4 features as input"):
        model.predict(X[:, :3].copy())
    with pytest.raises(ValueError, match="X has 3 features, but MLPClassifier is expecting 4"):
        model.partial_fit(X[:, :3].copy(), LABELS)


@pytest.mark.parametrize("seed", [0, np.int64(7), True])
def test_a_seed_stands_for_the_generator_made_from_it(seed):
    """Also for one that is used again: a fit leaves nothing in it to the next."""
    fits = [MLPRegressor(random_state=s, max_iter=2) for s in (seed, np.random.RandomState(int(seed)), seed)]
    weights = [[w.tobytes() for w in model.fit(X, X[:, 0]).model_.get_weights()] for model in fits]
    assert weights[0] == weights[1] == weights[2]


@pytest.mark.parametrize("seed", [-1, 2**32, "0", 0.5])
def test_wrong_seeds(seed):
    with pytest.raises(ValueError, match=r"cannot be used to seed|between 0 and"):
        MLPRegressor(random_state=seed).fit(X, X[:, 0])
