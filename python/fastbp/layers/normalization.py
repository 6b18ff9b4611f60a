"""Layers that bring values to mean 0 and variance 1."""

from typing import Any

from fastbp import _data, constraints, initializers, regularizers
from fastbp.layers.base import Layer, Spec, Variable, Weight


def _require_features(axis: Any) -> int:
    if axis not in (-1, 1):
        raise ValueError(f"axis must be -1, the features of a sample; got {axis!r}")
    return int(axis)


class _Scaled(Layer):
    """A layer that ends in y = gamma·x̂ + beta."""

    gamma = Weight()
    beta = Weight()

    def __init__(
        self,
        axis: int,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        name: str | None,
        trainable: bool,
    ) -> None:
        super().__init__(name, trainable)
        self.axis = _require_features(axis)
        self.epsilon = _data.positive(epsilon, "epsilon")
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def _variables(self, inputs: int) -> list[Variable]:
        gamma = Variable(
            "gamma",
            (inputs,),
            self.gamma_initializer,
            regularizer=self.gamma_regularizer,
            constraint=self.gamma_constraint,
        )
        beta = Variable(
            "beta",
            (inputs,),
            self.beta_initializer,
            regularizer=self.beta_regularizer,
            constraint=self.beta_constraint,
        )
        return [gamma] * self.scale + [beta] * self.center

    def _has(self, name: str) -> bool:
        return {"gamma": self.scale, "beta": self.center}.get(name, True)


class BatchNormalization(_Scaled):
    """y = gamma·(x - μ) / √(σ² + epsilon) + beta, feature by feature.

    In training μ and σ² are those of the batch, and running means of them are kept:
    moving = momentum·moving + (1 - momentum)·batch's. Afterwards, and where the layer is not ``trainable``, the running
    means are used.

    Source: Ioffe and Szegedy, arXiv 1502.03167.

    >>> BatchNormalization(epsilon=1e-12)([[1.0], [3.0]], training=True).round(3).tolist()
    [[-1.0], [1.0]]
    """

    kind = "batch_normalization"
    moving_mean = Weight()
    moving_variance = Weight()

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            name,
            trainable,
        )
        self.momentum = _data.real(momentum, "momentum", least=0.0, most=1.0)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def _specs(self, inputs: int) -> list[Spec]:
        settings = [self.momentum, self.epsilon, float(self.center), float(self.scale)]
        return [{"kind": "batch_normalization", "settings": settings}]

    def _variables(self, inputs: int) -> list[Variable]:
        return [
            *super()._variables(inputs),
            Variable("moving_mean", (inputs,), self.moving_mean_initializer, trainable=False),
            Variable("moving_variance", (inputs,), self.moving_variance_initializer, trainable=False),
        ]


class LayerNormalization(_Scaled):
    """y = gamma·(x - μ) / √(σ² + epsilon) + beta, with μ and σ² of the features of each sample.

    Source: Ba and others, arXiv 1607.06450.

    >>> LayerNormalization(epsilon=1e-12)([[1.0, 3.0]]).round(3).tolist()
    [[-1.0, 1.0]]
    """

    kind = "layer_normalization"

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            name,
            trainable,
        )

    def _specs(self, inputs: int) -> list[Spec]:
        settings = [self.epsilon, float(self.center), float(self.scale), 0.0]
        return [{"kind": "layer_normalization", "settings": settings}]


class RMSNormalization(Layer):
    """y = scale·x / √(mean x² + epsilon), with the mean over the features of each sample.

    Source: Zhang and Sennrich, arXiv 1910.07467.

    >>> RMSNormalization()([[3.0, 3.0]]).round(3).tolist()
    [[1.0, 1.0]]
    """

    kind = "rms_normalization"
    scale = Weight()

    def __init__(self, axis: int = -1, epsilon: float = 1e-6, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable)
        self.axis = _require_features(axis)
        self.epsilon = _data.positive(epsilon, "epsilon")

    def _specs(self, inputs: int) -> list[Spec]:
        return [{"kind": "layer_normalization", "settings": [self.epsilon, 0.0, 1.0, 1.0]}]

    def _variables(self, inputs: int) -> list[Variable]:
        return [Variable("scale", (inputs,), initializers.Ones())]
