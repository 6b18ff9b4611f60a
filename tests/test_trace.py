"""A step of training, number by number: against hand calculation, the whole network, and its own arithmetic."""

import copy
import json
import math

import numpy as np
import pytest
from every_optimizer import RULES
from layer_walk import EXAMPLES, SWISH, randomize
from loss_cases import OUTPUTS, case_of

import fastbp
from fastbp import layers
from fastbp.tracing import explain, trace
from fastbp.tracing.derivation import Line
from fastbp.tracing.twin import twin
from fastbp.tracing.worked import relu_example, sigmoid_example

EPS = np.finfo(np.float64).eps


def small(hidden="tanh", activation=None, loss="mse", optimizer="sgd", outputs=2, dtype="float64", **dense):
    model = fastbp.Sequential(
        [
            fastbp.Input((3,)),
            fastbp.Dense(4, hidden, name="hidden", **dense),
            fastbp.Dense(outputs, activation, name="output"),
        ],
        dtype=dtype,
        seed=3,
    )
    model.compile(optimizer, loss)
    randomize(model)
    return model


def batch(n, seed=0, outputs=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), rng.normal(size=(n, outputs))


# ---- by hand ----


def test_relu_example_by_hand():
    t = relu_example()
    hidden, output = t.layers
    # forward: sums 1·1 + 2·2, 1·1 - 2·2, 1·2 + 2·2; then -1·5 + 3·0 + 2·6
    assert hidden.sums.tolist() == [[5, -3, 6]]
    assert hidden.values.tolist() == [[5, 0, 6]]
    assert output.values.tolist() == t.prediction.tolist() == [[7]]
    assert t.loss_before == 9  # (7 - 4)²
    # backward: 2·error, then through the weights -1, 3, 2, and ReLU's slopes 1, 0, 1
    assert output.value_slopes.tolist() == [[6]]
    assert hidden.value_slopes.tolist() == [[-6, 18, 12]]
    assert hidden.slopes.tolist() == [[1, 0, 1]]
    assert hidden.sum_slopes.tolist() == [[-6, 0, 12]]
    assert output.weights["kernel"].gradient.tolist() == [[30], [0], [36]]  # 5·6, 0·6, 6·6
    assert output.weights["bias"].gradient.tolist() == [6]
    assert hidden.weights["kernel"].gradient.tolist() == [[-6, 0, 12], [-12, 0, 24]]  # inputs 1 and 2
    assert hidden.weights["bias"].gradient.tolist() == [-6, 0, 12]
    assert output.weights["kernel"].new.ravel().tolist() == pytest.approx([-1.3, 3, 1.64], abs=4 * EPS)
    assert t.input_slopes.tolist() == [[-6 + 24, -12 + 24]]  # w · dz
    lines = str(t.weight("output", 2, 0)).splitlines()
    assert lines[0] == "weight from node 2 of hidden_1 to node 0 of output"
    assert lines[1].endswith(" = 6 × 1 × 6 = 36")
    assert lines[2] == "  new weight = weight − learning rate × slope = 2 − 0.01 × 36 = 1.64"
    assert t.loss_after < t.loss_before


def test_sigmoid_example_by_hand():
    t = sigmoid_example()

    def s(z):
        return 1 / (1 + math.exp(-z))

    h = [s(0), s(1)]  # 2·1 - 1·2 and 1·1 + 0·2
    out = s(2 * h[0] - h[1])
    d = 2 * (out - 1) * out * (1 - out)
    hidden, output = t.layers
    assert hidden.slopes.ravel().tolist() == pytest.approx([v * (1 - v) for v in h], rel=8 * EPS)
    assert output.sum_slopes.item() == pytest.approx(d, rel=16 * EPS)
    assert output.weights["kernel"].gradient.ravel().tolist() == pytest.approx([h[0] * d, h[1] * d], rel=32 * EPS)
    back = [2 * d * h[0] * (1 - h[0]), -d * h[1] * (1 - h[1])]
    assert hidden.weights["bias"].gradient.tolist() == pytest.approx(back, rel=32 * EPS)
    assert hidden.weights["kernel"].gradient[1].tolist() == pytest.approx([2 * b for b in back], rel=32 * EPS)
    assert "value × (1 − value) = 0.5 × (1 − 0.5) = 0.25" in str(t.node("hidden_1", 0))


# ---- the three factors against the whole network ----


def sum_of_products(t, layer):
    """Σ over samples of value feeding in × slope of the activation × slope of the loss."""
    dz = layer.sum_slopes if layer.slopes is None else layer.slopes * layer.value_slopes
    return layer.inputs.T @ dz, dz.sum(axis=0)


@pytest.mark.parametrize("n", [1, 3, 9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", list(fastbp.activations.ACTIVATIONS))
def test_gradients_are_products_of_three_factors(activation, dtype, n):
    model = small(activation, dtype=dtype)
    x, y = batch(n)
    _, gradients = model.loss_and_gradients(x, y)
    t = explain(model, x, y)
    eps = np.finfo(dtype).eps
    for k, layer in enumerate(t.layers):
        dz = layer.sum_slopes if layer.slopes is None else layer.slopes * layer.value_slopes
        sizes = np.abs(layer.inputs).T @ np.abs(dz) + 1e-30
        dw, db = sum_of_products(t, layer)
        # sums of n products, each of numbers that are themselves rounded in each of two layers of 4 terms
        assert (np.abs(dw - gradients[2 * k]) <= 8 * (n + 8) * eps * sizes.max()).all()
        assert (np.abs(db - gradients[2 * k + 1]) <= 8 * (n + 8) * eps * np.abs(dz).sum(axis=0).max()).all()
        assert (layer.weights["kernel"].gradient == gradients[2 * k]).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("output", OUTPUTS, ids=str)
def test_every_loss(output, weighted):
    name, from_logits, activation = output
    rng = np.random.default_rng(5)
    loss = fastbp.losses.get(name)
    loss.from_logits = from_logits
    model = small("sigmoid", activation, loss, outputs=3)
    x, y = rng.normal(size=(5, 3)), case_of(name).targets(rng, 5, 3)
    weight = rng.uniform(0.5, 2, 5) if weighted else None
    t = explain(model, x, y, weight)  # which compares the slopes with those of the whole network
    assert t.loss_before == pytest.approx(float(t.shares @ t.losses), rel=64 * EPS)
    assert t.loss_before == model.test_on_batch(x, y, weight)
    assert "slope of the loss" in str(t.node("output", 0))


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", "sum_over_batch_size"])
def test_reductions_and_labels_that_do_not_count(reduction):
    loss = fastbp.losses.SparseCategoricalCrossentropy(ignore_class=-1, reduction=reduction)
    model = small("tanh", "softmax", loss, outputs=3, kernel_regularizer=fastbp.regularizers.L2(0.1, per_sample=True))
    t = explain(model, batch(4)[0], [0, -1, 2, 1], [1.0, 2.0, 3.0, 0.5])
    assert t.shares[1] == 0
    divisor = {"sum": 1, "mean_with_sample_weight": 4.5, "sum_over_batch_size": 3}[reduction]
    assert t.shares.tolist() == pytest.approx([1 / divisor, 0, 3 / divisor, 0.5 / divisor])
    assert_arithmetic_holds(t)


def test_weighted_loss():
    model = small()
    model.compile("sgd", "mse", loss_weights=3.0)
    t = explain(model, *batch(2))
    assert t.shares.tolist() == [1.5, 1.5]


@pytest.mark.parametrize("n", [2, 11])
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_layer(name, n):
    """Slopes through it reach the layer before it as in the whole network, or the trace raises."""
    model = fastbp.Sequential(
        [
            fastbp.Input((3,)),
            fastbp.Dense(4, "tanh", name="before"),
            layers.Dropout(0.25),
            EXAMPLES[name](4),
            fastbp.Dense(2, name="after"),
        ],
        dtype="float64",
        seed=11,
    )
    randomize(model)
    model.compile("adam", "mse")
    model.train_on_batch(*batch(n, 9))  # so that random layers have drawn before
    twin_ = twin(model)
    before = model.get_weights()
    t = explain(model, *batch(n))
    expected = twin_.train_on_batch(*batch(n))
    assert all((a == b).all() for a, b in zip(model.weights, before, strict=True))
    assert t.loss_before == expected
    news = [w.new for layer in t.layers for w in layer.weights.values()]
    assert all((a == b).all() for a, b in zip(news, twin_.weights, strict=True))
    assert [layer.kind for layer in t.layers] == [type(layer).__name__ for layer in opened(model.layers)]
    for layer, after in zip(t.layers, t.layers[1:], strict=False):
        assert (layer.outputs == after.inputs).all()
        assert (layer.output_slopes == after.fed_slopes).all()
    assert str(t)
    assert t.node(2, 0).lines


def opened(stack):
    """All layers in the order in which they work: a residual block after those within it."""
    for layer in stack:
        yield from opened(getattr(layer, "layers", []))
        yield layer


# ---- residual blocks ----


def test_a_residual_block_by_hand():
    model = fastbp.Sequential(
        [
            fastbp.Input((1,)),
            fastbp.Dense(1, use_bias=False, name="before"),
            layers.Residual([fastbp.Dense(1, use_bias=False, name="inner")], name="block"),
            fastbp.Dense(1, use_bias=False, name="after"),
        ],
        dtype="float64",
    )
    model.set_weights([[[2.0]], [[3.0]], [[5.0]]])
    model.compile(fastbp.SGD(0.5), "mse")
    t = explain(model, [[1.0]], [[39.0]])  # x·2 = 2, 2 + 3·2 = 8, 5·8 = 40: the error is 1, its slope 2
    assert [layer.name for layer in t.layers] == ["before", "block/inner", "block", "after"]
    before, inner, block, after = t.layers
    assert [layer.outputs.item() for layer in t.layers] == [2, 6, 8, 40]
    assert (block.start, block.inputs.item(), block.past.item()) == (1, 6, 2)
    assert after.output_slopes.item() == 2
    assert block.output_slopes.item() == block.input_slopes.item() == block.past_slopes.item() == 10  # 5·2
    assert inner.output_slopes.item() == 10
    assert inner.input_slopes.item() == 30  # 3·10
    assert inner.fed_slopes.item() == before.output_slopes.item() == 40
    assert t.input_slopes.item() == 80
    assert [w.gradient.item() for layer in t.layers for w in layer.weights.values()] == [40, 20, 16]
    lines = str(t.node("before", 0)).splitlines()
    assert "  slope through block/inner = Σ weight × slope of the loss at the sum in block/inner = 3 × 10 = 30" in lines
    assert "  slope past the layers of block = 10 (that at block, as it is)" in lines
    assert lines[-2].endswith("slope through block/inner + slope past the layers of block = 30 + 10 = 40")
    lines = str(t.node("block", 0)).splitlines()
    assert lines[1] == "  value = value of its layers + value past them = 6 + 2 = 8"
    assert "weight from node 0 of before to node 0 of block/inner" in str(t.weight("block/inner", 0, 0))
    assert "= 2 × 1 × 10 = 20" in str(t.weight("block/inner", 0, 0))
    text = {step.phase: step.text for step in t.steps() if step.layer is inner}["backward"]
    assert [line.split()[-1] for line in text.splitlines()[1:7]] == ["10", "1", "10", "30", "10", "40"]
    assert "comes past the layers of block" in text


def blocks(inner):
    """A network with blocks that begin at the same place, one with a projection, and layers that do nothing."""
    return [
        fastbp.Input((3,)),
        layers.Residual(
            [
                layers.Residual([layers.Dropout(0.0), fastbp.Dense(3, "tanh", kernel_regularizer="l2")], name="first"),
                inner(),
                layers.Residual([fastbp.Dense(4, "sigmoid", trainable=False), fastbp.Dense(5)], name="wider"),
            ],
            name="all",
        ),
        layers.Residual([layers.Dropout(0.0)], name="twice"),
        fastbp.Dense(2, name="after"),
    ]


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("inner", [layers.LayerNormalization, layers.BatchNormalization, lambda: layers.Dropout(0.5)])
def test_every_line_in_blocks_is_true(inner, n):
    model = fastbp.Sequential(blocks(inner), dtype="float64", seed=2)
    randomize(model)
    model.compile("adam", "mse")
    t = explain(model, *batch(n))
    assert [layer.name for layer in t.layers if layer.start is not None] == ["all/first", "all/wider", "all", "twice"]
    assert [block.name for block in t.layers[0].begun] == ["all/first", "all"]
    assert t.layer("all/wider").weights.keys() == t.layer("all").weights.keys() == {"projection"}
    assert t.layer("twice").outputs == pytest.approx(2 * t.layer("all").outputs)
    assert t.input_slopes.tolist() == t.layers[0].fed_slopes.tolist()
    assert_arithmetic_holds(t)
    assert "not trained" in str(t.weight("all/wider/dense", 0, 0))
    line = t.weight("all", 2, 4, name="projection")
    assert line.title == "weight from input 2 to node 4 of all, past its layers"
    data = json.loads(json.dumps(t.to_dict()))["layers"]
    assert [layer["start"] for layer in data if layer["kind"] == "Residual"] == [0, 4, 0, 8]
    assert np.shape(data[7]["past"]) == (n, 5)
    news = [w.new for layer in t.layers for w in layer.weights.values()]
    model.train_on_batch(*batch(n))
    assert all((a == b).all() for a, b in zip(news, model.weights, strict=True))


def test_a_wrong_slope_is_found(monkeypatch):
    real = trace._values_and_slopes

    def wrong(*arguments):
        values, slopes = real(*arguments)
        return values, slopes * 1.001

    monkeypatch.setattr(trace, "_values_and_slopes", wrong)
    with pytest.raises(RuntimeError, match=r"taken layer by layer, differ from those of the whole network"):
        explain(small(), *batch(3))


@pytest.mark.parametrize(("n", "units"), [(33, 1), (2, 100)])
@pytest.mark.parametrize(
    "make",
    [layers.LayerNormalization, lambda: layers.BatchNormalization(scale=False), layers.Softmax],
    ids=["layer_normalization", "batch_normalization", "softmax"],
)
def test_slopes_that_cancel_are_no_alarm(make, n, units):
    """Through a normalisation of one node, or of two samples, slopes of any size come to 0 but for rounding."""
    model = fastbp.Sequential([fastbp.Input((3,)), fastbp.Dense(units, "gelu"), make(), fastbp.Dense(3)], seed=4)
    model.compile("sgd", "mae")
    assert np.isfinite(explain(model, *batch(n, outputs=3)).loss_after)


def test_a_step_that_diverges_is_shown_too():
    model = small("exponential", dtype="float32")
    model.layers[0].kernel[...] = 100
    t = explain(model, np.ones((2, 3)), np.ones((2, 2)))
    assert not np.isfinite(t.loss_before)
    assert "inf" in str(t)
    assert "inf" in t._repr_html_()


# ---- the step ----


def value_of(tokens):
    """What a formula of numbers comes to."""
    words = []
    tokens = list(tokens)
    while tokens:
        token = tokens.pop(0)
        if token == "√" and tokens[0] != "(":
            token = f"√({tokens.pop(0)!r})"
        if token == "|":
            token, _ = f"abs({tokens.pop(0)!r})", tokens.pop(0)
        words.append(token if isinstance(token, str) else f"({token!r})")
    text = " ".join(words)
    for symbol, python in {"×": "*", "−": "-", "²": "**2", "√": "sqrt"}.items():
        text = text.replace(symbol, python)
    names = {"sqrt": math.sqrt, "max": max, "abs": abs, "sign": np.sign}
    return eval(text, {"__builtins__": {}}, names)


def assert_arithmetic_holds(t, rel=1e-10):
    """Every line of every weight and node is true, in float64."""
    count = 0
    for layer in t.layers:
        for node in range(layer.outputs.shape[1]):
            for line in t.node(layer.name, node).lines:
                if line.numbers and not any("sum" in str(symbol) and "(" in str(symbol) for symbol in line.symbols):
                    assert value_of(line.numbers) == pytest.approx(line.value, rel=rel, abs=1e-14), str(line)
        for name, weight in layer.weights.items():
            for at in np.ndindex(weight.old.shape):
                for line in t.weight(layer.name, *at, name=name).lines:
                    if line.numbers and "kept within" not in line.remark:
                        assert value_of(line.numbers) == pytest.approx(line.value, rel=rel, abs=1e-14), str(line)
                        count += 1
    assert count


@pytest.mark.parametrize("kernel", RULES)
def test_every_line_of_every_optimizer_is_true(kernel):
    cls, settings = RULES[kernel]
    model = small("tanh", optimizer=cls(**settings))
    for seed in range(2):
        model.train_on_batch(*batch(3, seed + 5))
    t = explain(model, *batch(2))
    # v - a² of centred RMSprop loses the digits that the two have in common, at worst half of them
    assert_arithmetic_holds(t, rel=1e-7 if "centered" in kernel else 1e-10)
    model.train_on_batch(*batch(2))
    news = [w.new for layer in t.layers for w in layer.weights.values()]
    assert all((a == b).all() for a, b in zip(news, model.weights, strict=True))
    for w in t.update.weights:
        assert w.ruled == pytest.approx(w.new, rel=1e-7)
    assert t.update.number == 3


@pytest.mark.parametrize(
    "others",
    [
        {"clipnorm": 0.1},
        {"clipnorm": 1e6},
        {"global_clipnorm": 0.2},
        {"clipvalue": 0.05},
        {"weight_decay": 0.1},
        {"gradient_accumulation_steps": 3},
        {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
        {"weight_decay": 0.1, "clipnorm": 0.3, "gradient_accumulation_steps": 3},
    ],
    ids=str,
)
def test_what_happens_to_slopes_and_weights_beside_the_rule(others):
    model = small(optimizer=fastbp.SGD(0.1, momentum=0.9, **others))
    for seed in range(2):
        model.train_on_batch(*batch(2, seed + 5))
    t = explain(model, *batch(2))
    assert t.update.due
    assert_arithmetic_holds(t)
    model.train_on_batch(*batch(2))
    assert all((w.new == view).all() for w, view in zip(t.update.weights, model.weights, strict=True))
    if not others.get("use_ema"):
        for w in t.update.weights:
            assert w.ruled == pytest.approx(w.new, rel=1e-12)


def test_batches_between_steps_move_nothing():
    model = small(optimizer=fastbp.SGD(0.1, gradient_accumulation_steps=3))
    model.train_on_batch(*batch(2))
    t = explain(model, *batch(2))
    assert not t.update.due
    assert "the weights move after batch 3 of this step, and this is 2" in str(t.weight("output", 0, 0))
    assert all((w.new == w.old).all() for w in t.update.weights)


def test_penalties_constraints_and_layers_that_are_not_trained():
    model = small(
        kernel_regularizer=fastbp.regularizers.L1L2(0.01, 0.02),
        activity_regularizer="l2",
        kernel_constraint="non_neg",
        activation="tanh",
    )
    model.layers[1].trainable = False
    t = explain(model, *batch(3))
    assert_arithmetic_holds(t)
    hidden = t.layer("hidden").weights["kernel"]
    assert hidden.penalty == pytest.approx(0.01 * np.sign(hidden.old) + 0.04 * hidden.old, rel=8 * EPS)
    assert "with the penalty on the weight" in str(t.weight("hidden", 0, 0))
    assert "NonNeg" in str(t.weight("hidden", 0, 0))
    assert "penalty on the value" in str(t.node("hidden", 0))
    assert (hidden.new >= 0).all()
    assert "not trained: stays" in str(t.weight("output", 0, 0))
    x, y = batch(3)
    model.train_on_batch(x, y)
    assert all((w.new == view).all() for w, view in zip(t.update.weights, model.weights, strict=True))


def test_schedules_give_the_rate_of_the_step():
    rate = fastbp.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    model = small(optimizer=fastbp.SGD(rate))
    rates = []
    for _ in range(3):
        rates.append(explain(model, *batch(2)).learning_rate)
        model.train_on_batch(*batch(2))
    assert rates == [0.5, 0.5, 0.25]


# ---- the model stays as it is ----


@pytest.mark.parametrize("compiled", ["adam", fastbp.SGD(0.1, momentum=0.9, use_ema=True)], ids=str)
def test_training_goes_on_as_if_nobody_had_looked(compiled):
    looked_at, other = (small(SWISH, optimizer=copy.copy(compiled)) for _ in range(2))
    for model in (looked_at, other):
        model.add(layers.Dropout(0.5))
        model.add(layers.BatchNormalization())
        model.train_on_batch(*batch(4))
    explain(looked_at, *batch(4))
    for model in (looked_at, other):
        model.fit(*batch(40, 1), epochs=2, verbose=0)
    assert all((a == b).all() for a, b in zip(looked_at.weights, other.weights, strict=True))


def test_models_that_are_not_built_stay_so():
    model = fastbp.Sequential([fastbp.Dense(2), fastbp.Dense(1)], seed=1)
    model.compile("sgd", "mse")
    t = explain(model, [[1.0, 2.0]], [3.0])
    assert not model.built
    model.train_on_batch([[1.0, 2.0]], [3.0])
    assert (model.layers[0].kernel == t.layers[0].weights["kernel"].new).all()


def test_weights_that_do_not_decay_are_the_same_in_a_twin():
    model = small(optimizer=fastbp.SGD(0.1, weight_decay=0.5))
    model.optimizer.exclude_from_weight_decay(var_list=[model.layers[0].kernel], var_names=["bias"])
    t = explain(model, *batch(2))
    assert [w.decay for w in t.update.weights] == [1, 1, 1 - 0.1 * 0.5, 1]


def test_custom_losses_and_activations():
    def fourth_power(y_true, y_pred):
        error = y_pred - y_true
        return (error**4).sum(axis=1), 4 * error**3

    t = explain(small(SWISH, SWISH, fourth_power), *batch(3))
    assert "slope of fourth_power" not in str(t)
    assert "of fourth_power at prediction" in str(t.node("output", 1))
    assert_arithmetic_holds(t)


def test_one_sample_without_a_batch_and_sparse_x():
    model = small()
    x, y = batch(1)
    alone, together = explain(model, x[0], y[0], 2.0), explain(model, x, y, [2.0])
    assert alone.to_dict() == together.to_dict()
    sparse = pytest.importorskip("scipy.sparse")
    assert explain(model, sparse.csr_matrix(x), y, [2.0]).to_dict() == together.to_dict()


# ---- as text and as data ----


def test_steps_go_forward_and_then_backward():
    steps = list(relu_example().steps())
    names = [(step.phase, step.layer and step.layer.name) for step in steps]
    assert names == [
        ("forward", "hidden_1"),
        ("forward", "output"),
        ("loss", None),
        ("backward", "output"),
        ("backward", "hidden_1"),
        ("update", None),
    ]
    assert str(relu_example()).count("\n") > 30
    assert all(step.text in str(relu_example()) for step in steps)


def test_data_are_json():
    model = small("relu", "softmax", "categorical_crossentropy")
    data = json.loads(json.dumps(explain(model, *batch(2)).to_dict()))
    assert data["layers"][1]["value_slopes"] is None
    assert np.shape(data["layers"][0]["weights"]["kernel"]["gradient"]) == (3, 4)


def test_wide_layers_are_abridged():
    model = fastbp.Sequential([fastbp.Input((500,)), fastbp.Dense(1000, "relu"), fastbp.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    t = explain(model, rng.normal(size=(20, 500)), rng.normal(size=20))
    assert len(str(t)) < 20_000
    assert len(str(t.node(0, 0))) < 5_000
    assert "… 1000 in all" in str(t)
    assert "… 20 samples in all" in str(t)
    assert "and 16 samples more" in str(t.node(0, 0))
    line = t.node(1, 0).lines[1]
    assert value_of(line.numbers) == pytest.approx(line.value, rel=1e-5)


def test_negative_numbers_stand_in_brackets():
    assert str(Line("z", ("a", "×", "b"), (2.0, "×", -3.0), -6.0)) == "z = a × b = 2 × (−3) = −6"


def test_softmax_by_itself_and_taken_together():
    apart = explain(small("softmax", "softmax", "mse"), *batch(2))
    assert apart.layer("hidden").slopes is None
    assert "each value depends on every sum" in str(apart.node("hidden", 1))
    together = explain(small("tanh", "softmax", "categorical_crossentropy"), *batch(2))
    assert "(prediction − target) × share" in str(together.node("output", 1))
    smoothed = fastbp.losses.CategoricalCrossentropy(label_smoothing=0.1)
    assert "target)" not in str(explain(small("tanh", "softmax", smoothed), *batch(2)).node("output", 1))


# ---- errors ----


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (lambda t: t.weight("outptu", 0, 0), "no layer 'outptu'; there are: hidden_1, output"),
        (lambda t: t.weight(2, 0, 0), "layer must be a number below 2, or a name; got 2"),
        (lambda t: t.weight("output", 3, 0), r"kernel of layer 'output' has shape \(3, 1\); got the place \(3, 0\)"),
        (lambda t: t.weight("output", -1, 0), r"got the place \(-1, 0\)"),
        (lambda t: t.weight("output", 1), r"got the place \(1,\)"),
        (lambda t: t.weight("output", 0, name="gamma"), "has no weights 'gamma'; it has: kernel, bias"),
        (lambda t: t.bias("output", 1), r"bias of layer 'output' has shape \(1,\); got the place \(1,\)"),
        (lambda t: t.node("hidden_1", 3), "layer 'hidden_1' has 3 nodes; got node 3"),
    ],
)
def test_places_that_are_not_there(look, message):
    with pytest.raises(ValueError, match=message):
        look(relu_example())


def test_models_that_cannot_take_a_step():
    model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1)])
    with pytest.raises(RuntimeError, match="not compiled"):
        explain(model, [[1.0]], [1.0])
    model.compile("sgd")
    with pytest.raises(RuntimeError, match="without a loss"):
        explain(model, [[1.0]], [1.0])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="x has 1 rows; y has 2 rows"):
        explain(model, [[1.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="x has 2 columns; the network expects 1"):
        explain(model, [[1.0, 2.0]], [1.0])
    model.layers[0].kernel[...] = np.nan
    with pytest.raises(RuntimeError, match="not finite"):
        explain(model, [[1.0]], [1.0])
