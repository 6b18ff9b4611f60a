"""Where one number of a trace comes from: the chain rule for a weight, and both ways for a node."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastbp.tracing.derivation import Derivation, Line, Token, add_up, shown
from fastbp.tracing.layer_trace import LayerTrace
from fastbp.tracing.text import SAMPLES

if TYPE_CHECKING:
    from fastbp.tracing.trace import Trace

__all__ = ["derive_node", "derive_weight"]

Array = npt.NDArray[Any]

VALUE, SLOPE, LOSS_SLOPE = (
    "value of the node feeding in",
    "slope of the activation at the node fed into",
    "slope of the loss at that node",
)
SUM_SLOPE = "slope of the loss at the sum of the node fed into"

# Slopes of activations that their values tell.
SLOPE_RULES = {"sigmoid": "value × ( 1 − value )", "tanh": "1 − value ²"}

# By loss: its slope at a node, whether that holds for the sum only, and whether it is a mean over the outputs.
LOSS_RULES = {
    "mean_squared_error": ("2 × ( prediction − target )", False, True),
    "binary_crossentropy": ("( prediction − target )", True, True),
    "categorical_crossentropy": ("( prediction − target )", True, False),
    "sparse_categorical_crossentropy": ("( prediction − target )", True, False),
}


def derive_weight(trace: "Trace", found: LayerTrace, at: tuple[int, ...], name: str) -> Derivation:
    """How the weight at a place of one of a layer's arrays got its slope and its new value."""
    if name not in found.weights:
        known = ", ".join(found.weights) or "none"
        raise ValueError(f"layer {found.name!r} has no weights {name!r}; it has: {known}")
    shape = found.weights[name].old.shape
    if len(at) != len(shape) or not all(0 <= place < size for place, size in zip(at, shape, strict=True)):
        raise ValueError(f"{name} of layer {found.name!r} has shape {shape}; got the place {at}")
    if len(shape) == 2:
        title = f"weight from {_source(trace, found, at[0])} to node {at[1]} of {found.name}"
        title += ", past its layers" * (found.start is not None)
    elif found.is_dense:
        title = f"bias of node {at[0]} of {found.name}"
    else:
        title = f"{name}[{', '.join(map(str, at))}] of {found.name}"
    slope = _slope(trace, found, name, at)
    return Derivation(title, [*slope, *trace.update.lines(found.numbers[name], at)])


def _source(trace: "Trace", layer: LayerTrace, i: int) -> str:
    name, _ = trace.feeding(layer)
    return f"node {i} of {name}" if name else f"input {i}"


def _slope(trace: "Trace", layer: LayerTrace, name: str, at: tuple[int, ...]) -> list[Line]:
    weight = layer.weights[name]
    whole = float(weight.gradient[at])
    if len(at) == 1 and not layer.is_dense:
        return [Line("slope", value=whole, remark=f"as the core takes it through {layer.kind} as a whole")]
    j = at[-1]
    feeding = trace.feeding(layer)[1][:, at[0]] if len(at) == 2 else np.ones(len(layer.inputs))
    if layer.start is not None and layer.output_slopes is not None:
        symbols, columns = [VALUE, LOSS_SLOPE], [feeding, layer.output_slopes[:, j]]
    elif layer.slopes is None or layer.value_slopes is None:
        assert layer.sum_slopes is not None
        symbols, columns = [VALUE, SUM_SLOPE], [feeding, layer.sum_slopes[:, j]]
    else:
        symbols, columns = [VALUE, SLOPE, LOSS_SLOPE], [feeding, layer.slopes[:, j], layer.value_slopes[:, j]]
    if name == "bias":
        symbols[0] = "1"
    terms = list(zip(*(column.tolist() for column in columns), strict=True))
    names: tuple[Token, ...] = tuple(token for symbol in symbols for token in ("×", symbol))[1:]
    if len(terms) > 1:
        names = ("Σ over samples", *names)
    penalty = float(weight.penalty[at])
    if not weight.trained:
        whole = penalty = float(np.sum(np.prod(terms, axis=1)))
    of_loss = whole - penalty if weight.trained else whole
    lines = [Line("slope of the loss" if penalty and weight.trained else "slope", names, add_up(terms), of_loss)]
    if penalty and weight.trained:
        r, share, w = weight.regularizer, weight.share, float(weight.old[at])
        known = {"slope_of_the_loss": of_loss, "l1": share * r.l1, "l2": share * r.l2, "weight": w}
        known |= {"sign_of_weight": float(np.sign(w)), "2": 2.0}
        rule = " + ".join(
            ["slope_of_the_loss", *["l1 × sign_of_weight"] * bool(r.l1), *["2 × l2 × weight"] * bool(r.l2)]
        )
        lines.append(Line.of("slope", rule, known, whole, "with the penalty on the weight"))
    return lines


def derive_node(trace: "Trace", found: LayerTrace, j: int) -> Derivation:
    """How node j of a layer got its value, and the slope of the loss at it."""
    nodes = found.outputs.shape[1]
    if not 0 <= j < nodes:
        raise ValueError(f"layer {found.name!r} has {nodes} nodes; got node {j}")
    result = Derivation(f"node {j} of {found.name}")
    n = len(found.outputs)
    for s in range(min(n, SAMPLES)):
        result.lines += [Line("", remark=f"sample {s}")] * (n > 1)
        result.lines += _node_forward(trace, found, s, j) + _node_backward(trace, found, s, j)
    if n > SAMPLES:
        result.lines.append(Line("", remark=f"and {n - SAMPLES} samples more"))
    return result


def _node_forward(trace: "Trace", layer: LayerTrace, s: int, j: int) -> list[Line]:
    lines = []
    if layer.past is not None:
        past = float(layer.past[s, j])
        if "projection" in layer.weights:
            projection = layer.weights["projection"].old
            tokens = add_up(list(zip(trace.feeding(layer)[1][s].tolist(), projection[:, j].tolist(), strict=True)))
            lines.append(Line("value past its layers", ("Σ", "value feeding in", "×", "weight"), tokens, past))
        known = {"value_of_its_layers": float(layer.inputs[s, j]), "value_past_them": past}
        rule = "value_of_its_layers + value_past_them"
        return [*lines, Line.of("value", rule, known, float(layer.outputs[s, j]))]
    if layer.is_dense and layer.sums is not None:
        kernel, bias = layer.weights["kernel"].old, layer.weights.get("bias")
        tokens = add_up(list(zip(layer.inputs[s].tolist(), kernel[:, j].tolist(), strict=True)))
        symbols: tuple[Token, ...] = ("Σ", "value feeding in", "×", "weight")
        if bias is not None:
            symbols, tokens = (*symbols, "+", "bias"), (*tokens, "+", float(bias.old[j]))
        lines.append(Line("sum", symbols, tokens, float(layer.sums[s, j])))
    if layer.activation is None or layer.sums is None or layer.values is None:
        lines.append(Line("value", value=float(layer.outputs[s, j]), remark=f"by {layer.kind}"))
        return lines
    name = layer.activation.name
    z = float(layer.sums[s, j])
    remark = "which looks at all sums of the sample" if layer.by_sample else ""
    lines.append(Line("value", (f"{name}(sum)",), (f"{name}({shown(z)})",), float(layer.values[s, j]), remark))
    if layer.slopes is not None:
        slope, value = float(layer.slopes[s, j]), float(layer.values[s, j])
        if name in SLOPE_RULES and layer.activation.kernel == name:
            lines.append(Line.of("slope of the activation", SLOPE_RULES[name], {"value": value, "1": 1.0}, slope))
        else:
            lines.append(Line("slope of the activation", (f"{name}′(sum)",), (f"{name}′({shown(z)})",), slope))
    return lines


def _node_backward(trace: "Trace", layer: LayerTrace, s: int, j: int) -> list[Line]:
    number = trace.layers.index(layer)
    last = number == len(trace.layers) - 1
    if last and trace.logits:
        return _slope_of_loss(trace, "slope of the loss at the sum", s, j)
    if layer.output_slopes is None:
        return []
    slope = float(layer.output_slopes[s, j])
    if last:
        lines = _slope_of_loss(trace, "slope of the loss", s, j)
    else:
        lines = _slope_from(trace.layers[number + 1], s, j, slope)
    if layer.past_slopes is not None:
        lines.append(Line("", remark="it goes back both into the block's layers and past them"))
    if layer.value_slopes is None or layer.sum_slopes is None:
        return lines
    value_slope, sum_slope = float(layer.value_slopes[s, j]), float(layer.sum_slopes[s, j])
    if layer.penalized:
        known = {"slope_of_the_loss": slope, "slope_of_the_penalty_on_the_value": value_slope - slope}
        rule = "slope_of_the_loss + slope_of_the_penalty_on_the_value"
        lines.append(Line.of("slope of the loss, penalty included", rule, known, value_slope))
    if layer.slopes is None:
        remark = "each value depends on every sum"
        lines.append(Line("slope of the loss at the sum", value=sum_slope, remark=remark))
    else:
        known = {"slope_of_the_loss": value_slope, "slope_of_the_activation": float(layer.slopes[s, j])}
        rule = "slope_of_the_loss × slope_of_the_activation"
        lines.append(Line.of("slope of the loss at the sum", rule, known, sum_slope))
    return lines


def _slope_from(later: LayerTrace, s: int, j: int, slope: float) -> list[Line]:
    """What comes back from the next layer to node j of what feeds into it, and past the blocks that begin there."""
    through = float(later.input_slopes[s, j])
    left = f"slope through {later.name}" if later.begun else "slope of the loss"
    if later.is_dense and later.sum_slopes is not None:
        of_sum = f"slope of the loss at the sum in {later.name}"
        lines = [_weighted(left, later.weights["kernel"].old[j], of_sum, later.sum_slopes[s], through)]
    else:
        lines = [Line(left, value=through, remark=f"comes back through {later.name}")]
    values = [through]
    for block in later.begun:
        assert block.past_slopes is not None
        assert block.output_slopes is not None
        left, past = f"slope past the layers of {block.name}", float(block.past_slopes[s, j])
        if "projection" in block.weights:
            weights, of_block = block.weights["projection"].old[j], f"slope of the loss at {block.name}"
            lines.append(_weighted(left, weights, of_block, block.output_slopes[s], past))
        else:
            lines.append(Line(left, value=past, remark=f"that at {block.name}, as it is"))
        values.append(past)
    if later.begun:
        symbols = [line.left for line in lines]
        added: list[Token] = [token for symbol in symbols for token in ("+", symbol)]
        numbers: list[Token] = [token for value in values for token in ("+", value)]
        lines.append(Line("slope of the loss", tuple(added[1:]), tuple(numbers[1:]), slope))
    return lines


def _weighted(left: str, weights: Array, of: str, slopes: Array, value: float) -> Line:
    """A sum of slopes that come back through weights."""
    tokens = add_up(list(zip(weights.tolist(), slopes.tolist(), strict=True)))
    return Line(left, ("Σ", "weight", "×", of), tokens, value)


def _slope_of_loss(trace: "Trace", left: str, s: int, j: int) -> list[Line]:
    """Where the way back begins: the loss."""
    share, slope = float(trace.shares[s]), float(trace.loss_slopes[s, j])
    prediction = float(trace.prediction[s, j])
    sparse = trace.targets.ndim == 1
    target = float(trace.targets[s] == j) if sparse else float(trace.targets[s, j])
    outputs = trace.prediction.shape[1]
    known = {"prediction": prediction, "target": target, "2": 2.0, "outputs": float(outputs), "share": share}
    known |= {"slope": slope}
    rule, remark = "slope", f"of {trace.loss_name} at prediction {shown(prediction)}, target {shown(target)}"
    formula = LOSS_RULES.get(str(trace.loss.kernel))
    if formula and not getattr(trace.loss, "label_smoothing", 0.0) and (trace.logits or not formula[1]):
        rule, remark = formula[0], ""
        mean = outputs if formula[2] else 1
        rule += " / outputs" * (mean > 1)
    rule += " × share" * (share != 1)
    return [Line.of(left, rule, known, slope * share, remark)]
