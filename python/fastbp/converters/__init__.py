"""Models from other libraries, and for them."""

from fastbp.converters.keras import from_keras, to_keras
from fastbp.converters.onnx import from_onnx
from fastbp.converters.sklearn import from_sklearn
from fastbp.converters.torch import from_torch, to_torch

__all__ = ["from_keras", "from_onnx", "from_sklearn", "from_torch", "to_keras", "to_torch"]
