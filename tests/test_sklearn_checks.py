"""scikit-learn's own checks of estimators."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from fastbp.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore")  # the checks provoke them


@parametrize_with_checks([MLPClassifier(dtype="float64"), MLPRegressor(dtype="float64")])
def test_check(estimator, check):
    check(estimator)


@parametrize_with_checks([MLPClassifier(), MLPRegressor(), MLPClassifier(solver="lbfgs"), MLPRegressor(solver="lbfgs")])
def test_check_by_default(estimator, check):
    if estimator.solver == "adam" and "sample_weight_equivalence" in check.func.__name__:
        pytest.skip("asks for differences of less than 1e-7, which float32 does not have digits for")
    if estimator.solver == "lbfgs" and "multilabel_output_format_predict_proba" in check.func.__name__:
        pytest.skip("fits without an error, so far that probabilities round to 1")
    check(estimator)
