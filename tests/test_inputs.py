"""What x, y and sample_weight can be: any layout and any real dtype give what plain arrays give, to the last bit."""

import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbp import SGD, Dense, Input, Sequential, _data

FLOATS = ["f2", "f4", "f8", "g", ">f2", ">f4", ">f8"]
INTEGERS = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i2", ">i4", ">u8"]
SPARSE = "sparse_categorical_crossentropy"
few = settings(deadline=None, max_examples=100)


def stepped(a, rows, columns):
    out = np.zeros((len(a) * abs(rows), a.shape[1] * abs(columns)), a.dtype)[::rows, ::columns]
    out[...] = a
    return out


def columns_of_wider(a):
    out = np.full((len(a), a.shape[1] + 3), 77, a.dtype)[:, 2:-1]
    out[...] = a
    return out


def transposed(a):
    return np.ascontiguousarray(a.T).T


def off_by_a_byte(a):
    out = np.zeros(a.nbytes + 1, "u1")[1:].view(a.dtype).reshape(a.shape)
    out[...] = a
    return out


def from_bytes(a):
    return np.frombuffer(b"12345" + a.tobytes(), a.dtype, offset=5).reshape(a.shape)  # unaligned and read-only


def field_of_records(a):
    out = np.zeros(len(a), [("flag", "u1"), ("values", a.dtype, (a.shape[1],))])["values"]
    out[...] = a
    return out


def one_row_repeated(a):
    return np.broadcast_to(a[:1], a.shape)


def one_column_repeated(a):
    return np.broadcast_to(a[:, :1], a.shape)


def sliding(a):
    """Rows that overlap: each begins an element after the one before."""
    flat = np.resize(a, len(a) + a.shape[1])
    return np.lib.stride_tricks.sliding_window_view(flat, a.shape[1])[: len(a)]


LAYOUTS = [
    np.array,
    np.asfortranarray,
    columns_of_wider,
    transposed,
    off_by_a_byte,
    from_bytes,
    field_of_records,
    one_row_repeated,
    one_column_repeated,
    sliding,
]


@st.composite
def matrices(draw, rows, columns, whole=False):
    """A matrix of small numbers, or of whole ones from 0 to 8, in some dtype and some layout."""
    dtype = np.dtype(draw(st.sampled_from(FLOATS + INTEGERS)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if dtype.kind == "f" and not whole:
        values = rng.standard_normal((rows, columns))
    else:
        least, most = -8 if dtype.kind == "i" and not whole else 0, 1 if dtype.kind == "b" else 8
        values = rng.integers(least, most, (rows, columns), endpoint=True)
    if draw(st.booleans()):
        steps = st.sampled_from([-3, -2, -1, 1, 2])
        return stepped(values.astype(dtype), draw(steps), draw(steps))
    return draw(st.sampled_from(LAYOUTS))(values.astype(dtype))


def plain(a, dtype):
    return np.array(a, dtype=dtype, order="C")


def network(inputs, outputs, dtype="float32", loss="mse"):
    last = Dense(outputs, "softmax" if loss == SPARSE else None)
    model = Sequential([Input((inputs,)), Dense(5, "relu"), last], dtype=dtype, seed=1)
    model.compile(optimizer=SGD(0.00001), loss=loss, metrics=["accuracy"])
    return model


def assert_same(arrays, others):
    assert len(arrays) == len(others)
    for a, b in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def assert_trains_alike(model, data, other, other_data):
    """Both fits see the same numbers."""
    histories = [m.fit(*d, batch_size=4, epochs=2).history for m, d in ((model, data), (other, other_data))]
    assert np.isfinite(histories[0]["loss"]).all()
    assert histories[0] == histories[1]
    assert_same(model.get_weights(), other.get_weights())
    assert model.evaluate(*data) == other.evaluate(*other_data)


sizes = st.tuples(st.integers(1, 20), st.integers(1, 9), st.integers(1, 4))
model_dtypes = st.sampled_from(["float32", "float64"])


@few
@given(st.data(), sizes, model_dtypes)
def test_any_x_predicts_as_a_plain_one(data, size, dtype):
    rows, inputs, outputs = size
    x = data.draw(matrices(rows, inputs))
    model = network(inputs, outputs, dtype)
    expected = model.predict(plain(x, dtype))
    assert np.isfinite(expected).all()
    assert_same([model.predict(x), model(x), model.predict(x, batch_size=3)], [expected] * 3)


@few
@given(st.data(), sizes, model_dtypes, st.booleans())
def test_any_x_y_and_sample_weight_train_as_plain_ones(data, size, dtype, shuffle):
    rows, inputs, outputs = size
    given_data = [data.draw(matrices(rows, columns)) for columns in (inputs, outputs)]
    given_data.append(data.draw(matrices(rows, 1, whole=True)))
    model, other = network(inputs, outputs, dtype), network(inputs, outputs, dtype)
    (x, y, weight), (px, py, pweight) = given_data, [plain(a, dtype) for a in given_data]
    history = model.fit(x, y, sample_weight=weight, batch_size=4, epochs=2, shuffle=shuffle).history
    assert np.isfinite(history["loss"]).all()
    other.fit(px, py, sample_weight=pweight[:, 0], batch_size=4, epochs=2, shuffle=shuffle)
    assert history == other.history.history
    assert_same(model.get_weights(), other.get_weights())
    assert model.evaluate(x, y, sample_weight=weight) == other.evaluate(px, py, sample_weight=pweight)
    results = model.loss_and_gradients(x, y, weight), other.loss_and_gradients(px, py, pweight)
    assert results[0][0] == results[1][0]
    assert_same(results[0][1], results[1][1])


@few
@given(st.data(), sizes, model_dtypes)
def test_any_labels_train_as_plain_ones(data, size, dtype):
    rows, inputs, _ = size
    x, y = data.draw(matrices(rows, inputs)), data.draw(matrices(rows, 1, whole=True))
    model, other = network(inputs, 9, dtype, SPARSE), network(inputs, 9, dtype, SPARSE)
    assert_trains_alike(model, (x, y), other, (plain(x, dtype), plain(y[:, 0], "int32")))


# ---- sequences and other objects ----


class Frame:
    """As pandas does it: an object that NumPy can make an array of."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


@pytest.mark.parametrize(
    "form",
    [np.ndarray.tolist, lambda a: tuple(map(tuple, a)), list, Frame, memoryview],
    ids=["lists", "tuples", "list of arrays", "object with __array__", "memoryview"],
)
def test_whatever_numpy_makes_an_array_of(form):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((10, 3)), rng.standard_normal((10, 2))
    model, other = network(3, 2), network(3, 2)
    assert_trains_alike(model, (form(x), form(y)), other, (x, y))
    assert_same([model.predict(form(x)), model(form(x))], [other.predict(x)] * 2)


@pytest.mark.parametrize("split", [{"validation_split": 0.3}, {"validation_data": (Frame([[1.0] * 3]), [[1, 2]])}])
def test_lists_and_frames_are_split_and_validated_on(split):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((10, 3)), rng.standard_normal((10, 2))
    model, other = network(3, 2), network(3, 2)
    plain_split = {name: value if name != "validation_data" else ([[1] * 3], [[1, 2]]) for name, value in split.items()}
    history = model.fit(Frame(x), y.tolist(), sample_weight=[2] * 10, **split).history
    assert history == other.fit(x, y, sample_weight=np.full(10, 2.0), **plain_split).history
    assert_same(model.get_weights(), other.get_weights())


def test_one_dimension_is_a_column_for_a_network_with_one_input():
    x, y = np.linspace(0, 1, 10), np.linspace(1, 2, 10)
    model, other = network(1, 1), network(1, 1)
    assert_trains_alike(model, (array.array("d", x), y), other, (x[:, None], y[:, None]))
    assert_same([model.predict(x), model(x)], [other.predict(x[:, None])] * 2)


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f8"])
@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy"])
def test_targets_of_one_output_can_be_a_row_or_a_column(dtype, loss):
    x, y = np.linspace(-1, 1, 30).reshape(10, 3), (np.arange(10) % 2).astype(dtype)
    model, other = network(3, 1, loss=loss), network(3, 1, loss=loss)
    assert_trains_alike(model, (x, y), other, (x, y.astype("float32")[:, None]))
    assert model.metrics_names == ["loss", "accuracy"]


# ---- nothing is copied that need not be ----

BASE = np.arange(60, dtype="float32").reshape(10, 6)


@pytest.mark.parametrize(
    ("x", "in_place"),
    [
        (BASE, True),
        (BASE[:, :4], True),
        (BASE[:, 2:], True),
        (BASE[2:5], True),
        (BASE[::3], True),
        (BASE[::3, 1:3], True),
        (BASE[:, :1], True),
        (BASE[:1, ::-1][:, :1], True),
        (np.broadcast_to(BASE[0], (7, 6)), True),
        (np.lib.stride_tricks.sliding_window_view(BASE.reshape(-1), 6), True),
        (BASE[:, ::2], False),
        (BASE[::-1], False),
        (BASE[:, ::-1], False),
        (BASE.T, False),
        (np.broadcast_to(BASE[:, :1], (10, 6)), False),
    ],
)
def test_rows_that_are_contiguous_are_used_where_they_lie(x, in_place):
    rows = _data.as_inputs(x, x.shape[1], np.dtype("float32"))
    assert np.shares_memory(rows, BASE) == in_place
    np.testing.assert_array_equal(rows, x, strict=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given_dtype", ["float32", "float64", ">f4", ">f8", "int32", "float16"])
def test_only_data_of_the_dtype_of_the_model_are_used_where_they_lie(given_dtype, dtype):
    x = BASE.astype(given_dtype)
    rows = _data.as_inputs(x, 6, np.dtype(dtype))
    assert np.shares_memory(rows, x) == (given_dtype == dtype)
    assert rows.dtype == np.dtype(dtype)


@pytest.mark.parametrize("layout", [off_by_a_byte, from_bytes, field_of_records])
def test_the_core_gets_aligned_arrays_only(layout):
    single = np.dtype("float32")
    x = layout(BASE)
    assert not x.flags.aligned
    labels = layout(np.arange(10, dtype="int32")[:, None])
    for a in (
        _data.as_inputs(x, 6, single),
        _data.as_targets(x, 10, 6, False, "mse", single),
        _data.as_targets(labels, 10, 10, True, "sparse", single),
        _data.as_sample_weight(x[:, 1], 10, single),
    ):
        assert a.flags.aligned


def test_more_rows_than_memory_holds_are_used_where_they_lie():
    # 64 GB, of one and the same row.
    x = np.broadcast_to(np.float32([1, 2, 3, 4]), (2**32, 4))
    assert np.shares_memory(_data.as_inputs(x, 4, np.dtype("float32")), x)
