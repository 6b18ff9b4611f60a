"""A look at backpropagation as it happens: every number of one step of training, and where it comes from."""

from fastbp.tracing.derivation import Derivation, Line
from fastbp.tracing.gradient_check import GradientCheck, Offender, check_gradients
from fastbp.tracing.layer_trace import LayerTrace
from fastbp.tracing.trace import Step, Trace, explain

__all__ = [
    "Derivation",
    "GradientCheck",
    "LayerTrace",
    "Line",
    "Offender",
    "Step",
    "Trace",
    "check_gradients",
    "explain",
]
