"""Cross-validated scores beside scikit-learn's: the same but for what seeds do to them."""

import numpy as np
import pytest

neural_network = pytest.importorskip("sklearn.neural_network")

from scipy import sparse  # noqa: E402
from sklearn import datasets  # noqa: E402
from sklearn.model_selection import cross_val_score  # noqa: E402

import fastbp.sklearn  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SEEDS = range(4)


def bundled(name):
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    deviation = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return x, (y - y.mean()) / y.std() if name == "diabetes" else y


def text():
    """Bags of 60 of 2,000 words, by Zipf's law or from those of one of 8 topics."""
    rng = np.random.default_rng(0)
    topic = rng.integers(0, 8, 500)
    chance = 1 / np.arange(1.0, 2001)
    own = rng.integers(0, 2000, (8, 100))
    columns = rng.choice(2000, (500, 60), p=chance / chance.sum())
    by_topic = rng.random((500, 60)) < 0.15
    columns[by_topic] = own[topic[:, None], rng.integers(0, 100, (500, 60))][by_topic]
    counts = sparse.csr_matrix((np.ones(columns.size), (np.repeat(np.arange(500), 60), columns.ravel())), (500, 2000))
    counts.data = np.log1p(counts.data)
    return counts, topic


TASKS = {
    "iris": ("MLPClassifier", lambda: bundled("iris"), {"max_iter": 60, "learning_rate_init": 0.01}),
    "wine": ("MLPClassifier", lambda: bundled("wine"), {"max_iter": 60}),
    "breast_cancer": ("MLPClassifier", lambda: bundled("breast_cancer"), {"max_iter": 30}),
    "digits": ("MLPClassifier", lambda: bundled("digits"), {"max_iter": 15}),
    "diabetes": ("MLPRegressor", lambda: bundled("diabetes"), {"max_iter": 40}),
    "diabetes, lbfgs": ("MLPRegressor", lambda: bundled("diabetes"), {"solver": "lbfgs", "alpha": 10, "max_iter": 100}),
    "text": ("MLPClassifier", text, {"max_iter": 15}),
}


@pytest.mark.parametrize("task", TASKS)
def test_scores(task):
    name, data, arguments = TASKS[task]
    x, y = data()
    ours, theirs = (
        np.array(
            [cross_val_score(getattr(of, name)(random_state=seed, **arguments), x, y, cv=3).mean() for seed in SEEDS]
        )
        for of in (fastbp.sklearn, neural_network)
    )
    for which, scores in (("fastbp", ours), ("scikit-learn", theirs)):
        print(f"{task}: {which} {scores.mean():.4f} ± {scores.std(ddof=1):.4f}")
    # The means of four scores each; one sample in 150 is the least that a score can differ by.
    spread = np.hypot(ours.std(ddof=1), theirs.std(ddof=1)) / np.sqrt(len(SEEDS))
    assert abs(ours.mean() - theirs.mean()) <= 4 * spread + 1 / len(y)
