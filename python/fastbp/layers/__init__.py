"""Layers: what a network is made of."""

from fastbp.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from fastbp.layers.base import Input, Layer
from fastbp.layers.dense import Dense
from fastbp.layers.normalization import BatchNormalization, LayerNormalization, RMSNormalization
from fastbp.layers.preprocessing import Flatten, Normalization, Rescaling
from fastbp.layers.regularization import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
)
from fastbp.layers.residual import Residual

__all__ = [
    "ELU",
    "LAYERS",
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "Input",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Normalization",
    "RMSNormalization",
    "ReLU",
    "Rescaling",
    "Residual",
    "Softmax",
]

LAYERS = {
    cls.__name__: cls
    for cls in (
        Dense,
        Activation,
        ReLU,
        LeakyReLU,
        ELU,
        Softmax,
        Dropout,
        GaussianNoise,
        GaussianDropout,
        AlphaDropout,
        ActivityRegularization,
        BatchNormalization,
        LayerNormalization,
        RMSNormalization,
        Normalization,
        Rescaling,
        Flatten,
        Residual,
    )
}
