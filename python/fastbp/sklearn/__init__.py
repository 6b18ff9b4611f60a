"""scikit-learn's estimators, trained by fastbp: ``MLPClassifier`` and ``MLPRegressor``.

Their arguments, attributes and methods are those of ``sklearn.neural_network``, so that changing the import is enough,
and more. They need scikit-learn: ``pip install 'fastbp[sklearn]'``.

>>> from fastbp.sklearn import MLPClassifier
>>> x, y = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
>>> MLPClassifier(solver="lbfgs", random_state=0).fit(x, y).predict([[-1.0], [4.0]])
array(['low', 'high'], dtype='<U4')
"""

try:
    import sklearn  # noqa: F401  # what all of this is built on
except ImportError as error:
    raise ImportError("fastbp.sklearn needs scikit-learn: pip install 'fastbp[sklearn]'") from error

from fastbp.sklearn.classifier import MLPClassifier
from fastbp.sklearn.onnx import register_onnx
from fastbp.sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "register_onnx"]
