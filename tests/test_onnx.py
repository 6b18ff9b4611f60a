"""ONNX files: what onnxruntime computes from them, and what comes back of them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from layer_walk import EXAMPLES, randomize
from mutations import mutated

import fastbp
from fastbp import Dense, Input, Sequential, activations, layers
from fastbp.activations import CustomActivation

onnx = pytest.importorskip("onnx")
from fastbp.converters.onnx import _Reader  # noqa: E402
from fastbp.exporting.onnx import proto  # noqa: E402
from fastbp.exporting.operators import known  # noqa: E402

SETTINGS = [
    *known(),
    activations.relu.with_settings(max_value=4.0),
    activations.relu.with_settings(negative_slope=0.1),
    activations.relu.with_settings(0.25, 3.0, 1.0),
    activations.relu.with_settings(threshold=2.0),
    activations.threshold.with_settings(0.5, -3.0),
    *(
        a.with_settings(0.7)
        for name, a in activations.ACTIVATIONS.members.items()
        if name not in ("relu", "threshold", "gelu") and a.get_config()
    ),
]
LIMIT = {"softmax": 20, "log_softmax": 20, "mish": 10, "silu": 20, "gelu": 10}  # of sums, or of several functions


def has_gelu(layer):
    within = [layer, *getattr(layer, "layers", [])]
    return any(repr(getattr(inner, "activation", None)) == "<activation gelu>" for inner in within)


def is_own(layer):
    within = [layer, *getattr(layer, "layers", [])]
    return any(isinstance(getattr(inner, "activation", None), CustomActivation) for inner in within)


CASES = [
    pytest.param(make, dtype, id=f"{name}-{dtype}")
    for name, make in EXAMPLES.items()
    for dtype in ("float32", "float64")
    if not is_own(make(5)) and not (dtype == "float64" and has_gelu(make(5)))
]


def one(layer, dtype="float32", inputs=5):
    model = Sequential([Input((inputs,)), layer], dtype=dtype, seed=1)
    randomize(model)
    return model


def session(model, **options):
    runtime = pytest.importorskip("onnxruntime")
    made = proto(model, **options)
    onnx.checker.check_model(made, full_check=True)
    return runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])


def assert_equal(a, b):
    assert a.get_config() == b.get_config()
    assert [w.tobytes() for w in a.weights] == [w.tobytes() for w in b.weights]


def read_nodes(made):
    """The model by the nodes alone, as of a file of another program."""
    return _Reader(onnx, made.graph).read(made.graph)


# ---- out ----


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", SETTINGS, ids=repr)
def test_onnxruntime_computes_every_activation(activation, dtype):
    if dtype == "float64" and repr(activation) == "<activation gelu>":
        with pytest.raises(ValueError, match=r"layer 'activation'.*onnxruntime has no gelu in float64"):
            proto(one(layers.Activation(activation), dtype))
        return
    width = 7 if "softmax" in activation.name else 1
    rng = np.random.default_rng(0)
    x = np.concatenate([3 * rng.standard_normal(700), np.linspace(-84, 84, 2002), [0, 0.5, -0.5, 1, -1, 3, -3, 6, 2]])
    x = x[: len(x) // width * width].reshape(-1, width).astype(dtype)
    model = one(layers.Activation(activation), dtype, width)
    y, expected = session(model).run(None, {"input": x})[0], model(x)
    assert y.dtype == dtype
    # some roundings, each of a value not above |x| or |f(x)|
    scale = np.abs(x).max(axis=1, keepdims=True) if width > 1 else np.abs(x)
    tolerance = LIMIT.get(activation.name, 4) * np.finfo(dtype).eps * np.maximum(1, np.maximum(scale, np.abs(expected)))
    assert (np.abs(y - expected) <= tolerance).all()
    np.testing.assert_array_equal(np.isnan(session(model).run(None, {"input": x[:1] * np.nan})[0]), True)


@pytest.mark.parametrize(("make", "dtype"), CASES)
def test_onnxruntime_computes_every_layer(make, dtype):
    model = one(make(5), dtype)
    x = np.random.default_rng(1).standard_normal((50, 5)).astype(dtype)
    y, expected = session(model).run(None, {"input": x})[0], model(x)
    # a handful of products of 5 to 8 terms of order 1
    assert np.abs(y - expected).max() <= 8 * np.finfo(dtype).eps * np.sqrt(8) * max(1, np.abs(expected).max())


def images(**options):
    stack = [layers.Rescaling(1 / 255), layers.Flatten(), Dense(6, "relu"), layers.Dropout(0.5), Dense(3, "softmax")]
    return Sequential([Input((4, 5)), *stack], seed=2, **options)


@pytest.mark.parametrize("batch", [1, 3])
def test_samples_keep_their_shape_and_the_batch_is_free(batch):
    model, x = images(), np.random.default_rng(0).uniform(0, 255, (batch, 4, 5)).astype(np.float32)
    y = session(model).run(None, {"input": x})[0]
    np.testing.assert_allclose(y, model.predict(x, verbose=0), rtol=1e-5)


def test_a_model_built_by_its_data_has_its_width():
    model = Sequential([Dense(2)], seed=0)
    with pytest.raises(ValueError, match="width of the input"):
        proto(model)
    x = np.ones((3, 4), np.float32)
    expected = model(x)
    np.testing.assert_allclose(session(model).run(["output"], {"input": x})[0], expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("labels", [[7, 5, 9], ["a", "b", "ç"]])
@pytest.mark.parametrize("last", ["softmax", None])
def test_labels_and_probabilities(last, labels, dtype):
    model = Sequential([Input((4,)), Dense(3, last), layers.Dropout(0.5)], dtype=dtype, seed=0)
    x = np.random.default_rng(0).standard_normal((20, 4)).astype(dtype)
    output, label, probabilities = session(model, labels=labels).run(["output", "label", "probabilities"], {"input": x})
    expected = model(x) if last else activations.softmax(model(x))
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)
    np.testing.assert_allclose(output, model(x), rtol=1e-5, atol=1e-6)
    assert label.tolist() == [labels[i] for i in expected.argmax(axis=1)]


@pytest.mark.parametrize("last", ["sigmoid", None])
def test_two_classes_of_one_output(last):
    model = Sequential([Input((4,)), Dense(1, last)], seed=0)
    x = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    label, probabilities = session(model, labels=[-1, 1]).run(["label", "probabilities"], {"input": x})
    p = model(x) if last else activations.sigmoid(model(x))
    np.testing.assert_allclose(probabilities, np.hstack([1 - p, p]), rtol=1e-5)
    assert label.tolist() == np.where(p[:, 0] > 0.5, 1, -1).tolist()


@pytest.mark.parametrize(
    ("layer", "labels", "message"),
    [
        (Dense(3, "softmax"), [0, 1], "3 different whole numbers, or names"),
        (Dense(3, "softmax"), [0, 1, 1], "3 different"),
        (Dense(3, "softmax"), [0.5, 1.0, 2.0], "3 different"),
        (Dense(1, "sigmoid"), ["yes"], "2 different"),
        (Dense(3, "relu"), [0, 1, 2], "3 outputs of relu"),
        (Dense(3, "sigmoid"), [0, 1, 2], "3 outputs of sigmoid"),
        (layers.Residual([Dense(3, "softmax")]), [0, 1, 2], "outputs of a Residual layer"),
        (layers.Dropout(0.5), list(range(5)), "outputs of no layer"),
    ],
)
def test_labels_that_cannot_be(layer, labels, message):
    with pytest.raises(ValueError, match=message):
        proto(one(layer), labels)


def test_functions_of_ones_own_are_named():
    own = CustomActivation(np.tanh, lambda x: 1 - np.tanh(x) ** 2, name="tanh")
    model = Sequential([Input((2,)), layers.Residual([Dense(3, own, name="inner")], name="block")])
    with pytest.raises(ValueError, match=r"layer 'block'.*layer 'inner'.*'tanh' is a function of your own"):
        proto(model)


def test_export_chooses_by_the_ending(tmp_path):
    model = one(Dense(2))
    for path, options in ((tmp_path / "m.onnx", {}), (tmp_path / "m.bin", {"format": "onnx"})):
        model.export(path, **options)
        onnx.checker.check_model(str(path), full_check=True)
    assert sorted(os.listdir(tmp_path)) == ["m.bin", "m.onnx"]
    for path, options in (("m.pb", {}), ("m", {}), ("m.onnx", {"format": "tf_saved_model"})):
        with pytest.raises(ValueError, match=r"unknown format .* Known: .*onnx"):
            model.export(path, **options)
    with pytest.raises(TypeError, match="classes"):
        model.export(tmp_path / "m.onnx", classes=3)


def test_a_failed_export_leaves_the_file(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="cannot be exported"):
        one(layers.Activation((np.sin, np.cos))).export(path)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["m.onnx"]


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in "ab":
        images().export(tmp_path / f"{name}.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_without_the_package_the_extra_is_named(tmp_path):
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "import fastbp\n"
        "model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1)])\n"
        "for call in (lambda: model.export('m.onnx'), lambda: fastbp.from_onnx(__file__)):\n"
        "    try:\n"
        "        call()\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
    )
    path = tmp_path / "script.py"
    path.write_text(code)
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["ONNX files need the package onnx: pip install 'fastbp[onnx]'"] * 2


# ---- in ----


@pytest.mark.parametrize(("make", "dtype"), CASES)
def test_our_own_files_come_back_exactly(make, dtype, tmp_path):
    model = one(make(5), dtype)
    model.export(tmp_path / "m.onnx")
    assert_equal(fastbp.from_onnx(tmp_path / "m.onnx"), model)


@pytest.mark.parametrize("labels", [None, [3, 4, 5], ["a", "b", "c"]])
def test_so_do_shapes_names_and_labels(labels, tmp_path):
    model = images(name="small/one")
    model.layers[2].name = "a/b"
    model.export(tmp_path / "m.onnx", labels=labels)
    assert_equal(fastbp.from_onnx(tmp_path / "m.onnx"), model)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", known(), ids=repr)
def test_activations_are_told_by_their_nodes(activation, dtype):
    if dtype == "float64" and repr(activation) == "<activation gelu>":
        pytest.skip("there is no such file")
    found = read_nodes(proto(one(Dense(3, activation), dtype))).layers[0].activation
    assert found.name == activation.name
    for key, value in activation.get_config().items():
        assert found.get_config()[key] == (pytest.approx(value, rel=1e-6) if value else value)


def test_a_graph_that_was_changed_is_read_by_its_nodes(tmp_path):
    made = proto(Sequential([Input((5,)), Dense(4, "relu"), Dense(2)], seed=0))
    made.graph.node[1].op_type = "Tanh"
    onnx.save(made, tmp_path / "m.onnx")
    assert repr(fastbp.from_onnx(tmp_path / "m.onnx")) == "<Sequential sequential: <Dense 4 tanh>, <Dense 2 linear>>"


def foreign(*nodes, constants=None, shape=("n", 4), outputs=1):
    """A model of nodes (operator, inputs, output, attributes), from x to y."""
    float32 = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, i.split(), [o], **dict(*a)) for op, i, o, *a in nodes],
        "foreign",
        [onnx.helper.make_tensor_value_info("x", float32, shape)],
        [onnx.helper.make_tensor_value_info("y", float32, None)] * outputs,
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9)


def numbers(*shape):
    return np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(np.float32)


FOREIGN = {
    "Gemm of rows of weights": ([("Gemm", "x w b", "y", {"transB": 1})], {"w": numbers(3, 4), "b": numbers(3)}),
    "Gemm with one bias": ([("Gemm", "x w b", "y")], {"w": numbers(4, 3), "b": numbers(1)}),
    "Gemm without a bias": ([("Gemm", "x w", "y")], {"w": numbers(4, 3)}),
    "MatMul, Add": ([("MatMul", "x w", "a"), ("Add", "b a", "y")], {"w": numbers(4, 3), "b": numbers(1, 3)}),
    "MatMul, Add, Add": (
        [("MatMul", "x w", "a"), ("Add", "a b", "c"), ("Add", "c b", "y")],
        {"w": numbers(4, 3), "b": numbers(3)},
    ),
    "silu": ([("Sigmoid", "x", "a"), ("Mul", "a x", "y")], {}),
    "mish": ([("Softplus", "x", "a"), ("Tanh", "a", "b"), ("Mul", "x b", "y")], {}),
    "gelu by erf": (
        [
            ("Div", "x r", "a"),
            ("Erf", "a", "b"),
            ("Add", "b one", "c"),
            ("Mul", "x c", "d"),
            ("Mul", "d half", "y"),
        ],
        {"r": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)},
    ),
    "Clip": ([("Clip", "x lo hi", "y")], {"lo": np.float32(-1), "hi": np.float32(1)}),
    "arithmetic": (
        [("Sub", "x c", "a"), ("Div", "a d", "b"), ("Mul", "d b", "e"), ("Add", "c e", "y")],
        {"c": numbers(4), "d": np.float32(4)},
    ),
    "BatchNormalization": (
        [("BatchNormalization", "x g b m v", "y", {"epsilon": 0.5})],
        {"g": numbers(4), "b": -numbers(4), "m": numbers(4), "v": numbers(4)},
    ),
    "LayerNormalization": ([("LayerNormalization", "x g", "y", {"axis": 1})], {"g": numbers(4)}),
    "Softmax of axis 1": ([("Softmax", "x", "y", {"axis": 1})], {}),
    "defaults": ([("LeakyRelu", "x", "a"), ("HardSigmoid", "a", "y", {"alpha": 1 / 6})], {}),
    "hard_shrink": ([("Shrink", "x", "y", {"lambd": 0.75})], {}),
    "Dropout, Identity": (
        [("Dropout", "x rate", "a"), ("Identity", "a", "y")],
        {"rate": np.float32(0.25)},
    ),
    "nothing": ([("Identity", "x", "y")], {}),
    "Constant": (
        [
            ("Constant", "", "w", {"value": onnx.numpy_helper.from_array(numbers(4, 2))}),
            ("MatMul", "x w", "y"),
        ],
        {},
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_others(name, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    nodes, constants = FOREIGN[name]
    made = foreign(*nodes, constants=constants)
    onnx.save(made, tmp_path / "m.onnx")
    model = fastbp.from_onnx(tmp_path / "m.onnx")
    del made.graph.output[:]
    made.graph.output.extend([onnx.helper.make_tensor_value_info("y", 1, ["n", "m"])])
    x = np.random.default_rng(3).standard_normal((30, 4)).astype(np.float32)
    expected = runtime.InferenceSession(made.SerializeToString()).run(None, {"x": x})[0]
    np.testing.assert_allclose(model(x), expected, rtol=16 * 2.0**-23, atol=16 * 2.0**-23)


@pytest.mark.parametrize("node", [("Flatten", "x", "a"), ("Reshape", "x s", "a")], ids=lambda node: node[0])
def test_flatten_of_others(node):
    made = foreign(node, ("MatMul", "a w", "y"), constants={"w": numbers(6, 2), "s": [-1, 6]}, shape=("n", 2, 3))
    model, x = read_nodes(made), numbers(5, 2, 3)
    np.testing.assert_allclose(model.predict(x, verbose=0), x.reshape(5, 6) @ numbers(6, 2), rtol=1e-6)


BAD = {
    "Conv": ([("Conv", "x w", "y")], {"w": numbers(4, 3)}, r"node 'y' \(Conv\): Conv is not supported"),
    "branches": ([("Relu", "x", "a"), ("Add", "x a", "y")], {}, r"\(Relu\): the graph branches"),
    "no way": ([("Relu", "x", "a")], {}, "nothing leads from 'a'"),
    "no constant": ([("Gemm", "x w", "y")], {}, "'w' must be a constant"),
    "transA": ([("Gemm", "x w", "y", {"transA": 1})], {"w": numbers(4, 3)}, "transA must be 0; got 1"),
    "alpha": ([("Gemm", "x w", "y", {"alpha": 0.5})], {"w": numbers(4, 3)}, "alpha must be 1.0; got 0.5"),
    "other width": ([("Gemm", "x w", "y")], {"w": numbers(5, 3)}, r"4 inputs need weights of shapes"),
    "other bias": ([("Gemm", "x w b", "y")], {"w": numbers(4, 3), "b": numbers(2)}, "broadcast"),
    "kernel of 3 dimensions": ([("MatMul", "x w", "y")], {"w": numbers(1, 4, 3)}, r"shape \(1, 4, 3\)"),
    "whole numbers": ([("MatMul", "x w", "y")], {"w": np.ones((4, 3), np.int64)}, "dtype int64"),
    "axis": ([("Softmax", "x", "y", {"axis": 0})], {}, "Softmax is not supported|not supported"),
    "column": ([("Mul", "x c", "y")], {"c": numbers(4, 1)}, "one for each feature"),
    "x below": ([("MatMul", "w x", "y")], {"w": numbers(3, 4)}, "must take the value before it"),
    "circle": ([("Relu", "x", "a"), ("Tanh", "a", "a")], {}, "circle"),
    "rate": ([("Dropout", "x r", "y")], {"r": np.float32(2)}, "rate must be at least 0 and below 1"),
    "slope": ([("LeakyRelu", "x", "y", {"alpha": -1.0})], {}, "negative_slope must be at least 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_nodes_without_a_counterpart_are_named(name, tmp_path):
    nodes, constants, message = BAD[name]
    onnx.save(foreign(*nodes, constants=constants), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=message) as error:
        fastbp.from_onnx(tmp_path / "m.onnx")
    assert str(error.value).startswith(str(tmp_path / "m.onnx"))


def test_a_file_promises_no_more_than_it_holds(tmp_path):
    made = proto(one(Dense(2)))
    made.graph.initializer[0].dims[:] = [2**31, 2**31]
    onnx.save(made, tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="damaged"):
        fastbp.from_onnx(tmp_path / "m.onnx")
    made = proto(one(layers.Rescaling(2.0)))
    made.metadata_props[0].value = made.metadata_props[0].value.replace("[5]", "[1000000000000]")
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 10**12
    onnx.save(made, tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="inputs"):
        fastbp.from_onnx(tmp_path / "m.onnx")


def test_weights_in_other_files_are_not_read(tmp_path):
    made = proto(one(Dense(300)))
    onnx.save(made, tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(ValueError, match="lies in another file"):
        fastbp.from_onnx(tmp_path / "m.onnx")


def test_damaged_files_are_value_errors(tmp_path):
    whole = proto(Sequential([Input((3,)), Dense(2, "relu"), layers.LayerNormalization()], seed=0)).SerializeToString()
    rng, path, refused = np.random.default_rng(0), tmp_path / "m.onnx", 0
    for i in range(300):
        data = bytearray(whole[: len(whole) * i // 100] if i < 100 else whole)
        for place in rng.integers(0, len(data), 3) if i > 100 else []:
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            fastbp.from_onnx(path)
        except ValueError as error:
            refused += str(path) in str(error)
    assert refused > 100


def test_descriptions_that_were_changed_give_a_model_or_a_value_error(tmp_path):
    inner = [Dense(2, "elu", kernel_regularizer="l2", kernel_constraint="max_norm"), layers.BatchNormalization()]
    stack = [layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0]), layers.Rescaling([1.0, 2.0]), Dense(1)]
    made = proto(Sequential([Input((3,)), layers.Residual(inner), layers.Dropout(0.5, seed=3), *stack], seed=0))
    rng, path, description = np.random.default_rng(0), tmp_path / "m.onnx", json.loads(made.metadata_props[0].value)
    refused = 0
    for _ in range(300):
        made.metadata_props[0].value = json.dumps(mutated(description, rng))
        path.write_bytes(made.SerializeToString())
        try:
            fastbp.from_onnx(path)
        except ValueError as error:  # the nodes alone do not tell a Residual
            refused += str(path) in str(error)
    assert refused > 100
