"""C files: they compile without a warning, compute what the model does, and hold nothing else."""

import ctypes
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_walk import EXAMPLES, SETTINGS, is_own, one, randomize

from fastbp import Dense, Input, Sequential, layers
from fastbp.activations import CustomActivation
from fastbp.exporting.functions import FORMULAS

CC = shutil.which("cc") or shutil.which("gcc")
WARNINGS = ["all", "extra", "pedantic", "error", "conversion", "double-promotion", "shadow", "missing-prototypes"]
STRICT = ["-std=c99", *(f"-W{name}" for name in WARNINGS)]
EPS = float(np.finfo(np.float32).eps)

needs_compiler = pytest.mark.skipif(CC is None, reason="there is no C compiler")


def cc(folder, *arguments):
    """What the compiler says."""
    done = subprocess.run([CC, *STRICT, *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def compiled(folder, models, **options):
    """One library of all the models, each by its name in the dict."""
    for name, model in models.items():
        model.export(folder / f"{name}.c", name=name, **options)
    cc(folder, "-O2", "-shared", "-fPIC", "-o", "all.so", *(f"{name}.c" for name in models), "-lm")
    return ctypes.CDLL(str(folder / "all.so"))


def predicted(library, name, x, outputs):
    """What the network computes for samples (n, inputs)."""
    rows, y = np.ascontiguousarray(x, np.float32), np.empty((len(x), outputs), np.float32)
    predict = getattr(library, f"{name}_predict")
    predict.argtypes, predict.restype = [ctypes.c_void_p] * 2, None
    for row, out in zip(rows, y, strict=True):
        predict(row.ctypes.data, out.ctypes.data)
    return y


def text(model, tmp_path, **options):
    model.export(tmp_path / "m.c", **options)
    return (tmp_path / "m.c").read_text()


# ---- numbers ----


def width_for(activation):
    return 7 if "softmax" in activation.name else 1


@pytest.fixture(scope="module")
def of_activations(tmp_path_factory):
    models = {f"a{i}": one(layers.Activation(a), "float32", width_for(a)) for i, a in enumerate(SETTINGS)}
    return models, compiled(tmp_path_factory.mktemp("activations"), models)


@needs_compiler
@pytest.mark.parametrize("number", range(len(SETTINGS)), ids=lambda i: repr(SETTINGS[i]))
def test_every_activation(of_activations, number):
    models, library = of_activations
    name, width = f"a{number}", width_for(SETTINGS[number])
    rng = np.random.default_rng(0)
    edges = [0, 0.5, -0.5, 1, -1, 3, -3, 6, 2, 1e-30, -1e-30]
    x = np.concatenate([3 * rng.standard_normal(700), np.linspace(-84, 84, 2002), edges])
    x = x[: len(x) // width * width].reshape(-1, width).astype(np.float32)
    y, expected = predicted(library, name, x, width), models[name](x)
    # at most 4 ULP: what vec_math.h promises of exp and its kin, and libm's are better
    assert (np.abs(y - expected) <= 4 * EPS * np.maximum(1, np.abs(expected))).all()
    ends = np.full((3, width), [[np.inf], [-np.inf], [np.nan]], np.float32)
    np.testing.assert_array_equal(predicted(library, name, ends, width), models[name](ends))


LAYERS = {
    f"l{i}_{dtype}": (name, make, dtype)
    for i, (name, make) in enumerate(EXAMPLES.items())
    for dtype in ("float32", "float64")
    if not is_own(make(5))
}


@pytest.fixture(scope="module")
def of_layers(tmp_path_factory):
    models = {key: one(make(5), dtype) for key, (_, make, dtype) in LAYERS.items()}
    return models, compiled(tmp_path_factory.mktemp("layers"), models)


@needs_compiler
@pytest.mark.parametrize("key", LAYERS, ids=lambda key: f"{LAYERS[key][0]}-{LAYERS[key][2]}")
def test_every_layer(of_layers, key):
    models, library = of_layers
    x = np.random.default_rng(1).standard_normal((50, 5)).astype(np.float32)
    expected = models[key](x.astype(models[key].dtype))
    y = predicted(library, key, x, expected.shape[1])
    # a handful of products of 5 to 8 terms of order 1, and the rounded weights of float64
    assert np.abs(y - expected).max() <= 8 * EPS * np.sqrt(8) * max(1, np.abs(expected).max())


def test_no_activation_and_no_layer_is_forgotten():
    assert {a.kernel for a in SETTINGS} - {"linear", "softmax", "log_softmax"} == set(FORMULAS)
    assert {type(make(5)).__name__ for make in EXAMPLES.values()} == set(layers.LAYERS)


# Those that neither jump, where a rounding may land on either side, nor grow faster than x.
SMOOTH = [
    a for a in SETTINGS if a.name not in ("hard_shrink", "threshold", "exponential") and "threshold=" not in repr(a)
]
STACKABLE = [
    make for name, make in EXAMPLES.items() if not is_own(make(5)) and name not in ("ReLU", "Activation that grows")
]
stacks = st.lists(
    st.one_of(
        st.sampled_from(STACKABLE),
        st.builds(
            lambda units, activation, bias: lambda n: Dense(units, activation, bias),
            st.integers(1, 40),
            st.sampled_from(SMOOTH),
            st.booleans(),
        ),
    ),
    min_size=1,
    max_size=6,
)


def stacked(makes, inputs, dtype):
    """A network, each layer made for the width it gets."""
    made, width = [Input((inputs,))], inputs
    for make in makes:
        made.append(make(width))
        width = made[-1]._outputs(width)
    model = Sequential(made, dtype=dtype, seed=0)
    randomize(model)
    return model


def through(stack, x):
    """What comes in, and what each layer gives."""
    values = [x]
    for layer in stack:
        values.append(layer(values[-1]))
    return values


def tolerance(model, x):
    """How far roundings may carry: what each layer gives is off by a share of its greatest number, and all that follows
    makes of this what it makes of any small change. Some signs are drawn, of which none need be the worst."""
    rng = np.random.default_rng(0)
    values = through(model.layers, x)
    total = np.zeros(len(x))
    for i, value in enumerate(values):
        size = 2 * EPS * np.maximum(1, np.abs(values[max(i - 1, 0)]).max(axis=1) + np.abs(value).max(axis=1))
        drawn = [value + size[:, None] * rng.choice([-1, 1], value.shape) for _ in range(3)]
        ends = [through(model.layers[i:], changed)[-1] for changed in drawn]
        total += np.max([np.abs(end - values[-1]).max(axis=1) for end in ends], axis=0)
    return total


@needs_compiler
@settings(max_examples=4, deadline=None)
@given(networks=st.lists(st.tuples(stacks, st.integers(1, 40)), min_size=4, max_size=10))
def test_random_networks(tmp_path_factory, networks):
    models = {f"n{i}": stacked(makes, inputs, "float64") for i, (makes, inputs) in enumerate(networks)}
    library = compiled(tmp_path_factory.mktemp("random"), models)
    for name, model in models.items():
        x = np.random.default_rng(2).standard_normal((10, model.input_shape[1])).astype(np.float32)
        expected = model(x.astype(np.float64))
        y = predicted(library, name, x, expected.shape[1])
        assert (np.abs(y - expected).max(axis=1) <= tolerance(model, x.astype(np.float64))).all(), model


@needs_compiler
def test_weights_are_exact(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**32, (40, 25), np.uint32).view(np.float32)  # of every size
    w = np.where(np.isfinite(bits), bits, np.float32(0.1))
    model = Sequential([Input((40,)), Dense(25, use_bias=False)])
    model.set_weights([w])
    y = predicted(compiled(tmp_path, {"net": model}), "net", np.eye(40), 25)
    np.testing.assert_array_equal(y, w)


def images(**options):
    stack = [layers.Rescaling(1 / 255), layers.Flatten(), Dense(6, "relu"), layers.Dropout(0.5), Dense(3, "softmax")]
    return Sequential([Input((4, 5)), *stack], seed=2, **options)


@needs_compiler
def test_samples_of_any_shape_are_rows(tmp_path):
    model, x = images(), np.random.default_rng(0).uniform(0, 255, (3, 4, 5)).astype(np.float32)
    y = predicted(compiled(tmp_path, {"net": model}), "net", x, 3)
    np.testing.assert_allclose(y, model.predict(x, verbose=0), rtol=1e-5)
    assert "20 numbers (4 x 5, the last axis running fastest)" in (tmp_path / "net.c").read_text()


# ---- the compiler ----


def is_gcc():
    found = shutil.which("gcc")
    return (
        found
        and "Free Software Foundation" in subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    )


@pytest.mark.skipif(not is_gcc(), reason="gcc tells what it vectorised; there is none")
@pytest.mark.parametrize("units", [128, 64, 16, 8])
def test_gcc_vectorises_the_product(units, tmp_path):
    lines = text(Sequential([Input((784,)), Dense(units, "relu")], name="net"), tmp_path).splitlines()
    (line,) = (number for number, line in enumerate(lines, 1) if "y[j] += x[i] * w[j]" in line)  # the inner loop
    command = ["gcc", "-std=c99", "-O3", "-fopt-info-vec-optimized", "-c", "m.c", "-o", "m.o"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
    assert re.search(rf"m\.c:{line}:\d+: optimized: loop vectorized", said), said


@needs_compiler
@pytest.mark.parametrize("ending", ["c", "h"])
def test_the_example_in_the_comment(ending, tmp_path):
    model = images(name="net")
    model.export(tmp_path / f"net.{ending}")
    comment = (tmp_path / f"net.{ending}").read_text().partition("*/")[0]
    (tmp_path / "main.c").write_text(comment.partition("Example:\n")[2].rpartition("cc -O3")[0])
    cc(tmp_path, "-O1", "main.c", *["net.c"] * (ending == "c"), "-o", "main", "-lm")
    said = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    np.testing.assert_allclose([float(word) for word in said.split()], model(np.zeros((1, 20)))[0], rtol=1e-5)


@needs_compiler
def test_headers_go_together(tmp_path):
    for name, activation in (("net", "hard_tanh"), ("net_hard", "tanh"), ("net_kernel", "tanh")):
        one(Dense(2, activation)).export(tmp_path / f"{name}.h", name=name)
    names = ["net", "net_hard", "net_kernel", "net"]
    (tmp_path / "all.c").write_text("".join(f'#include "{name}.h"\n' for name in names) + "int net_used;\n")
    cc(tmp_path, "-c", "all.c")


# ---- what gets into the file ----


@pytest.mark.parametrize("name", ["", "3", "_net", "a b", "a-b", "net\n", "net;", "nét", "x*/", 3, ["net"]])
def test_names_that_are_no_identifiers(name, tmp_path):
    with pytest.raises(ValueError, match="name must be letters, digits and _"):
        one(Dense(2)).export(tmp_path / "m.c", name=name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("sequential", "sequential"), ("small/one", "small_one"), ("3d", "model_3d"), ("__x__", "x"), ("ü", "model")],
)
def test_the_name_of_the_model_becomes_one(name, prefix, tmp_path):
    assert f"\nvoid {prefix}_predict(" in text(images(name=name), tmp_path)


@needs_compiler
def test_names_of_the_users_bring_nothing_in(tmp_path):
    evil = '*/ int main(void) { return 1; } /* ??/ \\\n#error "@_relu" // ü'
    model = Sequential(
        [Input((2,)), Dense(2, name=evil), layers.Residual([Dense(2, name=f"{evil}/2")], name=f"{evil}3")], name=evil
    )
    written = text(model, tmp_path)
    assert re.fullmatch(r"[ -~\n]+", written)
    assert written.count("/*") == written.count("*/")
    assert "#error" not in written
    assert "@" not in written
    cc(tmp_path, "-c", "m.c")


@pytest.mark.parametrize(("bad", "dtype"), [(np.nan, "float32"), (-np.inf, "float32"), (1e39, "float64")])
@pytest.mark.parametrize("number", [0, 5])
def test_weights_that_are_not_finite(bad, dtype, number, tmp_path):
    model = Sequential([Input((2,)), Dense(2), layers.BatchNormalization(name="norm")], dtype=dtype)
    model.weights[number][-1] = bad
    layer, weight = [("dense", "0/dense/kernel"), ("norm", "1/norm/moving_variance")][number > 0]
    with pytest.raises(
        ValueError, match=rf"layer '{layer}'.*weight '{weight}' must be finite in float32; got .* at \("
    ):
        model.export(tmp_path / "m.c")


def test_functions_of_ones_own_are_named(tmp_path):
    own = CustomActivation(np.tanh, lambda x: 1 - np.tanh(x) ** 2, name="tanh")
    model = Sequential([Input((2,)), layers.Residual([Dense(2, own, name="inner")], name="block")])
    (tmp_path / "m.c").write_text("before")
    with pytest.raises(ValueError, match=r"layer 'block'.*layer 'inner'.*'tanh' is a function of your own"):
        model.export(tmp_path / "m.c")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("m.c", "before")]


def test_the_same_model_gives_the_same_bytes(tmp_path):
    assert text(images(), tmp_path) == text(images(), tmp_path)


def test_what_the_comment_says(tmp_path):
    model = Sequential([Input((3,)), Dense(8, "relu"), Dense(4, "gelu"), Dense(2)], dtype="float64")
    written = text(model, tmp_path)
    assert "float32, and the weights were rounded to it" in written
    assert f"Constants: {4 * model.count_params()} bytes. Stack: {4 * (8 + 4)} bytes" in written
    assert "Dense dense_1 gelu: 8 to 4\n" in written
    assert "rounded" not in text(images(), tmp_path)


def test_a_model_without_a_width_says_so(tmp_path):
    with pytest.raises(ValueError, match="width of the input"):
        Sequential([Dense(2)]).export(tmp_path / "m.c")
