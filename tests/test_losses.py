"""Losses: kernels against the reference, the reference against central differences, classes and functions in Python."""

import json

import numpy as np
import pytest
from loss_cases import CASES, FORMS, HEADS, OUTPUTS, SETTINGS, case_of, for_outputs, problem

from fastbp import Dense, Input, Sequential, _core, _data, losses, reference
from fastbp.losses import CustomLoss

EPS = np.finfo("float64").eps
MARGIN = 1e-7  # what Keras keeps probabilities away from 0 and 1
COLUMNS = [1, 3, 16, 17, 33]
by_settings = pytest.mark.parametrize(("name", "from_logits", "settings"), SETTINGS, ids=str)
by_form = pytest.mark.parametrize(("name", "from_logits"), FORMS)


def of_name(name, from_logits=False, /, **settings):
    """The loss of that name."""
    return losses.LOSSES.members[name](**settings, **({"from_logits": True} if from_logits else {}))


def on_core(name, from_logits, settings, t, y, isa):
    numbers = of_name(name, from_logits, **settings).kernel_settings_for(y.shape[1])
    targets = t.astype(np.int32) if t.ndim == 1 else t.astype(y.dtype)
    return _core.loss(y, targets, name, from_logits, numbers, isa)


def on_reference(name, from_logits, settings, t, y):
    return reference.LOSSES[name][from_logits](y.astype(np.float64), t, **settings)


def close(ours, theirs, columns, eps):
    """Sums of `columns` terms, each right to a few roundings of the greatest."""
    atol = 8 * eps * np.sqrt(columns) * max(1.0, float(np.abs(theirs).max()))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


# ---- kernels ----


def test_every_loss_is_in_every_table():
    assert set(_core.tables()["losses"]) == set(reference.LOSSES) == set(losses.LOSSES)
    assert set(CASES) <= set(losses.LOSSES)
    for name, loss in losses.LOSSES.members.items():
        assert loss.sparse == (name in reference.losses.SPARSE)


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", COLUMNS)
@by_settings
def test_values_and_slopes_are_those_of_the_reference(name, from_logits, settings, columns, dtype, isa):
    t, y = problem(name, from_logits, 21, columns, seed=columns)
    y, settings = y.astype(dtype), for_outputs(settings, columns)
    if t.ndim == 2:
        t = t.astype(dtype).astype(np.float64)
    values, slopes = on_core(name, from_logits, settings, t, y, isa)
    expected, expected_slopes = on_reference(name, from_logits, settings, t, y)
    assert values.dtype == slopes.dtype == dtype
    close(values, expected, columns, np.finfo(dtype).eps)
    close(slopes, expected_slopes, columns, np.finfo(dtype).eps)


@pytest.mark.parametrize("columns", [1, 3, 17])
@by_settings
def test_slopes_of_the_reference_are_those_of_its_values(name, from_logits, settings, columns):
    t, y = problem(name, from_logits, 21, columns, seed=columns)
    settings = for_outputs(settings, columns)
    _, slopes = on_reference(name, from_logits, settings, t, y)
    numeric = np.empty_like(slopes)
    step = 1e-6
    for c in range(columns):
        moved = step * (np.arange(columns) == c)
        up, down = (on_reference(name, from_logits, settings, t, y + sign * moved)[0] for sign in (1, -1))
        numeric[:, c] = (up - down) / (2 * step)
    # Rounding: eps·value / step, 10⁻⁹; truncation: step²·f''' / 6, where f''' grows up to 1 / 0.02³.
    np.testing.assert_allclose(numeric, slopes, rtol=0, atol=1e-6 * max(1.0, np.abs(slopes).max()))


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@by_settings
def test_certain_outputs_and_huge_logits_give_finite_losses_and_slopes(name, from_logits, settings, dtype, isa):
    low, high = (-1e4, 1e4) if from_logits or HEADS[name] == "linear" else (0.0, 1.0)
    y = np.array([[low, high, high], [high, low, low], [high, high, high], [1.0, low, 0.5]], dtype)
    settings = for_outputs(settings, 3)
    t, _ = problem(name, from_logits, 4, 3)
    values, slopes = on_core(name, from_logits, settings, t, y, isa)
    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()
    if from_logits:  # no clipping here, which in float32 is elsewhere
        expected, expected_slopes = on_reference(name, from_logits, settings, t, y)
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(slopes, expected_slopes, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@by_form
def test_nan_shows_in_its_sample_and_in_no_other(name, from_logits, dtype, isa):
    t, y = problem(name, from_logits, 21, 3)
    y = y.astype(dtype)
    expected, expected_slopes = on_core(name, from_logits, {}, t, y, isa)
    y[5] = np.nan
    values, slopes = on_core(name, from_logits, {}, t, y, isa)
    assert np.isnan(values[5])
    assert np.isnan(slopes[5]).any()
    others = np.arange(21) != 5
    np.testing.assert_array_equal(values[others], expected[others])
    np.testing.assert_array_equal(slopes[others], expected_slopes[others])


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("sign", [1, -1])
@by_form
def test_infinite_outputs_give_what_the_reference_gives(name, from_logits, sign, isa):
    t, y = problem(name, from_logits, 21, 3)
    y[3, 1] = sign * np.inf
    with np.errstate(all="ignore"):
        expected, _ = on_reference(name, from_logits, {}, t, y)
    values, _ = on_core(name, from_logits, {}, t, y, isa)
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("ignored", [-1, 2, 255, 2**31 - 1, -(2**31) + 1])
def test_samples_of_the_ignored_class_count_nothing_whatever_they_hold(ignored, from_logits, isa):
    name = "sparse_categorical_crossentropy"
    t, y = problem(name, from_logits, 21, 3)
    t[::4] = ignored
    expected, expected_slopes = on_core(name, from_logits, {"ignore_class": ignored}, t, y, isa)
    counted = t != ignored
    y[~counted, 1] = np.nan
    values, slopes = on_core(name, from_logits, {"ignore_class": ignored}, t, y, isa)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(slopes, expected_slopes)
    assert not values[~counted].any()
    assert not slopes[~counted].any()
    plain, plain_slopes = on_core(name, from_logits, {}, t[counted], y[counted], isa)
    np.testing.assert_array_equal(values[counted], plain)
    np.testing.assert_array_equal(slopes[counted], plain_slopes)


def test_targets_of_a_fit_may_hold_the_ignored_class():
    labels = _data.as_targets([0, 255, 1], 3, 2, True, "loss", np.dtype("float32"), ignore_class=255)
    assert labels.tolist() == [0, 255, 1]
    with pytest.raises(ValueError, match="loss expects labels from 0 to 1, one for each output; row 1 is 254"):
        _data.as_targets([0, 254, 1], 3, 2, True, "loss", np.dtype("float32"), ignore_class=255)


@pytest.mark.parametrize("name", reference.losses.SPARSE)
def test_labels_that_no_output_has_are_safe(name):
    _, y = problem(name, False, 5, 3)
    values, slopes = _core.loss(y, np.array([-1, 3, 255, -(2**31), 2**31 - 1], np.int32), name, False, [0.5])
    assert values.tolist() == [0.0] * 5
    assert not slopes.any()


def test_a_focal_loss_without_focus_is_the_plain_one():
    for plain, focal in (
        (losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy),
        (losses.CategoricalCrossentropy, losses.CategoricalFocalCrossentropy),
    ):
        for from_logits in (False, True):
            t, y = problem(plain.kernel, from_logits, 21, 4)
            weight = {"alpha": 1.0} if plain is losses.CategoricalCrossentropy else {}
            ours = focal(gamma=0.0, from_logits=from_logits, **weight).values_and_slopes(t, y)
            theirs = plain(from_logits=from_logits).values_and_slopes(t, y)
            for a, b in zip(ours, theirs, strict=True):
                close(a, b, 4, EPS)


def test_log_cosh_keeps_the_digits_of_small_errors():
    e = np.array([1e-6, 1e-3, 0.5, 0.999, 1.0, 1.001, 30.0, 1e4])
    exact = np.where(e < 0.01, e**2 / 2 - e**4 / 12 + e**6 / 45, np.abs(e) + np.log1p(np.exp(-2 * e)) - np.log(2))
    np.testing.assert_allclose(losses.log_cosh(np.zeros(8), e), exact, rtol=8 * EPS)
    single = losses.log_cosh(np.zeros(8), e.astype("float32"))
    np.testing.assert_allclose(single, exact, rtol=8 * np.finfo("float32").eps)


def test_a_quantile_loss_is_least_at_the_quantile_of_the_targets():
    y = np.linspace(0, 10, 101)
    targets = np.random.default_rng(0).permutation(np.arange(100) / 10)
    mean = [losses.Quantile(0.9)(targets, np.full(100, at)) for at in y]
    assert y[int(np.argmin(mean))] == pytest.approx(np.quantile(targets, 0.9), abs=0.1)


def test_nodes_that_share_the_greatest_of_a_categorical_hinge_share_its_slope():
    values, slopes = losses.CategoricalHinge().values_and_slopes([[1.0, 0.0, 0.0, 0.0]], [[0.5, 2.0, 2.0, 1.0]])
    assert values.tolist() == [2.5]
    assert slopes.tolist() == [[-1.0, 0.5, 0.5, 0.0]]


# ---- in training ----


@pytest.mark.parametrize(("name", "from_logits", "head"), OUTPUTS)
def test_training_uses_the_loss_with_its_settings(name, from_logits, head):
    """dw = xᵀ·dz / (samples that count), dz from the reference: of the logits, where loss and network are as one."""
    n, m = 40, 3
    backward = reference.ACTIVATIONS[head][1]
    for settings in ({}, *case_of(name).settings):
        settings = for_outputs(settings, m)
        loss = of_name(name, from_logits, **settings)
        t, _ = problem(name, from_logits, n, m)
        if settings.get("ignore_class") == -1:
            t = np.where(t == 1, 0, t)
        x = np.random.default_rng(1).normal(size=(n, 5))
        model = Sequential([Input((5,)), Dense(m, head)], dtype="float64", seed=2)
        model.compile(loss=loss)
        w, b = model.get_weights()
        y, z = model.predict(x), x @ w + b
        values, d = loss.values_and_slopes(t, y)
        value, (dw, db) = model.loss_and_gradients(x, t)
        counted = np.count_nonzero(t != loss.ignore_class) if loss.sparse else n
        dz = backward(d, y, z) / counted
        # Fused forms differ by what is lost near p = 1, where y is rounded: eps / (1 - p) of about 10⁻³.
        assert value == pytest.approx(values.sum() / counted, rel=1e-11)
        np.testing.assert_allclose(dw, x.T @ dz, rtol=0, atol=1e-11 * max(1, np.abs(d).max()))
        np.testing.assert_allclose(db, dz.sum(axis=0), rtol=0, atol=1e-11 * max(1, np.abs(d).max()))


def test_a_list_for_another_number_of_outputs_is_refused():
    model = Sequential([Input((5,)), Dense(2)])
    model.compile(loss=losses.Quantile([0.1, 0.5, 0.9]))
    with pytest.raises(ValueError, match="quantile has 3 values; expected one for each of 2 outputs"):
        model.fit(np.ones((4, 5)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="alpha has 1 values; expected one for each of 2 outputs"):
        losses.CategoricalFocalCrossentropy([0.5])([[0, 1]], [[0.5, 0.5]])


# ---- classes and functions ----


@pytest.mark.parametrize("columns", [1, 3, 17])
@pytest.mark.parametrize("name", list(losses.LOSSES))
def test_a_loss_is_the_mean_of_what_its_function_gives(name, columns):
    t, y = problem(name, False, 21, columns)
    expected, slopes = on_reference(name, False, {}, t, y)
    loss = of_name(name)
    settings = {"q": 0.5} if "generalized" in name else {}  # which has no default there, as in Keras
    np.testing.assert_array_equal(getattr(losses, name)(t, y, **settings), loss.per_sample(t, y))
    close(loss.per_sample(t, y), expected, columns, EPS)
    close(loss.values_and_slopes(t, y)[1], slopes, columns, EPS)
    close(loss(t, y), expected.mean(), columns, EPS)
    single = loss.per_sample(t, y.astype("float32"))
    assert single.dtype == np.float32
    close(single, expected, 4 * columns, np.finfo("float32").eps)  # y is rounded too
    assert type(loss(t, y)) is float


@by_settings
def test_functions_take_the_settings_of_their_classes(name, from_logits, settings):
    t, y = problem(name, from_logits, 21, 3)
    settings = for_outputs(settings, 3)
    if "generalized" in name:
        settings.setdefault("q", 0.5)
    given = settings | ({"from_logits": True} if from_logits else {})
    expected = of_name(name, from_logits, **settings).per_sample(t, y)
    np.testing.assert_array_equal(getattr(losses, name)(t, y, **given), expected)


WEIGHT = np.arange(21) % 5 / 2


@pytest.mark.parametrize("name", list(losses.LOSSES))
def test_reductions_are_their_formulas(name):
    t, y = problem(name, False, 21, 3)
    values = of_name(name).per_sample(t, y)
    expected = {
        "sum_over_batch_size": (values * WEIGHT).sum() / 21,
        "mean": (values * WEIGHT).sum() / 21,
        "sum": (values * WEIGHT).sum(),
        "mean_with_sample_weight": (values * WEIGHT).sum() / WEIGHT.sum(),
        "none": values * WEIGHT,
        None: values * WEIGHT,
    }
    for reduction, value in expected.items():
        loss = of_name(name, reduction=reduction)
        assert loss.reduction == (reduction or "none")
        for given in (WEIGHT, WEIGHT[:, None], WEIGHT.tolist()):
            assert loss(t, y, sample_weight=given) == pytest.approx(value, rel=8 * EPS)
    assert of_name(name, reduction=None)(t, y.astype("float32")).dtype == np.float32


def test_a_mean_is_over_the_samples_that_count():
    t, y = [0, -1, 1, -1], [[0.25, 0.75], [0.5, 0.5], [0.5, 0.5], [0.1, 0.9]]
    a, b = -np.log([0.25, 0.5])
    weight = [3.0, 100.0, 1.0, 100.0]

    def make(reduction):
        return losses.SparseCategoricalCrossentropy(ignore_class=-1, reduction=reduction)

    for mean in ("mean", "sum_over_batch_size"):
        assert make(mean)(t, y) == pytest.approx((a + b) / 2)
        assert make(mean)(t, y, weight) == pytest.approx((3 * a + b) / 2)
    assert make("mean_with_sample_weight")(t, y) == pytest.approx((a + b) / 2)
    assert make("mean_with_sample_weight")(t, y, weight) == pytest.approx((3 * a + b) / 4)
    assert make("sum")(t, y, weight) == pytest.approx(3 * a + b)
    assert make(None)(t, y, weight) == pytest.approx([3 * a, 0, b, 0])


@pytest.mark.parametrize("reduction", ["mean", "sum", "mean_with_sample_weight"])
def test_a_mean_of_nothing_is_0(reduction):
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1, reduction=reduction)
    assert loss([-1, -1], [[0.5, 0.5], [0.5, 0.5]]) == 0.0
    assert loss([0, 1], [[0.5, 0.5], [0.5, 0.5]], sample_weight=[0, 0]) == 0.0


def test_a_dtype_is_what_outputs_are_converted_to():
    t, y = problem("log_cosh", False, 21, 3)
    assert losses.LogCosh(dtype="float32").per_sample(t, y).dtype == np.float32
    assert losses.LogCosh(dtype=np.float64).per_sample(t, y.astype("float32")).dtype == np.float64
    assert losses.LogCosh().per_sample(t, y).dtype == np.float64


def test_from_logits_is_the_loss_of_the_activation():
    for name, from_logits in FORMS:
        if not from_logits:
            continue
        t, z = problem(name, True, 40, 5)
        p = reference.ACTIVATIONS[reference.LOSSES[name][2]][0](z)
        np.testing.assert_allclose(
            of_name(name, True).per_sample(t, z), of_name(name).per_sample(t, p), rtol=1e-11, atol=1e-11
        )


def test_probabilities_are_kept_off_0_and_1_as_in_keras():
    certain, sure = -np.log(MARGIN), -np.log(1 - MARGIN)
    binary = losses.binary_crossentropy([[1], [0], [1], [0]], [[0.0], [1.0], [1.0], [0.0]])
    # 1 - p is right to half a rounding of 1 only, which is relative to p = 1e-7.
    assert binary == pytest.approx([certain, certain, sure, sure], rel=EPS / MARGIN)
    expected = pytest.approx([certain, sure], rel=EPS / MARGIN)
    assert losses.categorical_crossentropy([[1, 0], [0, 1]], [[0.0, 1.0], [0.0, 1.0]]) == expected
    assert losses.sparse_categorical_crossentropy([0, 1], [[0.0, 1.0], [0.0, 1.0]]) == expected


def test_outputs_that_do_not_add_up_to_one_are_divided_by_their_sum():
    t, y = problem("categorical_crossentropy", False, 40, 5)
    scaled = y * np.linspace(0.1, 10, 40)[:, None]
    np.testing.assert_allclose(
        losses.categorical_crossentropy(t, scaled), losses.categorical_crossentropy(t, y), rtol=16 * EPS, atol=16 * EPS
    )


def test_a_row_of_single_targets_is_a_column():
    t, y = np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.25, 0.5])
    expected = losses.mean_squared_error(t[:, None], y[:, None])
    for true, pred in ((t, y), (t, y[:, None]), (t[:, None], y)):
        np.testing.assert_array_equal(losses.mean_squared_error(true, pred), expected)


def test_losses_say_what_they_are():
    assert repr(losses.get("mse")) == "<loss mean_squared_error>"
    assert repr(losses.BinaryCrossentropy(from_logits=True)) == "<loss binary_crossentropy from logits>"
    assert repr(losses.Huber(name="mine")) == "<loss mine>"


@pytest.mark.parametrize("loss", [losses.Hinge(), losses.SquaredHinge()])
def test_targets_of_hinges_may_be_0_and_1(loss):
    zeros_and_ones = np.array([[0, 1], [1, 0], [1, 1]])
    signs = 2.0 * zeros_and_ones - 1
    y = np.random.default_rng(0).normal(size=(3, 2))
    for kind in (bool, np.uint8, np.int64, np.float32, np.float64):
        np.testing.assert_array_equal(loss.prepare_targets(zeros_and_ones.astype(kind)), signs)
        np.testing.assert_array_equal(loss.per_sample(zeros_and_ones.astype(kind), y), loss.per_sample(signs, y))
    np.testing.assert_array_equal(loss.prepare_targets(signs), signs)
    mixed = np.array([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(loss.prepare_targets(mixed), mixed)


# ---- names, configs ----


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("mse", "mean_squared_error"),
        ("MAE", "mean_absolute_error"),
        ("mape", "mean_absolute_percentage_error"),
        ("MSLE", "mean_squared_logarithmic_error"),
        ("logcosh", "log_cosh"),
        ("kld", "kl_divergence"),
        ("kullback_leibler_divergence", "kl_divergence"),
        ("BCE", "binary_crossentropy"),
        ("Huber", "huber"),
        ("KLDivergence", "kl_divergence"),
    ],
)
def test_aliases(alias, name):
    assert losses.get(alias).kernel == name


@pytest.mark.parametrize("name", list(losses.LOSSES))
def test_a_loss_is_found_by_its_function(name):
    assert losses.get(getattr(losses, name)).kernel == name


@by_settings
def test_a_config_makes_an_equal_loss(name, from_logits, settings):
    settings = for_outputs(settings, 3)
    loss = of_name(name, from_logits, **settings, name="mine", reduction="sum", dtype="float32")
    config = json.loads(json.dumps(losses.serialize(loss)))
    for again in (losses.deserialize(config), losses.get(config), type(loss).from_config(config["config"])):
        assert type(again) is type(loss)
        assert vars(again) == vars(loss)
    assert losses.deserialize(name).kernel == name


def test_custom_objects_are_found():
    class Mine(losses.Huber):
        pass

    config = losses.serialize(Mine(delta=2.0))
    assert vars(losses.deserialize(config, {"Mine": Mine})) == vars(Mine(delta=2.0))
    assert type(losses.deserialize("Mine", {"Mine": Mine})) is Mine
    with pytest.raises(ValueError, match="unknown loss 'Mine'"):
        losses.deserialize(config)


BAD = [
    (lambda: losses.Huber(delta=0), ValueError, "delta must be greater than 0; got 0"),
    (lambda: losses.Huber(delta="1"), TypeError, "delta must be a number; got str '1'"),
    (lambda: losses.Quantile(1.5), ValueError, "quantile must be finite and at least 0 and at most 1; got 1.5"),
    (lambda: losses.Quantile([0.5, -1]), ValueError, "quantile must be finite and at least 0 and at most 1; got -1"),
    (lambda: losses.BinaryCrossentropy(label_smoothing=2), ValueError, "label_smoothing must be finite and at least 0"),
    (lambda: losses.CosineSimilarity(axis=0), ValueError, "axis must be -1, the outputs of a sample; got 0"),
    (lambda: losses.CosineSimilarity(axis=True), ValueError, "axis must be -1, the outputs of a sample; got True"),
    (lambda: losses.BinaryFocalCrossentropy(gamma=-1), ValueError, "gamma must be finite and at least 0; got -1"),
    (lambda: losses.CategoricalFocalCrossentropy(alpha=-1), ValueError, "alpha must be finite and at least 0; got -1"),
    (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1), ValueError, "q must be between 0 and 1; got 1"),
    (
        lambda: losses.Poisson(reduction="max"),
        ValueError,
        "reduction must be one of .*; got 'max'",
    ),
    (lambda: losses.Poisson(dtype="int8"), ValueError, "dtype must be None, float32 or float64; got 'int8'"),
    (lambda: losses.Poisson(dtype="hello"), ValueError, "dtype must be None, float32 or float64; got 'hello'"),
    (lambda: losses.SparseCategoricalCrossentropy(ignore_class=0.5), TypeError, "ignore_class must be a whole number"),
    (lambda: losses.SparseCategoricalCrossentropy(ignore_class=2**31), ValueError, "ignore_class must be less than"),
    (lambda: losses.get(3), TypeError, "expected the loss as a name or as a Loss; got int 3"),
    (lambda: losses.get("hubber"), ValueError, "unknown loss 'hubber'; did you mean 'huber'?"),
    (lambda: CustomLoss(3), TypeError, "function must be callable; got int 3"),
    (
        lambda: losses.SparseCategoricalCrossentropy(ignore_class=255)([3], [[0.5, 0.5]]),
        ValueError,
        r"labels must be in \[0, 2\) or 255, which is ignored; got 3 to 3",
    ),
]


@pytest.mark.parametrize(("make", "error", "message"), BAD, ids=[message for *_, message in BAD])
def test_bad_settings(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- a loss of the user's own ----


def squares(y_true, y_pred):
    error = y_pred - y_true
    return (error * error).mean(axis=1), 2 * error / error.shape[1]


def test_a_custom_loss_is_what_its_function_gives():
    t, y = problem("mean_squared_error", False, 21, 3)
    loss, plain = CustomLoss(squares), losses.MeanSquaredError()
    assert (loss.kernel, loss.name, loss.sparse, loss.from_logits) == (None, "squares", False, False)
    assert loss.kernel_settings_for(3) == []
    for ours, theirs in zip(loss.values_and_slopes(t, y), plain.values_and_slopes(t, y), strict=True):
        close(ours, theirs, 3, EPS)
    assert loss(t, y, WEIGHT) == pytest.approx(plain(t, y, WEIGHT), rel=8 * EPS)
    assert CustomLoss(squares, reduction="sum")(t, y) == pytest.approx(plain(t, y) * 21, rel=8 * EPS)
    assert loss.per_sample(t, y.astype("float32")).dtype == np.float32
    assert loss.per_sample(t[:, 0], y[:, 0]).shape == (21,)
    assert losses.get(loss) is loss
    again = CustomLoss.from_config(CustomLoss(squares, "mine", reduction="sum").get_config())
    assert (again.function, again.name, again.reduction) == (squares, "mine", "sum")


def test_a_sparse_custom_loss_gets_labels():
    def at_label(labels, y):
        chosen = labels[:, None] == np.arange(y.shape[1])
        return (y * chosen).sum(axis=1), chosen

    values, slopes = CustomLoss(at_label, sparse=True).values_and_slopes([1, 0], [[2.0, 3.0], [4.0, 5.0]])
    assert values.tolist() == [3.0, 4.0]
    assert slopes.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    with pytest.raises(ValueError, match=r"labels must be in \[0, 2\)"):
        CustomLoss(at_label, sparse=True)([2], [[2.0, 3.0]])


def test_a_bare_function_is_a_custom_loss():
    loss = losses.get(squares)
    assert (type(loss), loss.function, loss.name) == (CustomLoss, squares, "squares")
    assert losses.get(lambda t, y: None).name == "<lambda>"

    class Callable:
        def __call__(self, t, y):
            return squares(t, y)

    assert losses.get(Callable()).name == "Callable"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (0.5, TypeError, r"f must return the losses \(4,\) and their slopes \(4, 3\); got float"),
        (np.zeros(4), TypeError, "got ndarray"),
        ((np.zeros(4),), TypeError, "got tuple"),
        ((np.zeros(3), np.zeros((4, 3))), ValueError, r"got shapes \(3,\) and \(4, 3\)"),
        ((np.zeros(4), np.zeros(4)), ValueError, r"got shapes \(4,\) and \(4,\)"),
        ((np.zeros(4), [["a"] * 3] * 4), TypeError, "both of real numbers; got float64 and <U1"),
    ],
)
def test_what_a_custom_loss_returns_is_checked(given, error, message):
    def f(y_true, y_pred):
        return given

    with pytest.raises(error, match=message):
        losses.get(f)(np.zeros((4, 3)), np.zeros((4, 3)))
