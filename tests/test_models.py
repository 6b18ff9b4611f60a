"""Sequential: its layers, its weights, and what it computes outside of fit."""

import gc
import threading

import numpy as np
import pytest

from fastbp import SGD, Adam, Dense, Input, Sequential


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def network(*widths, dtype="float32", seed=0, activation="tanh"):
    """A compiled model of these widths, the input's first."""
    model = Sequential([Input((widths[0],))], dtype=dtype, seed=seed)
    for width in widths[1:-1]:
        model.add(Dense(width, activation))
    model.add(Dense(widths[-1]))
    model.compile(optimizer=SGD(0.1), loss="mse", metrics=["mae"])
    return model


def changed(model):
    """The model, with weights that no initialiser gives."""
    model.set_weights([numbers(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    return model


def assert_same(arrays, others):
    assert len(arrays) == len(others)
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other, strict=True)


# ---- building ----


def test_a_model_with_an_input_has_weights_at_once():
    model = Sequential([Input((3,)), Dense(4), Dense(2)])
    assert model.built
    assert [w.shape for w in model.weights] == [(3, 4), (4,), (4, 2), (2,)]
    assert model.input_shape == (None, 3)
    assert model.output_shape == (None, 2)


def test_a_model_without_an_input_has_no_weights_yet():
    model = Sequential([Dense(4)])
    assert not model.built
    assert not model.layers[0].built
    with pytest.raises(ValueError, match="width of the input is not known"):
        model.get_weights()
    with pytest.raises(AttributeError, match="layer 'dense' has no weights yet"):
        _ = model.layers[0].kernel


@pytest.mark.parametrize(
    "use",
    [
        lambda model, x, y: model.fit(x, y),
        lambda model, x, y: model.evaluate(x, y),
        lambda model, x, y: model.predict(x),
        lambda model, x, y: model(x),
        lambda model, x, y: model.train_on_batch(x, y),
        lambda model, x, y: model.test_on_batch(x, y),
        lambda model, x, y: model.loss_and_gradients(x, y),
    ],
    ids=["fit", "evaluate", "predict", "call", "train_on_batch", "test_on_batch", "loss_and_gradients"],
)
def test_the_first_data_tell_the_width(use):
    model = Sequential([Dense(4), Dense(2)])
    model.compile(loss="mse")
    use(model, numbers(6, 5), numbers(6, 2))
    assert model.input_shape == (None, 5)


@pytest.mark.parametrize("shape", [3, (3,), (None, 3), np.int64(3)], ids=repr)
def test_however_the_width_is_told_the_weights_are_the_same(shape):
    expected = Sequential([Input((3,)), Dense(4), Dense(2)], seed=5).get_weights()
    model = Sequential([Dense(4), Dense(2)], seed=5)
    model.build(shape)
    assert_same(model.get_weights(), expected)


def test_build_takes_the_width_from_the_input():
    model = Sequential([Input(3), Dense(4)], seed=5)
    before = model.get_weights()
    model.build()
    assert_same(model.get_weights(), before)


def test_building_again_with_the_same_width_keeps_the_weights():
    model = changed(network(3, 4, 2))
    before = model.get_weights()
    model.build((None, 3))
    assert_same(model.get_weights(), before)


def test_building_again_with_another_width_makes_only_the_first_kernel_anew():
    model = Sequential([Dense(4), Dense(2)], seed=0)
    model.build(3)
    before = changed(model).get_weights()
    model.build(5)
    assert model.layers[0].kernel.shape == (5, 4)
    assert_same(model.get_weights()[2:], before[2:])


def test_build_refuses_a_width_other_than_the_inputs():
    with pytest.raises(ValueError, match="x has 5 columns; the network expects 3"):
        network(3, 2).build(5)


def test_build_needs_layers_and_a_width():
    with pytest.raises(ValueError, match="no layers"):
        Sequential().build(3)
    with pytest.raises(ValueError, match="give input_shape, or an Input"):
        Sequential([Dense(2)]).build()


# ---- layers ----


def test_adding_to_a_built_model_keeps_its_weights():
    model = changed(network(3, 4))
    before = model.get_weights()
    model.add(Dense(2))
    assert_same(model.get_weights()[:2], before)
    assert model.layers[1].kernel.shape == (4, 2)


def test_a_model_grown_by_add_starts_as_one_made_at_once():
    at_once = Sequential([Input((3,)), Dense(4), Dense(2)], seed=8)
    grown = Sequential(seed=8)
    grown.add(Input((3,)))
    grown.add(Dense(4))
    grown.add(Dense(2))
    assert_same(grown.get_weights(), at_once.get_weights())


def test_pop_removes_the_last_layer_and_both_keep_their_weights():
    model = changed(network(3, 4, 2))
    before = model.get_weights()
    layer = model.pop()
    assert_same(model.get_weights(), before[:2])
    assert_same(layer.get_weights(), before[2:])
    layer.kernel[...] = 0  # its own now
    assert model(numbers(1, 3)).shape == (1, 4)


def test_a_popped_layer_can_be_added_again_with_its_weights():
    model = changed(network(3, 4, 2))
    before = model.get_weights()
    model.add(model.pop())
    assert_same(model.get_weights(), before)
    other = network(3, 4)
    other.add(model.pop())
    assert_same(other.get_weights()[2:], before[2:])


def test_pop_of_a_model_without_layers_is_an_error():
    with pytest.raises(ValueError, match="no layers"):
        Sequential([Input((3,))]).pop()


def test_a_layer_belongs_to_one_model():
    layer = Dense(2)
    owner = Sequential([layer])
    with pytest.raises(ValueError, match="layer 'dense' belongs to a model already"):
        Sequential([layer])
    assert owner.layers == [layer]


def test_a_layer_whose_model_failed_can_be_used_again():
    layer = Dense(2)
    with pytest.raises(TypeError, match="expected a layer"):
        Sequential([layer, 3])
    gc.collect()  # the failed model lived on in the traceback
    assert Sequential([layer]).layers == [layer]


def test_kernel_and_bias_can_be_set_in_place():
    model = network(3, 2)
    kernel = model.get_weights()[0]
    model.layers[0].kernel *= 2
    model.layers[0].bias = [5, 6]
    np.testing.assert_array_equal(model.get_weights()[0], 2 * kernel)
    np.testing.assert_array_equal(model.get_weights()[1], [5, 6])


def test_a_layer_without_bias_has_none_to_set():
    layer = Dense(2, use_bias=False)
    with pytest.raises(AttributeError, match="has no bias"):
        layer.bias = [1, 2]


def test_the_list_of_layers_is_a_copy():
    model = network(3, 4, 2)
    model.layers.clear()
    assert len(model.layers) == 2


def test_layers_without_a_name_are_numbered():
    model = Sequential([Dense(1), Dense(1, name="middle"), Dense(1), Dense(1)])
    assert [layer.name for layer in model.layers] == ["dense", "middle", "dense_1", "dense_2"]


def test_two_layers_cannot_have_one_name():
    model = Sequential([Dense(1, name="a")])
    with pytest.raises(ValueError, match="layer 'a' already"):
        model.add(Dense(1, name="a"))
    assert len(model.layers) == 1


def test_get_layer_by_name_and_by_index():
    model = Sequential([Dense(1, name="first"), Dense(2, name="second")])
    assert model.get_layer("second") is model.layers[1]
    assert model.get_layer(index=0) is model.layers[0]
    with pytest.raises(ValueError, match="no layer 'third'; there are: first, second"):
        model.get_layer("third")
    with pytest.raises(ValueError, match="either name or index"):
        model.get_layer()
    with pytest.raises(ValueError, match="either name or index"):
        model.get_layer("first", index=0)


# ---- weights ----


def test_weights_are_kernel_then_bias_layer_by_layer():
    model = network(3, 4, 2)
    first, second = model.layers
    assert_same(model.get_weights(), [first.kernel, first.bias, second.kernel, second.bias])
    assert_same(model.get_weights(), [*first.get_weights(), *second.get_weights()])


def test_a_layer_without_bias_has_a_kernel_only():
    model = Sequential([Input((3,)), Dense(4, use_bias=False), Dense(2)], seed=0)
    assert model.layers[0].bias is None
    assert [w.shape for w in model.get_weights()] == [(3, 4), (4, 2), (2,)]
    assert model.count_params() == 12 + 8 + 2


def test_count_params_counts_every_weight_and_no_padding():
    model = network(3, 17, 2)
    assert model.count_params() == 3 * 17 + 17 + 17 * 2 + 2
    assert [layer.count_params() for layer in model.layers] == [3 * 17 + 17, 17 * 2 + 2]


def test_get_weights_gives_copies():
    model = network(3, 4, 2)
    model.get_weights()[0][...] = 9
    assert not (model.layers[0].kernel == 9).any()


def test_set_weights_makes_two_models_one():
    model, other = network(3, 4, 2, seed=0), network(3, 4, 2, seed=1)
    x = numbers(5, 3)
    assert (model(x) != other(x)).any()
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other(x), model(x))


def test_set_weights_takes_lists_and_other_dtypes():
    model = Sequential([Input((2,)), Dense(1)])
    model.set_weights([[[1], [2]], np.array([3], dtype=np.int8)])
    assert model([[10, 100]]).item() == 213


def test_set_weights_keeps_what_the_optimizer_remembers_and_compile_does_not():
    model = network(3, 4, 2)
    x, y = numbers(8, 3), numbers(8, 2, seed=1)
    model.compile(optimizer=Adam(), loss="mse")
    model.fit(x, y, batch_size=2, epochs=3)
    momentum = [m.copy() for m in model._trainer.core.slots()[0]]
    model.set_weights(model.get_weights())
    assert model._trainer.core.iterations == 12
    assert_same(model._trainer.core.slots()[0], momentum)
    model.compile(optimizer=Adam(), loss="mse")
    model.train_on_batch(x, y)
    assert model._trainer.core.iterations == 1


def test_writing_into_a_kernel_changes_the_predictions():
    model = network(3, 2)
    model.layers[0].kernel[...] = 0
    model.layers[0].bias[...] = [5, 6]
    np.testing.assert_array_equal(model(numbers(2, 3)), [[5, 6], [5, 6]])
    model.weights[1][0] = 7
    assert model(numbers(1, 3))[0, 0] == 7


def test_a_view_shows_what_training_does():
    model = network(3, 2)
    kernel = model.layers[0].kernel
    before = kernel.copy()
    model.train_on_batch(numbers(4, 3), numbers(4, 2))
    assert (kernel != before).all()


def test_views_outlive_their_model():
    model = network(3, 400)
    kernel, expected = model.layers[0].kernel, model.layers[0].kernel.copy()
    del model
    gc.collect()
    [numbers(3, 400) for _ in range(10)]  # would reuse freed memory
    np.testing.assert_array_equal(kernel, expected)
    kernel[...] = 1
    assert (kernel == 1).all()


def test_views_outlive_a_rebuild_but_are_of_the_old_network():
    model = network(3, 4)
    old, expected = model.layers[0].kernel, model.layers[0].kernel.copy()
    model.add(Dense(2))
    old[...] = 1
    np.testing.assert_array_equal(model.layers[0].kernel, expected)


# ---- dtypes, seeds, a look at it ----


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, np.dtype("float64")], ids=str)
def test_the_dtype_is_that_of_weights_predictions_and_gradients(dtype):
    model = network(3, 4, 2, dtype=dtype)
    x, y = numbers(2, 3), numbers(2, 2)
    assert model.predict(x).dtype == model(x).dtype == np.dtype(dtype)
    assert {w.dtype for w in model.get_weights()} == {np.dtype(dtype)}
    assert {g.dtype for g in model.loss_and_gradients(x, y)[1]} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predict_is_the_formula_of_the_layers(dtype):
    model = network(17, 33, 3, dtype=dtype)
    x = numbers(9, 17).astype(dtype).astype("float64")
    k1, b1, k2, b2 = (w.astype("float64") for w in model.get_weights())
    hidden = np.tanh(x @ k1 + b1)
    expected = hidden @ k2 + b2
    # Sums of 17 and 33 products whose rounding errors add up like a random walk, each against the size of its terms.
    first = np.sqrt(17) * (np.abs(x) @ np.abs(k1)).max()
    second = np.sqrt(33) * (np.abs(hidden) @ np.abs(k2)).max()
    atol = 4 * np.finfo(dtype).eps * (first * np.abs(k2).sum(axis=0).max() + second)
    np.testing.assert_allclose(model.predict(x), expected, rtol=0, atol=atol)


def test_equal_seeds_give_equal_weights_and_others_do_not():
    assert_same(network(3, 4, 2, seed=7).get_weights(), network(3, 4, 2, seed=7).get_weights())
    assert (network(3, 2, seed=7).get_weights()[0] != network(3, 2, seed=8).get_weights()[0]).all()


def test_without_a_seed_every_model_differs():
    first, second = (Sequential([Input((3,)), Dense(2)]) for _ in range(2))
    assert (first.get_weights()[0] != second.get_weights()[0]).all()


def test_a_model_without_a_seed_can_be_repeated_from_the_seed_it_drew():
    model = Sequential([Input((3,)), Dense(2)])
    assert_same(Sequential([Input((3,)), Dense(2)], seed=model.seed).get_weights(), model.get_weights())


def test_float32_weights_are_the_float64_weights_rounded():
    single, double = network(3, 4, 2, dtype="float32"), network(3, 4, 2, dtype="float64")
    assert_same(single.get_weights(), [w.astype("float32") for w in double.get_weights()])


def test_summary_shows_layers_shapes_and_counts(capsys):
    model = Sequential([Input((64,)), Dense(32, "relu", name="hidden"), Dense(10, "softmax")], name="digits")
    model.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Model: digits"
    assert any(line.split() == ["hidden", "(Dense,", "relu)", "(None,", "32)", "2,080"] for line in lines)
    assert any(line.split() == ["dense", "(Dense,", "softmax)", "(None,", "10)", "330"] for line in lines)
    assert lines[-1] == "Total: 2,410 weights, 2,410 of them trained, float32"


def test_summary_of_a_model_that_is_not_built_says_so():
    lines = []
    Sequential([Dense(32)]).summary(print_fn=lines.append)
    assert "not built" in lines[0].splitlines()[-1]


# ---- calls ----


def test_a_call_on_one_sample_gives_one_row():
    model = network(3, 4, 2)
    x = numbers(5, 3)
    assert model(x[0]).shape == (2,)
    np.testing.assert_array_equal(model(x[0]), model(x)[0])


@pytest.mark.parametrize("rows", [1, 7, 64, 65, 300])
@pytest.mark.parametrize("batch_size", [None, 1, 2, 63, 64, 65, 299, 1000, 10**15])
def test_predict_gives_the_same_in_batches_of_any_size(rows, batch_size):
    model = network(5, 33, 3)
    x = numbers(rows, 5)
    expected = np.concatenate([model(row[None]) for row in x])
    np.testing.assert_array_equal(model.predict(x, batch_size=batch_size), expected)
    np.testing.assert_array_equal(model(x), expected)


@pytest.mark.parametrize("rows", [np.zeros((0, 5)), np.zeros((3, 5), "float32")[:0]], ids=["empty", "slice"])
def test_predict_of_no_rows_is_no_rows(rows):
    model = network(5, 3)
    for outputs in (model.predict(rows), model(rows)):
        assert outputs.shape == (0, 3)
        assert outputs.dtype == np.float32


def test_predict_lets_nan_through():
    outputs = network(3, 2).predict([[0, 0, 0], [0, np.nan, 0]])
    assert np.isfinite(outputs[0]).all()
    assert np.isnan(outputs[1]).all()


# ---- single batches ----


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_of_sgd_subtracts_learning_rate_times_gradient(dtype):
    model = network(5, 17, 3, dtype=dtype)
    x, y = numbers(6, 5), numbers(6, 3, seed=1)
    before = model.get_weights()
    loss, gradients = model.loss_and_gradients(x, y)
    assert_same(model.get_weights(), before)
    assert model._trainer.core.iterations == 0
    assert model.train_on_batch(x, y)[0] == loss
    assert model._trainer.core.iterations == 1
    for old, new, gradient in zip(before, model.get_weights(), gradients, strict=True):
        step = np.dtype(dtype).type(0.1) * gradient
        bound = np.finfo(dtype).eps * (np.abs(old) + np.abs(step))  # one rounding of the product, one of the sum
        assert (np.abs(new - (old - step)) <= bound).all()
        assert (gradient != 0).any()


def test_gradients_of_a_batch_larger_than_any_before_leave_training_as_it_was():
    x, y = numbers(50, 5), numbers(50, 3, seed=1)
    model, other = network(5, 17, 3), network(5, 17, 3)
    for each in (model, other):
        each.train_on_batch(x[:4], y[:4])
    model.loss_and_gradients(x, y)
    for each in (model, other):
        each.train_on_batch(x[:4], y[:4])
    assert_same(model.get_weights(), other.get_weights())


def test_gradients_are_copies():
    model = network(3, 2)
    x, y = numbers(4, 3), numbers(4, 2, seed=1)
    _, gradients = model.loss_and_gradients(x, y)
    kept = [g.copy() for g in gradients]
    model.loss_and_gradients(2 * x, y)
    assert_same(gradients, kept)


def test_train_on_batch_returns_what_was_before_the_step():
    model = network(3, 4, 2)
    x, y = numbers(6, 3), numbers(6, 2, seed=1)
    before = model.test_on_batch(x, y)
    assert model.train_on_batch(x, y) == before
    assert model.test_on_batch(x, y)[0] < before[0]


def test_results_are_a_list_with_metrics_a_number_without_and_a_dict_on_request():
    model = network(3, 2)
    x, y = numbers(6, 3), numbers(6, 2, seed=1)
    assert model.metrics_names == ["loss", "mae"]
    results = model.test_on_batch(x, y)
    assert [type(value) for value in results] == [float, float]
    assert model.test_on_batch(x, y, return_dict=True) == dict(zip(["loss", "mae"], results, strict=True))
    assert list(model.train_on_batch(x, y, return_dict=True)) == ["loss", "mae"]
    model.compile(loss="mse")
    assert isinstance(model.test_on_batch(x, y), float)
    assert isinstance(model.train_on_batch(x, y), float)


def test_test_on_batch_changes_nothing():
    model = network(3, 2)
    before = model.get_weights()
    model.test_on_batch(numbers(6, 3), numbers(6, 2))
    assert_same(model.get_weights(), before)
    assert model._trainer.core.iterations == 0


# ---- threads ----


def in_threads(*functions):
    """Runs them at the same time; their results, or the exceptions they ended in."""
    results = [None] * len(functions)
    start = threading.Barrier(len(functions))

    def run(i):
        start.wait()
        try:
            results[i] = functions[i]()
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_threads_that_predict_at_once_get_what_one_gets():
    model = network(64, 100, 10)
    data = [numbers(rows, 64, seed=rows).astype("float32") for rows in (1, 64, 65, 2000)]
    expected = [model.predict(x) for x in data]

    def predict(x):
        return lambda: [f(x) for _ in range(20) for f in (model, model.predict)]

    for got, right in zip(in_threads(*map(predict, data)), expected, strict=True):
        for outputs in got:
            np.testing.assert_array_equal(outputs, right)


def test_a_model_in_training_refuses_a_second_thread_and_goes_on():
    model = network(8, 32, 1)
    x, y = numbers(2000, 8), numbers(2000)
    model.optimizer.learning_rate = 0.001
    model.train_on_batch(x, y)
    refused = []

    def train_until_one_is_refused():
        for _ in range(10**4):
            try:
                model.fit(x, y, batch_size=1)
            except RuntimeError as error:
                refused.append(str(error))
            if refused:
                return

    assert in_threads(train_until_one_is_refused, train_until_one_is_refused) == [None, None]
    assert set(refused) == {"the model is being trained or evaluated by another thread"}
    assert model._trainer.core.iterations % 2000 == 1  # whole epochs, after the first step
    assert np.isfinite(model.evaluate(x, y)).all()


def test_two_fits_at_once_take_turns_or_one_is_refused():
    model = network(8, 16, 1)
    x, y = numbers(100, 8), numbers(100)
    model.optimizer.learning_rate = 0.001
    model.train_on_batch(x, y)
    results = in_threads(*[lambda: model.fit(x, y, batch_size=10, epochs=50)] * 2)
    done = [result for result in results if not isinstance(result, Exception)]
    assert all(isinstance(result, RuntimeError) for result in results if result not in done)
    assert model._trainer.core.iterations % 10 == 1
    assert model._trainer.core.iterations >= 1 + 500 * len(done)
    assert all(np.isfinite(w).all() for w in model.weights)
    model.fit(x, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inputs", [1, 5])
def test_the_quick_call_agrees_with_predict(dtype, inputs):
    """What the core takes as it is, and what must be converted first, end in the same numbers."""
    model = network(inputs, 7, 3, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(200, inputs)).astype(dtype)
    expected = model.predict(x)
    for rows in (0, 1, 2, 63, 64, 65, 200):
        np.testing.assert_array_equal(model(x[:rows]), expected[:rows])
    np.testing.assert_array_equal(model(x[::-1][:5]), expected[::-1][:5])
    np.testing.assert_array_equal(model(np.asfortranarray(x[:5])), expected[:5])
    np.testing.assert_array_equal(model(x[:5].astype(x.dtype.newbyteorder())), expected[:5])
    np.testing.assert_array_equal(model(x[:5].tolist()), expected[:5])
    np.testing.assert_array_equal(model(np.broadcast_to(x[0], (4, inputs))), expected[[0, 0, 0, 0]])
    if inputs > 1:
        np.testing.assert_array_equal(model(x[0]), expected[0])
        np.testing.assert_array_equal(model(np.repeat(x[:1], 2, axis=1)[0, ::2]), expected[0])
    else:
        np.testing.assert_array_equal(model(x[:9, 0]), expected[:9])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_threads_may_call_at_once(dtype):
    """Eight threads, 10,000 calls each, every result the bits of the serial one."""
    model = network(4, 64, 64, 2, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(100, 1, 4)).astype(dtype)
    serial = [model(sample).tobytes() for sample in x]
    wrong = []

    def call():
        for i in range(10_000):
            if model(x[i % 100]).tobytes() != serial[i % 100]:
                wrong.append(i)

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong
