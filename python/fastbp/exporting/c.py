"""C99 files: inference of one sample, without allocation, and without a library but libm.

A network is copies, products and functions that change an array in place (functions.py); where each array lies is found
at the end (program.py). Nothing of the model gets into the file but numbers, and names in letters, digits and _.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, layers, saving
from fastbp.activations import Activation
from fastbp.exporting.functions import FUNCTIONS, spelled
from fastbp.exporting.program import Array, Program, Value, as_float32, literal
from fastbp.layers.base import Layer
from fastbp.layers.preprocessing import LEAST_DEVIATION

__all__ = ["header", "source"]

# At these widths gcc (12, -O3) unrolls the loop over outputs, and then vectorises the one over inputs by shuffles and
# sums in order: 256 x 16 took 3.1 µs instead of 0.33, 256 x 8 1.4. It does not at 10, 12 or 24.
NARROW = (4, 8, 16)

# ---- layers ----


Weights = Iterator[npt.NDArray[Any]]  # in their order


def _activate(p: Program, activation: Activation, x: Value) -> Value:
    if activation.kernel is None:
        raise ValueError(f"the activation {activation.name!r} is a function of your own, of which C knows nothing")
    if activation.kernel == "linear":
        return x
    return p.change(spelled(activation.kernel), x, *map(literal, activation.kernel_settings))


def _activation(p: Program, layer: Any, x: Value, weights: Weights) -> Value:
    return _activate(p, layer.activation, x)


def _product(p: Program, y: Value, x: Value, name: str, matrix: npt.NDArray[Any]) -> Value:
    """y + x·matrix."""
    return p.change("narrow" if y.width in NARROW else "product", y, x, p.constant(name, matrix), str(x.width))


def _dense(p: Program, layer: layers.Dense, x: Value, weights: Weights) -> Value:
    kernel = next(weights)
    bias = (
        p.make("copy", layer.units, p.constant("bias", next(weights)))
        if layer.use_bias
        else p.make("zero", layer.units)
    )
    return _activate(p, layer.activation, _product(p, bias, x, "kernel", kernel))


def _scaled(p: Program, x: Value, scale: Any = None, shift: Any = None) -> Value:
    """x·scale + shift, by feature."""
    if scale is not None:
        x = p.change("multiply", x, p.constant("scale", scale))
    return x if shift is None else p.change("add", x, p.constant("shift", shift))


def _batch_normalization(p: Program, layer: layers.BatchNormalization, x: Value, weights: Weights) -> Value:
    gamma = next(weights) if layer.scale else 1
    beta = next(weights) if layer.center else None
    centred = p.change("subtract", x, p.constant("mean", next(weights)))
    variance = next(weights)
    return _scaled(p, centred, gamma / np.sqrt(variance + variance.dtype.type(layer.epsilon)), beta)


def _layer_normalization(p: Program, layer: layers.LayerNormalization, x: Value, weights: Weights) -> Value:
    normal = p.change("normalize", p.change("center", x), literal(layer.epsilon))
    return _scaled(p, normal, next(weights) if layer.scale else None, next(weights) if layer.center else None)


def _rms_normalization(p: Program, layer: layers.RMSNormalization, x: Value, weights: Weights) -> Value:
    return _scaled(p, p.change("normalize", x, literal(layer.epsilon)), next(weights))


def _normalization(p: Program, layer: layers.Normalization, x: Value, weights: Weights) -> Value:
    mean, deviation = next(weights), np.sqrt(next(weights))
    if layer.invert:
        return _scaled(p, x, deviation, mean)
    least = deviation.dtype.type(LEAST_DEVIATION)
    return _scaled(p, p.change("subtract", x, p.constant("mean", mean)), 1 / np.maximum(deviation, least))


def _rescaling(p: Program, layer: layers.Rescaling, x: Value, weights: Weights) -> Value:
    (spec,) = layer._specs(x.width)
    offset = np.array(spec["offsets"])
    return _scaled(p, x, np.array(spec["settings"]), offset if offset.any() else None)


def _residual(p: Program, layer: layers.Residual, x: Value, weights: Weights) -> Value:
    f = _through(p, layer.layers, x, weights)
    return p.change("add", f, x) if f.width == x.width else _product(p, f, x, "projection", next(weights))


def _nothing(p: Program, layer: Layer, x: Value, weights: Weights) -> Value:
    """Layers that do something in training only, and Flatten: a sample is a row of features from the beginning."""
    return x


LAYERS: dict[str, Callable[[Program, Any, Value, Weights], Value]] = {
    "Dense": _dense,
    "Activation": _activation,
    "ReLU": _activation,
    "LeakyReLU": _activation,
    "ELU": _activation,
    "Softmax": _activation,
    "Dropout": _nothing,
    "GaussianNoise": _nothing,
    "GaussianDropout": _nothing,
    "AlphaDropout": _nothing,
    "ActivityRegularization": _nothing,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "RMSNormalization": _rms_normalization,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "Flatten": _nothing,
    "Residual": _residual,
}


def _through(p: Program, stack: Iterable[Layer], x: Value, weights: Weights) -> Value:
    scope = p.scope
    for i, layer in enumerate(stack):
        p.scope = f"{scope}_{i}"
        try:
            x = LAYERS[type(layer).__name__](p, layer, x, weights)
        except ValueError as error:
            raise ValueError(f"layer {layer.name!r} cannot be exported to C: {error}") from None
    p.scope = scope
    return x


# ---- the file ----


def _identifier(model_name: str) -> str:
    """A name for C, from one that may hold anything.

    >>> _identifier("my net/2"), _identifier("3"), _identifier("ü")
    ('my_net_2', 'model_3', 'model')
    """
    letters = re.sub("[^A-Za-z0-9]+", "_", model_name).strip("_")
    return letters if letters[:1].isalpha() else f"model_{letters}".strip("_")


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"name must be letters, digits and _, a letter first, as identifiers in C are; got {name!r}")
    return name


def _described(stack: Iterable[tuple[Layer, int]], indent: str = "     ") -> Iterator[str]:
    """A line for each layer."""
    for layer, width in stack:
        words = [type(layer).__name__, re.sub("[^A-Za-z0-9_.-]+", "_", str(layer.name))]
        if hasattr(layer, "activation"):
            words.append(layer.activation.kernel)
        yield f"{indent}{' '.join(words)}: {width} to {layer._outputs(width)}"
        if isinstance(layer, layers.Residual):
            yield from _described(layer._widths(width), indent + "  ")


def _array(name: str, numbers: Array) -> str:
    """The definition of a constant, a line for each row."""
    size = " * ".join(map(str, numbers.shape))
    rows = [", ".join(f"{number}f" for number in row.astype(str)) for row in np.atleast_2d(numbers)]
    return f"static const float {name}[{size}] = {{\n" + ",\n".join(rows) + "};\n"


COMMENT = """/* @: a network, by fastbp {version}, for one sample at a time. C99; needs libm.

     {declaration}

   x is a sample of @_INPUTS = {inputs} numbers{shape},
   y becomes its @_OUTPUTS = {outputs} outputs; they must not overlap. All arithmetic is float32{rounded}.
   Constants: {constants:,} bytes. Stack: {stack:,} bytes for what layers compute. Nothing is allocated, and nothing
   kept from call to call: threads may call it at once.

   Layers:
{layers}

   Example:
     #include <stdio.h>
     {example}

     int main(void) {{
       float x[@_INPUTS] = {{0.0f}}, y[@_OUTPUTS];
       @_predict(x, y);
       for (int i = 0; i < @_OUTPUTS; ++i) printf("%g\\n", (double)y[i]);
       return 0;
     }}

   {command} */
"""
DECLARATION = "void @_predict(const float *restrict x, float *restrict y);"
COMMAND = "cc -O3 -march=native -ffp-contract=fast main.c"


def _finite(weights: dict[str, npt.NDArray[Any]]) -> Weights:
    """The weights as they are, once they are found to have a place in float32."""
    for name, weight in weights.items():
        as_float32(weight, f"weight {name!r}")
        yield weight


def _text(model: Any, qualifier: str, example: str, command: str) -> str:
    """The file, with ``@`` for the name. ``qualifier`` is what comes before ``predict``."""
    model._require_network()  # builds the model, or says what it lacks
    inputs, outputs = model.input_shape[1], model.output_shape[1]
    p = Program(inputs)
    with np.errstate(all="ignore"):  # what is not finite is found
        calls, buffers = p.body(_through(p, model.layers, p.sample, _finite(saving._weights(model))))
    used = [text for function, text in FUNCTIONS.items() if any(call.startswith(f"@_{function}(") for call in calls)]
    shape = () if model._input is None else model._input.shape
    sizes = f"enum {{ @_INPUTS = {inputs}, @_OUTPUTS = {outputs} }};"
    comment = COMMENT.format(
        version=_core.__version__,
        declaration=qualifier + DECLARATION,
        inputs=inputs,
        outputs=outputs,
        shape=f" ({' x '.join(map(str, shape))}, the last axis running fastest)" if len(shape) > 1 else "",
        rounded="" if model.dtype == np.float32 else ", and the weights were rounded to it",
        constants=sum(numbers.nbytes for numbers in p.constants.values()),
        stack=4 * sum(buffers.values()),
        layers="\n".join(_described(model._widths(inputs))),
        example=example.format(declaration=f"{sizes}\n     {DECLARATION}"),
        command=f"{COMMAND} {command}",
    )
    stack = [f"float {', '.join(f'{buffer}[{width}]' for buffer, width in buffers.items())};"] if buffers else []
    body = "".join(f"  {line}\n" for line in [*stack, *calls])
    parts = [
        comment,
        "#include <math.h>\n",
        f"{sizes}\n{qualifier}{DECLARATION}\n",
        *(f"static {'inline ' * bool(qualifier)}{text}" for text in used),
        *(_array(*constant) for constant in p.constants.items()),
        f"{qualifier}{DECLARATION.removesuffix(';')} {{\n{body}}}\n",
    ]
    return "\n".join(parts)


def _named(text: str, model: Any, name: str | None) -> bytes:
    return text.replace("@", _identifier(str(model.name)) if name is None else _checked_name(name)).encode()


def source(model: Any, name: str | None = None) -> bytes:
    """A C file, to be compiled by itself: ``void <name>_predict(const float *restrict x, float *restrict y)``.

    One sample x (inputs) gives y (outputs); a comment in the file tells the rest. All arithmetic is float32: the
    weights of a float64 model are rounded.

    Args:
        model: the model.
        name: what the names in the file begin with; if not given the model's own name, with _ for what C has not.

    Raises:
        ValueError: for activations of one's own, naming the layer, for weights that are not finite in float32, and for
            a name that C has not.
    """
    return _named(_text(model, "", "{declaration}", "@.c -lm"), model, name)


def header(model: Any, name: str | None = None) -> bytes:
    """The same as ``source`` as a header, whose functions are ``static inline``."""
    text = _text(model, "static inline ", '#include "@.h"', "-lm")
    return _named(f"#ifndef @_H\n#define @_H\n\n{text}\n#endif\n", model, name)
