"""Networks of other libraries: the same weights and the same outputs, here and back there."""

import io
import json
import os
import subprocess
import sys
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from layer_walk import EXAMPLES, randomize
from mutations import mutated

import fastbp
from fastbp import Dense, Input, Sequential, activations, layers
from fastbp._counterparts import theirs
from fastbp.converters import sklearn as of_sklearn
from fastbp.converters import torch as of_torch

ENV = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
DTYPES = ["float32", "float64"]
OTHER = {"relu": {"negative_slope": 0.25}, "leaky_relu": {"negative_slope": 0.4}, "elu": {"alpha": 0.5}}


def rows(n=20, width=5, dtype="float32"):
    return np.random.default_rng(0).standard_normal((n, width)).astype(dtype)


def assert_same_weights(model, other):
    assert [(w.dtype, w.tobytes()) for w in model.weights] == [(w.dtype, w.tobytes()) for w in other.weights]


def assert_close(y, expected, products=2):
    """Equal up to the roundings of a few products of at most 8 terms of order 1."""
    y, expected = np.asarray(y), np.asarray(expected)
    assert (y.dtype, y.shape) == (expected.dtype, expected.shape)
    limit = 8 * products * np.finfo(y.dtype).eps * np.sqrt(8)
    assert np.abs(y - expected).max() <= limit * max(1, np.abs(expected).max())


def filled(stack, dtype="float32", shape=(5,)):
    model = Sequential([Input(shape), *stack], dtype=dtype, seed=0)
    randomize(model)
    return model


# ---- PyTorch ----


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def torch_outputs(torch, module, x):
    with torch.no_grad():
        return module.eval()(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize("dtype", DTYPES)
def test_modules_of_torch(torch, dtype):
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Sequential(nn.Flatten(), nn.Linear(5, 6), nn.Identity(), nn.ReLU()),
        nn.BatchNorm1d(6, eps=0.01, momentum=0.25),
        nn.Dropout(0.25),
        nn.Linear(6, 4, bias=False),
        nn.LayerNorm(4, bias=False),
        nn.AlphaDropout(0.5),
        nn.BatchNorm1d(4, affine=False),
        nn.RMSNorm(4),
        nn.LayerNorm(4, elementwise_affine=False),
        nn.GELU(),
        nn.Linear(4, 3),
        nn.LogSoftmax(dim=1),
    ).to(getattr(torch, dtype))
    module(torch.from_numpy(rows(dtype=dtype)))  # sets running means
    model = fastbp.from_torch(module)
    assert [type(layer).__name__ for layer in model.layers] == [
        *("Flatten", "Dense", "BatchNormalization", "Dropout", "Dense", "LayerNormalization", "AlphaDropout"),
        *("BatchNormalization", "RMSNormalization", "LayerNormalization", "Activation", "Dense"),
    ]
    first, last = model.layers[2], model.layers[7]
    assert (first.momentum, first.epsilon, last.momentum, last.epsilon) == (0.75, 0.01, 0.9, 1e-5)
    assert model.layers[8].epsilon == np.finfo(dtype).eps
    assert model.layers[1].activation.name == "relu"
    assert model.layers[1].kernel.tobytes() == np.ascontiguousarray(module[0][1].weight.detach().numpy().T).tobytes()
    assert_close(model(rows(dtype=dtype)), torch_outputs(torch, module, rows(dtype=dtype)), 5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", of_torch.ACTIVATIONS, ids=repr)
def test_activations_of_torch(torch, row, dtype):
    name, there = row.theirs, getattr(torch.nn, row.theirs)
    settings = row.their_fixed | dict.fromkeys(row.settings.values(), 0.75)
    module = there(**settings)
    model = fastbp.from_torch(torch.nn.Sequential(torch.nn.Linear(5, 5, dtype=getattr(torch, dtype)), module))
    x = 3 * rows(200, dtype=dtype)
    tolerance = 1e-8 if settings.get("threshold") is None and name == "Softplus" else 0  # torch's ends at 20
    y, expected = model(x), torch_outputs(torch, module, torch_outputs(torch, model_linear(torch, model), x))
    assert np.abs(y - expected).max() <= tolerance + 64 * np.finfo(dtype).eps * max(1, np.abs(expected).max())


def model_linear(torch, model):
    return fastbp.to_torch(Sequential([Input((5,)), _plain(model.layers[0])], dtype=model.dtype))


def _plain(layer):
    made = Dense(layer.units)
    made._weights = layer.get_weights()
    return made


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_to_torch_and_back(torch, name, dtype):
    model = filled([EXAMPLES[name](5)], dtype)
    layer, x = model.layers[0], rows(dtype=dtype)
    activation = getattr(layer, "activation", None)
    known = type(layer).__name__ in of_torch.WRITERS or activation is not None
    if not known or (activation is not None and theirs(of_torch.ACTIVATIONS, activation) is None):
        with pytest.raises(ValueError, match=f"layer '{layer.name}'.*is not supported"):
            fastbp.to_torch(model)
        return
    module = fastbp.to_torch(model)
    assert not module.training
    assert_close(torch_outputs(torch, module, x), model(x))
    back = fastbp.from_torch(module.double() if dtype == "float64" else module) if model.weights else model
    assert_close(back(x), model(x))
    if len(back.weights) == len(model.weights):  # torch's have both gamma and beta, or neither
        assert_same_weights(back, model)


@pytest.mark.parametrize("name", activations.ACTIVATIONS.members)
def test_to_torch_has_every_activation_that_torch_has(torch, name):
    lacking = {"exponential", "sparse_plus", "sparse_sigmoid", "squareplus"}
    model = filled([layers.Activation(name)])
    if name in lacking:
        with pytest.raises(ValueError, match=f"layer 'activation': <activation {name}> is not supported"):
            fastbp.to_torch(model)
    else:
        assert_close(torch_outputs(torch, fastbp.to_torch(model), rows()), model(rows()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda nn: nn.Sequential(nn.Linear(2, 3), nn.Conv1d(3, 3, 1)), r"module\.1: Conv1d"),
        (lambda nn: nn.Sequential(nn.Sequential(nn.PReLU())), r"module\.0\.0: PReLU"),
        (lambda nn: nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 3)), r"module\.1 \(Linear\): 3 inputs need weights"),
        (lambda nn: nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False)), r"module\.0 .*running statistics"),
        (lambda nn: nn.Sequential(nn.BatchNorm1d(3, momentum=None)), r"module\.0 .*momentum must be a number"),
        (lambda nn: nn.Sequential(nn.LayerNorm((2, 3))), r"module\.0 .*normalized_shape"),
        (lambda nn: nn.Sequential(nn.Flatten(0)), r"module\.0 .*all but the batch"),
        (lambda nn: nn.Sequential(nn.Softmax(dim=0)), r"module\.0: Softmax\(dim=0\) is not supported"),
        (lambda nn: nn.Sequential(nn.LeakyReLU(-1.0)), r"module\.0 .*negative_slope must be at least 0"),
        (lambda nn: nn.Sequential(nn.Softplus(beta=2)), r"module\.0: Softplus"),
        (lambda nn: nn.Sequential(nn.Dropout(1.0)), r"module\.0 .*rate"),
        (lambda nn: nn.Sequential(nn.ReLU()), "width of the input"),
        (lambda nn: nn.Sequential(), "no layer"),
        (lambda nn: type("Net", (nn.Module,), {})(), "order of a Net's layers is in its code"),
    ],
)
def test_modules_without_a_counterpart_are_named(torch, make, message):
    with pytest.raises(ValueError, match=message):
        fastbp.from_torch(make(torch.nn))


def state(*widths, names="{}", bias=True):
    rng = np.random.default_rng(0)
    made = {}
    for i, (n, m) in enumerate(pairwise(widths)):
        made[f"{names.format(2 * i)}.weight"] = rng.standard_normal((m, n)).astype(np.float32)
        if bias:
            made[f"{names.format(2 * i)}.bias"] = rng.standard_normal(m).astype(np.float32)
    return made


@pytest.mark.parametrize("bias", [True, False])
def test_a_state_dict_is_a_stack_of_linear(bias):
    given = state(5, 4, 3, bias=bias)
    model = fastbp.from_torch(given, activation="tanh", output_activation="softmax")
    hidden, x = np.tanh(rows() @ given["0.weight"].T + (given["0.bias"] if bias else 0)), rows()
    logits = hidden @ given["2.weight"].T + (given["2.bias"] if bias else 0)
    assert_close(model(x), activations.softmax(logits))
    assert [w.tobytes() for w in model.weights] == [np.ascontiguousarray(w.T).tobytes() for w in given.values()]


def test_state_dicts_of_torch(torch, tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    assert_close(
        fastbp.from_torch(module.state_dict(), activation="relu")(rows()), torch_outputs(torch, module, rows())
    )
    halves = module.to(torch.bfloat16)
    from safetensors.torch import save_file

    save_file(module.half().state_dict(), tmp_path / "half.safetensors")
    for source in (halves.state_dict(), tmp_path / "half.safetensors"):
        assert_same_weights(fastbp.from_torch(source), fastbp.from_torch(module.float().state_dict()))


@pytest.mark.parametrize("widths", [[5, 4, 4, 4, 4, 4, 4, 2], [5, 3, 2]])
def test_files_of_state_dicts(widths, tmp_path):
    from safetensors.numpy import save_file

    given = state(*widths, names="net.{}.linear")
    save_file(given, tmp_path / "net.safetensors")
    model = fastbp.from_torch(tmp_path / "net.safetensors", activation="relu")
    assert_same_weights(model, fastbp.from_torch(given, activation="relu"))


def test_files_whose_names_tell_no_order(tmp_path):
    from safetensors.numpy import save_file

    def renamed(given, *names):
        return {f"{name}.weight": array for name, array in zip(names, given.values(), strict=True)}

    given = state(5, 4, 3, 2, bias=False)
    save_file(renamed(given, "stem", "body", "head"), tmp_path / "by_shape.safetensors")
    assert_same_weights(fastbp.from_torch(tmp_path / "by_shape.safetensors"), fastbp.from_torch(given))
    for number, other in enumerate((state(4, 4, 4, bias=False), state(5, 4, 5, bias=False))):
        save_file(renamed(other, "stem", "head"), tmp_path / f"{number}.safetensors")
        with pytest.raises(ValueError, match=r"neither names nor shapes tell the order of"):
            fastbp.from_torch(tmp_path / f"{number}.safetensors")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"0.weight": np.ones(3)}, r"0.weight \(3,\) is not of a Linear"),
        ({"0.running_mean": np.ones(3)}, "0.running_mean"),
        ({"0.bias": np.ones(3)}, "0 has a bias, but no weight"),
        ({"0.weight": np.ones((3, 2)), "1.weight": np.ones((3, 2))}, "1: 3 inputs need weights"),
        ({"0.weight": np.ones((3, 2)), "0.bias": np.ones(2)}, "0: 2 inputs need weights"),
        ({"0.weight": np.ones((3, 2), np.int64)}, "dtype int64"),
        ({"0.weight": np.ones((0, 2))}, r"shape \(2, 0\)"),
        ({}, "no layer"),
    ],
)
def test_state_dicts_that_are_no_stack(given, message, tmp_path):
    from safetensors.numpy import save_file

    save_file(given, tmp_path / "bad.safetensors")
    for source in (given, tmp_path / "bad.safetensors"):
        with pytest.raises(ValueError, match=message):
            fastbp.from_torch(source)


def test_damaged_safetensors_are_value_errors(tmp_path):
    from safetensors.numpy import save

    whole = save(state(3, 2, 2))
    for size in range(0, len(whole), 7):
        (tmp_path / "cut.safetensors").write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut\.safetensors"):
            fastbp.from_torch(tmp_path / "cut.safetensors")


def test_what_from_torch_does_not_take(torch):
    with pytest.raises(TypeError, match="expected a module of PyTorch, its state_dict or a path; got int"):
        fastbp.from_torch(3)
    with pytest.raises(ValueError, match="are for a state_dict"):
        fastbp.from_torch(torch.nn.Sequential(torch.nn.Linear(1, 1)), activation="relu")


# ---- scikit-learn ----


@pytest.fixture
def sklearn():
    return pytest.importorskip("sklearn")


@pytest.mark.filterwarnings("ignore:.*converge")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("solver", ["lbfgs", "adam", "sgd"])
def test_perceptrons_of_sklearn(sklearn, solver, activation, dtype):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    x, settings = rows(60, dtype=dtype), {"max_iter": 3, "solver": solver, "activation": activation, "random_state": 0}
    for classes in (2, 3):
        estimator = MLPClassifier(hidden_layer_sizes=(6, 4), **settings).fit(x, np.arange(60) % classes)
        model, expected = fastbp.from_sklearn(estimator), estimator.predict_proba(x)
        assert [w.tobytes() for w in model.weights[::2]] == [w.tobytes() for w in estimator.coefs_]
        assert_close(model(x), expected[:, 1:] if classes == 2 else expected, 4)
    estimator = MLPRegressor(hidden_layer_sizes=(6,), **settings).fit(x, x[:, :2])
    assert_close(fastbp.from_sklearn(estimator)(x), estimator.predict(x), 4)
    if "loss" in estimator.get_params():  # a newer scikit-learn, which has counts, too
        estimator = MLPRegressor(hidden_layer_sizes=(6,), loss="poisson", **settings).fit(x, np.exp(x[:, 0]))
        assert_close(fastbp.from_sklearn(estimator)(x)[:, 0], estimator.predict(x), 4)


def test_linear_models_of_sklearn(sklearn):
    from sklearn import linear_model

    x = rows(60, dtype="float64")
    for name in sorted(set(of_sklearn.ESTIMATORS) - {"MLPClassifier", "MLPRegressor", "LogisticRegression"}):
        estimator = getattr(linear_model, name)().fit(x, x[:, 0] - 2)
        assert_close(fastbp.from_sklearn(estimator)(x)[:, 0], estimator.predict(x))
    estimator = linear_model.LinearRegression(fit_intercept=False).fit(x, x[:, :3])
    assert_close(fastbp.from_sklearn(estimator)(x), estimator.predict(x))
    for classes in (2, 3):
        estimator = linear_model.LogisticRegression().fit(x, np.arange(60) % classes)
        expected = estimator.predict_proba(x)
        assert_close(fastbp.from_sklearn(estimator)(x), expected[:, 1:] if classes == 2 else expected)


def test_what_from_sklearn_does_not_take(sklearn):
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    for estimator, message in ((SVC(), "SVC is not supported"), (MLPClassifier(), "MLPClassifier is not fitted")):
        with pytest.raises(ValueError, match=message):
            fastbp.from_sklearn(estimator)


# ---- Keras ----


@pytest.fixture(scope="module")
def keras():
    from peer_keras import keras

    return keras


def keras_model(keras, seed=0):
    """Every layer that both have, with weights that are no longer the initial ones."""
    there = keras.layers
    model = keras.Sequential(
        [
            keras.Input((2, 3)),
            there.Rescaling([0.5, 1.0, 2.0], 0.25),
            there.Flatten(),
            there.Normalization(mean=[0.5] * 6, variance=[2.0] * 6),
            there.Dense(6, activation=there.LeakyReLU(0.1), kernel_regularizer="l2", kernel_constraint="max_norm"),
            there.BatchNormalization(epsilon=0.01, momentum=0.8),
            there.Normalization(),
            keras.Sequential([keras.Input((6,)), there.Dense(5, use_bias=False), there.Dense(5, "gelu")], name="in"),
            there.LayerNormalization(scale=False),
            there.RMSNormalization(),
            there.Dropout(0.5),
            there.GaussianNoise(0.1),
            there.GaussianDropout(0.1),
            there.AlphaDropout(0.1),
            there.ActivityRegularization(0.1),
            there.ReLU(max_value=2.0, negative_slope=0.1),
            there.ELU(0.5),
            there.LeakyReLU(),
            there.Activation("mish"),
            there.Dense(4),
            there.Softmax(),
        ]
    )
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        weights = layer.get_weights()
        if len(weights) != 3:  # not of Normalization, whose third is a count
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in weights])
    return model


def keras_outputs(model, x):
    return model.predict(x, verbose=0)


def of_samples():
    return np.random.default_rng(1).standard_normal((7, 2, 3)).astype(np.float32)


def test_models_and_files_of_keras(keras, tmp_path):
    pytest.importorskip("h5py")
    there, x = keras_model(keras), of_samples()
    there.save(tmp_path / "m.keras")
    expected = keras_outputs(there, x)
    live, file = fastbp.from_keras(there), fastbp.from_keras(tmp_path / "m.keras")
    for model in (live, file):
        assert np.abs(model.predict(x, verbose=0) - expected).max() <= 1e-5
        assert model.input_shape == (None, 6)
        assert model.layers[3].kernel_regularizer.l2 == np.float32(0.01)
        assert type(model.layers[3].kernel_constraint).__name__ == "MaxNorm"
        assert model.layers[4].momentum == 0.8
    assert_same_weights(live, file)
    assert live.layers[3].kernel.tobytes() == there.layers[3].get_weights()[0].tobytes()


def test_chains_of_the_functional_interface(keras, tmp_path):
    pytest.importorskip("h5py")
    inputs = keras.Input((5,))
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh")])
    outputs = keras.layers.Dense(2)(inner(keras.layers.Dense(4, "relu")(inputs)))
    there = keras.Model(inputs, outputs)
    there.save(tmp_path / "m.keras")
    for source in (there, tmp_path / "m.keras"):
        assert_close(fastbp.from_keras(source)(rows()), keras_outputs(there, rows()), 4)


def branched(keras):
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Add()([inputs, keras.layers.Dense(3)(inputs)]))


def shared(keras):
    inputs, layer = keras.Input((3,)), keras.layers.Dense(3)
    return keras.Model(inputs, layer(layer(inputs)))


def of_layers(*make):
    return lambda keras: keras.Sequential([keras.Input((4, 3)), *(m(keras.layers) for m in make)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (of_layers(lambda there: there.Conv1D(3, 1, name="conv")), r"layer 'conv' \(Conv1D\): Conv1D is not supported"),
        (of_layers(lambda there: there.Dense(3)), "12 inputs need weights"),
        (of_layers(lambda there: there.Softmax(), lambda there: there.Flatten()), "softmax before Flatten"),
        (of_layers(lambda there: there.Flatten(data_format="channels_first")), "data_format='channels_first'"),
        (of_layers(lambda there: there.Flatten(), lambda there: there.Activation("glu")), "unknown activation 'glu'"),
        (branched, "branches|Add"),
        (shared, "branches"),
        (lambda keras: keras.Sequential([keras.layers.Dense(2)]), "is not built"),
    ],
)
def test_models_of_keras_without_a_counterpart(keras, make, message):
    with pytest.raises(ValueError, match=message):
        fastbp.from_keras(make(keras))


@pytest.mark.parametrize("name", EXAMPLES)
def test_to_keras_and_back(keras, name):
    model = filled([EXAMPLES[name](5)])
    layer, x = model.layers[0], rows()
    activation = getattr(layer, "activation", None)
    if isinstance(layer, layers.Residual) or (activation is not None and activation.kernel is None):
        with pytest.raises(ValueError, match=f"layer '{layer.name}'"):
            fastbp.to_keras(model)
        return
    there = fastbp.to_keras(model)
    assert np.abs(keras_outputs(there, x) - model(x)).max() <= 1e-5 * max(1, np.abs(model(x)).max())
    back = fastbp.from_keras(there)
    assert_same_weights(back, model)
    assert_close(back(x), model(x))
    assert [other.name for other in back.layers] == [layer.name]


@pytest.mark.parametrize("name", activations.ACTIVATIONS.members)
def test_every_activation_to_keras(keras, name):
    for settings in ({}, OTHER.get(name, {})):
        model = filled([Dense(5, activations.get(name).with_settings(**settings))])
        if name == "threshold":  # a function without defaults
            with pytest.raises(ValueError, match="layer 'dense': Keras has no layer for <activation threshold>"):
                fastbp.to_keras(model)
            return
        there = fastbp.to_keras(model)
        limit = 1e-5 * max(1, np.abs(model(rows())).max())
        assert np.abs(keras_outputs(there, rows()) - model(rows())).max() <= limit
        assert_same_weights(fastbp.from_keras(there), model)


def test_what_to_keras_cannot_say(keras):
    model = filled([Dense(2, activations.celu.with_settings(0.5), name="odd")])
    with pytest.raises(ValueError, match=r"layer 'odd': Keras has no layer for <activation celu alpha=0.5>"):
        fastbp.to_keras(model)


def test_float64_to_keras():
    """In a process of its own, for JAX has float64 everywhere or nowhere."""
    pytest.importorskip("keras")
    code = (
        "import numpy as np, fastbp\n"
        "model = fastbp.Sequential([fastbp.Input((3,)), fastbp.Dense(2, 'tanh')], dtype='float64')\n"
        "try:\n"
        "    there = fastbp.to_keras(model)\n"
        "except ValueError as error:\n"
        "    print(error)\n"
        "else:\n"
        "    same = fastbp.from_keras(there)\n"
        "    print(same.dtype, (same.weights[0] == model.weights[0]).all())\n"
    )
    for x64, expected in (
        ("0", "layer 'dense': Keras's backend jax has no float64"),
        ("1", "float64 True"),
    ):
        env = ENV | {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": x64}
        run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, env=env)
        assert run.stdout.strip() == expected, run.stderr


# ---- files of Keras ----


def parts_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(path, parts, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def keras_file(path, units=3, width=5, weights=None):
    """What ``save`` writes, made by hand."""
    h5py = pytest.importorskip("h5py")
    dense = {"name": "dense", "units": units, "activation": "relu", "use_bias": True}
    inputs = {"class_name": "InputLayer", "config": {"batch_shape": [None, width]}}
    config = {"name": "hand", "layers": [inputs, {"class_name": "Dense", "config": dense}]}
    store = io.BytesIO()
    with h5py.File(store, "w") as file:
        group = file.create_group("layers/dense/vars")
        for i, values in enumerate(weights or (np.ones((5, 3), np.float32), np.zeros(3, np.float32))):
            group.create_dataset(str(i), data=values)
    parts = {
        "metadata.json": b"{}",
        "config.json": json.dumps({"class_name": "Sequential", "config": config}).encode(),
        "model.weights.h5": store.getvalue(),
    }
    archive_of(path, parts)
    return parts


def test_files_of_keras_need_no_keras(tmp_path):
    keras_file(tmp_path / "m.keras")
    code = (
        "import sys; sys.modules['keras'] = None\n"
        f"import fastbp; print(fastbp.from_keras({str(tmp_path / 'm.keras')!r}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENV)
    assert run.stdout.strip() == "<Sequential sequential: <Dense 3 relu>>"


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    keras_file(tmp_path / "m.keras")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install 'fastbp\[keras\]'"):
        fastbp.from_keras(tmp_path / "m.keras")


def test_a_file_promises_no_more_than_it_holds(tmp_path):
    h5py, path = pytest.importorskip("h5py"), tmp_path / "m.keras"
    keras_file(path, units=10**12)
    with pytest.raises(ValueError, match=r"layer 'dense' \(Dense\): 5 inputs need weights of shapes"):
        fastbp.from_keras(path)
    parts = keras_file(path)
    archive_of(path, parts, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="is compressed"):
        fastbp.from_keras(path)

    def with_weights(change):
        store = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(store, "r+") as file:
            group = file["layers/dense/vars"]
            del group["0"]
            change(group)
        archive_of(path, parts | {"model.weights.h5": store.getvalue()})
        with pytest.raises(ValueError, match=r"the weights layers/dense: ") as error:
            fastbp.from_keras(path)
        return str(error.value)

    assert "bytes and holds 0" in with_weights(lambda g: g.create_dataset("0", (2**20, 2**20), "f4"))
    assert "no plain array" in with_weights(lambda g: g.create_dataset("0", (2**20, 2**20), "f4", chunks=(8, 8)))
    assert "no plain array" in with_weights(
        lambda g: g.create_dataset("0", (5, 3), "f4", external=[(str(path), 0, 60)])
    )
    assert "no plain array" in with_weights(lambda g: g.create_group("0"))
    assert "has no 0" in with_weights(lambda g: g.__setitem__("0", h5py.ExternalLink(str(path), "/")))
    assert "has no 0" in with_weights(lambda g: g.__setitem__("0", h5py.SoftLink("/layers/dense/vars/1")))
    assert "has no 0" in with_weights(lambda g: g.__setitem__("2", np.ones(2)))


BAD_CONFIGS = {
    "{": "not JSON",
    "[]": "class_name is None",
    '{"class_name": "Custom"}': "Custom is not supported",
    '{"class_name": "Sequential"}': "config is None",
    '{"class_name": "Sequential", "config": {"layers": 3}}': "layers is 3",
    '{"class_name": "Sequential", "config": {"layers": [3]}}': "class_name is None",
    '{"class_name": "Sequential", "config": {"layers": []}}': "no layer",
    '{"class_name": "Functional", "config": {"layers": [{"class_name": "Dense"}]}}': "name is None",
    '{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"units": "x"}}]}}': "units",
    '{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {}}]}}': "units",
    "[" * 100_000: "not a whole .keras file",
}


@pytest.mark.parametrize("config", BAD_CONFIGS, ids=lambda config: config[:80])
def test_descriptions_that_are_none(config, tmp_path):
    parts = keras_file(tmp_path / "m.keras")
    archive_of(tmp_path / "m.keras", parts | {"config.json": config.encode()})
    with pytest.raises(ValueError, match=BAD_CONFIGS[config]) as error:
        fastbp.from_keras(tmp_path / "m.keras")
    assert "m.keras" in str(error.value)


def test_damaged_files_of_keras_are_value_errors(tmp_path):
    path = tmp_path / "m.keras"
    keras_file(path)
    whole, refused, rng = path.read_bytes(), 0, np.random.default_rng(0)
    for i in range(200):
        data = bytearray(whole[: len(whole) * i // 60] if i < 60 else whole)
        for place in rng.integers(0, len(data), 3) if i > 60 else []:
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            fastbp.from_keras(path)
        except ValueError as error:
            refused += str(path) in str(error)
    assert refused >= 60


def test_descriptions_that_were_changed_give_a_model_or_a_value_error(tmp_path):
    h5py, path = pytest.importorskip("h5py"), tmp_path / "m.keras"
    parts = keras_file(path)
    config, scale = json.loads(parts["config.json"]), {"value": [1.0, 2.0, 3.0], "dtype": "float32"}
    described = config["config"]["layers"]
    described[1]["config"] |= {
        "kernel_regularizer": {"module": "keras.regularizers", "class_name": "L2", "config": {"l2": 0.1}},
        "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}},
    }
    moments = {"axis": [-1], "mean": [1.0] * 3, "variance": [1.0] * 3}
    described += [
        {"class_name": "Rescaling", "config": {"scale": {"class_name": "__numpy__", "config": scale}, "offset": 0.0}},
        {"class_name": "Normalization", "config": moments, "build_config": {"input_shape": [None, 3]}},
        {"class_name": "LeakyReLU", "config": {"negative_slope": 0.5}},
    ]
    store = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(store, "r+") as file:
        for name in ("rescaling", "normalization", "leaky_re_lu"):
            file.create_group(f"layers/{name}/vars")
    parts["model.weights.h5"] = store.getvalue()
    rng, refused = np.random.default_rng(0), 0
    for i in range(300):
        archive_of(path, parts | {"config.json": json.dumps(mutated(config, rng) if i else config)})
        try:
            assert fastbp.from_keras(path).weights
        except ValueError as error:
            refused += str(path) in str(error)
    assert 100 < refused < 300


def test_what_from_keras_does_not_take(tmp_path):
    with pytest.raises(TypeError, match="expected a model of Keras, Sequential or Functional, or a path; got int"):
        fastbp.from_keras(3)
    with pytest.raises(FileNotFoundError):
        fastbp.from_keras(tmp_path / "none.keras")
