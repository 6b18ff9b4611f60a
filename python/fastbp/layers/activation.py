"""Activations as layers of their own."""

from typing import Any

from fastbp import activations
from fastbp.layers.base import Layer, Spec


def activation_specs(activation: activations.Activation) -> list[Spec]:
    """What the core is to make of an activation: one of its own, or a function of the user's."""
    if isinstance(activation, activations.CustomActivation):
        return [{"kind": "function", "function": activation.fill}]
    return [{"kind": "activation", "name": activation.kernel, "settings": list(activation.kernel_settings)}]


class Activation(Layer):
    """y = activation(x).

    >>> Activation("relu")([[-1.0, 2.0]])
    array([[0., 2.]], dtype=float32)
    """

    kind = "activation"

    def __init__(self, activation: Any, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable)
        self.activation = activations.get(activation)

    def _specs(self, inputs: int) -> list[Spec]:
        return activation_specs(self.activation)


class ReLU(Layer):
    """y = max_value for x >= max_value; x from threshold on; else negative_slope·(x - threshold).

    >>> ReLU(max_value=1.0, negative_slope=0.5)([[-1.0, 0.5, 2.0]])
    array([[-0.5,  0.5,  1. ]], dtype=float32)
    """

    kind = "re_lu"

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name, trainable)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold
        self.activation = activations.relu.with_settings(
            negative_slope=negative_slope, max_value=max_value, threshold=threshold
        )

    def _specs(self, inputs: int) -> list[Spec]:
        return activation_specs(self.activation)


class LeakyReLU(Layer):
    """y = x for x > 0, else negative_slope·x.

    >>> LeakyReLU()([[-1.0, 2.0]])
    array([[-0.3,  2. ]], dtype=float32)
    """

    kind = "leaky_re_lu"

    def __init__(self, negative_slope: float = 0.3, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable)
        self.negative_slope = negative_slope
        self.activation = activations.leaky_relu.with_settings(negative_slope=negative_slope)

    def _specs(self, inputs: int) -> list[Spec]:
        return activation_specs(self.activation)


class ELU(Layer):
    """y = x for x > 0, else alpha·(eˣ - 1).

    >>> ELU()([[-100.0, 2.0]])
    array([[-1.,  2.]], dtype=float32)
    """

    kind = "elu"

    def __init__(self, alpha: float = 1.0, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable)
        self.alpha = alpha
        self.activation = activations.elu.with_settings(alpha=alpha)

    def _specs(self, inputs: int) -> list[Spec]:
        return activation_specs(self.activation)


class Softmax(Layer):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ in every sample.

    >>> Softmax()([[0.0, 0.0]])
    array([[0.5, 0.5]], dtype=float32)
    """

    kind = "softmax"

    def __init__(self, axis: int = -1, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable)
        if axis not in (-1, 1):
            raise ValueError(f"axis must be -1, the features of a sample; got {axis!r}")
        self.axis = axis
        self.activation = activations.softmax

    def _specs(self, inputs: int) -> list[Spec]:
        return activation_specs(self.activation)
