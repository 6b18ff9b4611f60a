"""Estimators as ONNX: skl2onnx's own converters of perceptrons serve ours as well."""

from typing import Any

from fastbp.sklearn.classifier import MLPClassifier
from fastbp.sklearn.regressor import MLPRegressor

CONVERTED = ("identity", "logistic", "tanh", "relu")  # activations that skl2onnx knows


def register_onnx() -> None:
    """Makes the estimators known to skl2onnx, which then converts them, alone and within pipelines.

    ``import fastbp.sklearn`` after skl2onnx has done so already. Networks that scikit-learn's perceptron cannot have
    (other activations, normalised batches), and regressors of several outputs, are refused when they are converted:
    ``to_sequential().export`` writes those.

    Raises:
        ImportError: without skl2onnx.
    """
    try:
        from skl2onnx import update_registered_converter
        from skl2onnx.operator_converters import multilayer_perceptron as converters
        from skl2onnx.shape_calculators import linear_classifier, linear_regressor
    except ImportError as error:
        raise ImportError("register_onnx needs skl2onnx: pip install 'fastbp[sklearn-onnx]'") from error
    update_registered_converter(
        MLPClassifier,
        "FastbpMLPClassifier",
        linear_classifier.calculate_linear_classifier_output_shapes,
        _checked(converters.convert_sklearn_mlp_classifier),
        options={"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]},
    )
    update_registered_converter(
        MLPRegressor,
        "FastbpMLPRegressor",
        linear_regressor.calculate_linear_regressor_output_shapes,
        _checked(converters.convert_sklearn_mlp_regressor),
    )


def _checked(convert: Any) -> Any:
    def converter(scope: Any, operator: Any, container: Any) -> None:
        estimator = operator.raw_operator
        several = isinstance(estimator, MLPRegressor) and estimator.n_outputs_ > 1
        activation = estimator.activation
        if not isinstance(activation, str) or activation not in CONVERTED or estimator.batch_norm or several:
            raise NotImplementedError(
                f"skl2onnx converts perceptrons of one activation ({', '.join(CONVERTED)}), without batch_norm, and "
                f"regressors of one output; use to_sequential().export() for {estimator!r}"
            )
        convert(scope, operator, container)

    return converter
