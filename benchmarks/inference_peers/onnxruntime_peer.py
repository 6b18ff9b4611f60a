"""onnxruntime, on a graph of Gemm and Relu."""

from typing import Any

import onnxruntime
from onnx import ModelProto, TensorProto, helper, numpy_helper

from benchmarks import machine
from benchmarks.queries import Query
from benchmarks.workloads import Array

OPSET, IR_VERSION = 17, 8  # of 2022: any onnxruntime of today reads them


def graph(query: Query, weights: list[Array]) -> ModelProto:
    """The network as ONNX, from "x" (rows, in) to "y" (rows, out)."""
    layers = len(query.widths) - 1
    nodes, constants, value = [], [], "x"
    for i, (kernel, bias) in enumerate(zip(weights[::2], weights[1::2], strict=True), start=1):
        constants += [numpy_helper.from_array(kernel, f"w{i}"), numpy_helper.from_array(bias, f"b{i}")]
        z = f"z{i}" if i < layers else "y"
        nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [z]))
        if i < layers:
            value = f"a{i}"
            nodes.append(helper.make_node("Relu", [z], [value]))
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [query.rows, width])
        for name, width in (("x", query.widths[0]), ("y", query.widths[-1]))
    )
    return helper.make_model(
        helper.make_graph(nodes, "network", [x], [y], constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


class Peer:
    """A session."""

    def __init__(self, query: Query, weights: list[Array]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = machine.cores()  # those that this process may use
        options.inter_op_num_threads = 1
        model = graph(query, weights).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def prepared(self, x: Array) -> dict[str, Array]:
        return {"x": x}

    def predict(self, x: dict[str, Array]) -> Array:
        return self.session.run(None, x)[0]

    @staticmethod
    def about() -> dict[str, Any]:
        return {"version": onnxruntime.__version__, "threads": machine.cores()}
