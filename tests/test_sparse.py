"""Sparse x: what the same matrix gives when it is dense, and never a dense copy of it."""

import subprocess
import sys
import types

import numpy as np
import pytest
from every_optimizer import RULES
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastbp
from fastbp import Adam, Dense, Input, Sequential, _core, _data, regularizers
from fastbp.layers import BatchNormalization, Dropout, Flatten

sparse = pytest.importorskip("scipy.sparse", exc_type=ImportError)

TEAMS = [1, 2, 3, 4]
ISAS = _core.available_isas()
COLUMNS, CLASSES = 301, 5


def matrix(n=230, columns=COLUMNS, dtype="float64", density=0.04, seed=0):
    """Dense, mostly 0: with rows and columns that are empty, neighbours that are not, and a column that is full."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns)) * (rng.random((n, columns)) < density)
    x[::17] = 0
    x[:, columns // 2 : columns // 2 + 40] = 0
    x[1, :9] = 1.5
    x[2:, 3] = 0.5
    return x.astype(dtype)


def targets(n, kind, seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(0, CLASSES, n) if "sparse" in kind else rng.random((n, CLASSES))


def network(
    optimizer="sgd",
    loss="sparse_categorical_crossentropy",
    dtype="float64",
    isa="",
    columns=COLUMNS,
    units=19,
    activation="tanh",
    first=None,
    **compiled,
):
    last = "softmax" if "cat" in loss else "sigmoid" if "binary" in loss else None
    model = Sequential([Input((columns,))], dtype=dtype, seed=3)
    model._isa = isa
    model.add(Dense(units, activation, **(first or {})))
    model.add(Dense(CLASSES, last))
    model.compile(optimizer() if callable(optimizer) else optimizer, loss, **compiled)
    return model


def bits(model):
    slots = [slot for slots in model._require_trainer().core.slots() for slot in slots]
    return [a.tobytes() for a in [*model.get_weights(), *slots]]


def assert_close(got, expected, steps=1, terms=COLUMNS):
    """Sums of ``terms`` numbers of about 1 in another order, once in each of ``steps`` steps: √terms·eps each on the
    average, and ten times that for the worst of many and for what the steps in between make of it."""
    for a, b in zip(got, expected, strict=True):
        eps = np.finfo(np.asarray(b).dtype).eps
        np.testing.assert_allclose(a, b, rtol=0, atol=10 * steps * eps * np.sqrt(terms))


def both(make, x, y, *, sparse_as=sparse.csr_matrix, **fit):
    """The same fit of dense and of sparse x: both models, and their histories."""
    models = [make(), make()]
    histories = [
        model.fit(given, y, verbose=0, **fit).history for model, given in zip(models, (x, sparse_as(x)), strict=True)
    ]
    return models, histories


OPTIMIZERS = {
    kernel: lambda member=member, options=options: member(**options) for kernel, (member, options) in RULES.items()
}
TREATMENTS = {
    "weight decay": ({"optimizer": lambda: fastbp.SGD(0.1, weight_decay=0.01)}, {}),
    "weight decay of AdamW": ({"optimizer": lambda: fastbp.optimizers.AdamW(0.01)}, {}),
    "L2 with SGD": ({"optimizer": lambda: fastbp.SGD(0.1)}, {"kernel_regularizer": regularizers.L2(0.01)}),
    "L2 with Adam": ({"optimizer": lambda: Adam(0.01)}, {"kernel_regularizer": regularizers.L2(0.01)}),
    "clipnorm": ({"optimizer": lambda: fastbp.SGD(0.1, clipnorm=0.05)}, {}),
    "accumulation": ({"optimizer": lambda: Adam(0.01, gradient_accumulation_steps=3)}, {}),
    "running means": ({"optimizer": lambda: fastbp.SGD(0.1, use_ema=True, ema_overwrite_frequency=2)}, {}),
    "constraint": ({"optimizer": lambda: fastbp.SGD(0.1)}, {"kernel_constraint": "max_norm"}),
    "no bias": ({"optimizer": lambda: fastbp.SGD(0.1)}, {"use_bias": False}),
    "activity": ({"optimizer": lambda: fastbp.SGD(0.1)}, {"activity_regularizer": regularizers.L2(0.01)}),
    "frozen": ({"optimizer": lambda: fastbp.SGD(0.1)}, {"trainable": False}),
}


# ---- the same as dense ----


@pytest.mark.parametrize("batch", [1, 3, 32, 200])
@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_every_rule_trains_as_on_dense_x(rule, batch):
    x, n = matrix(), 230
    (dense, same), histories = both(
        lambda: network(OPTIMIZERS[rule]), x, targets(n, "sparse"), batch_size=batch, epochs=2
    )
    # A rule that divides by the size of the gradient gives a rounding error of one near 0 some more weight: by up to
    # 1/ε, with ε = 1e-7 and a rate of 0.001, ten thousand times.
    steps = 2 * -(-n // batch)
    assert_close(same.get_weights(), dense.get_weights(), steps * 1e4)
    np.testing.assert_allclose(histories[1]["loss"], histories[0]["loss"], rtol=1e-8)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [1, 3, 32, 200])
@pytest.mark.parametrize("units", [1, 16, 40, 700])
def test_every_width_trains_as_on_dense_x(units, batch, dtype, isa):
    def make():
        return network(lambda: fastbp.SGD(0.05, momentum=0.5), dtype=dtype, isa=isa, units=units)

    (dense, same), _ = both(make, matrix(dtype=dtype), targets(230, "sparse"), batch_size=batch)
    assert_close(same.get_weights(), dense.get_weights(), -(-230 // batch))


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("batch", [3, 32])
def test_updates_of_every_kind(treatment, batch):
    compiled, first = TREATMENTS[treatment]
    (dense, same), histories = both(
        lambda: network(first=first, **compiled), matrix(), targets(230, "sparse"), batch_size=batch, epochs=2
    )
    assert_close(same.get_weights(), dense.get_weights(), 2 * -(-230 // batch) * 1e4)
    np.testing.assert_allclose(histories[1]["loss"], histories[0]["loss"], rtol=1e-8)


@pytest.mark.parametrize("activation", ["linear", "relu", "gelu", "softmax", "softsign"])
@pytest.mark.parametrize(
    "loss", ["mse", "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]
)
@pytest.mark.parametrize("batch", [5, 64])
def test_losses_and_activations(loss, activation, batch):
    (dense, same), _ = both(
        lambda: network(loss=loss, activation=activation), matrix(), targets(230, loss), batch_size=batch
    )
    assert_close(same.get_weights(), dense.get_weights(), -(-230 // batch))


@pytest.mark.parametrize("batch", [5, 64])
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mse"])
def test_a_single_layer(loss, batch):
    """Whose activation the loss contains, or none."""

    def make():
        model = Sequential([Input((COLUMNS,)), Dense(CLASSES, "softmax" if "cat" in loss else None)], seed=0)
        model.compile("sgd", loss)
        return model

    (dense, same), _ = both(make, matrix(dtype="float32"), targets(230, loss), batch_size=batch)
    assert_close(same.get_weights(), dense.get_weights(), -(-230 // batch))


@pytest.mark.parametrize(("optimizer", "dtype"), [("sgd", "float32"), ("sgd", "float64"), ("adam", "float64")])
def test_rows_longer_than_a_panel(dtype, optimizer):
    x, y = matrix(40, 30, dtype), targets(40, "sparse")
    dense, same = (network(optimizer, dtype=dtype, columns=30, units=5003) for _ in range(2))
    dense.fit(x, y, batch_size=16, verbose=0)
    same.fit(sparse.csr_matrix(x), y, batch_size=16, verbose=0)
    # Adam's first step is the rate, 0.001, times g / (|g| + 1e-7): an error of eps in g moves it by 1e4·eps at most.
    assert_close(same.get_weights(), dense.get_weights(), 3e4 if optimizer == "adam" else 3, terms=30)


def test_layers_that_follow():
    def make():
        model = network("adam")
        model.pop()
        for layer in (BatchNormalization(), Dropout(0.3), Dense(7, "relu"), Dense(CLASSES, "softmax")):
            model.add(layer)
        return model

    (dense, same), _ = both(make, matrix(), targets(230, "sparse"), batch_size=50)
    assert_close(same.get_weights(), dense.get_weights(), 5 * 1e4)


@pytest.mark.parametrize("gradients", [False, True])
def test_more_samples_than_a_chunk_has(gradients):
    n = 5000
    x, y = matrix(n, 70), targets(n, "sparse")
    models = [network(columns=70), network(columns=70)]
    for model, given_x in zip(models, (x, sparse.csr_array(x)), strict=True):
        if gradients:
            model.loss_and_gradients(given_x, y)
        else:
            model.fit(given_x, y, batch_size=n, verbose=0)
    assert_close(*(([*model.gradients] if gradients else model.get_weights()) for model in models), terms=n)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_of_samples_and_what_is_held_back(dtype):
    x, y = matrix(dtype=dtype), targets(230, "sparse")
    weights = np.random.default_rng(2).random(230)
    fit = {"sample_weight": weights, "class_weight": {0: 2.0, 3: 0.5}, "validation_split": 0.3}
    (dense, same), histories = both(lambda: network(dtype=dtype, metrics=["accuracy"]), x, y, batch_size=32, **fit)
    assert_close(same.get_weights(), dense.get_weights(), 6)
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 7, 60, 230, 2000])
def test_everything_else_that_takes_x(n, dtype):
    x, y = matrix(max(n, 3), dtype=dtype)[:n], targets(n, "sparse")
    for given_x in (sparse.csr_matrix(x), sparse.csr_array(x)):
        dense, same = network(dtype=dtype, metrics=["accuracy"]), network(dtype=dtype, metrics=["accuracy"])
        outputs = dense.predict(x)
        assert outputs.dtype == dtype
        for predicted in (
            same.predict(given_x),
            same.predict(given_x, batch_size=13),
            same.predict_on_batch(given_x),
            same(given_x),
            same.forward(given_x),
        ):
            assert_close([predicted], [outputs])
        rtol = 100 * np.finfo(dtype).eps
        for batch in (5, None):
            expected = dense.evaluate(x, y, batch_size=batch, verbose=0)
            np.testing.assert_allclose(same.evaluate(given_x, y, batch_size=batch, verbose=0), expected, rtol=rtol)
        np.testing.assert_allclose(same.test_on_batch(given_x, y), dense.test_on_batch(x, y), rtol=rtol)
        losses, gradients = zip(*(m.loss_and_gradients(v, y) for m, v in ((dense, x), (same, given_x))), strict=True)
        np.testing.assert_allclose(losses[1], losses[0], rtol=rtol)
        assert_close(gradients[1], gradients[0])
        np.testing.assert_allclose(same.train_on_batch(given_x, y), dense.train_on_batch(x, y), rtol=rtol)
        assert_close(same.get_weights(), dense.get_weights())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_gradients_of_any_matrix(data):
    n, columns = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 200))
    numbers = st.floats(-2, 2, width=32)
    x = data.draw(hnp.arrays(np.float64, (n, columns), elements=numbers, fill=st.just(0.0)))
    y = targets(n, "sparse")
    units = data.draw(st.integers(1, 40))
    dense, same = network(columns=columns, units=units), network(columns=columns, units=units)
    loss, gradients = dense.loss_and_gradients(x, y)
    given_x = data.draw(st.sampled_from([sparse.csr_matrix, sparse.csc_matrix, sparse.coo_array]))(x)
    loss_too, gradients_too = same.loss_and_gradients(given_x, y)
    assert loss_too == pytest.approx(loss, rel=1e-12)
    assert_close(gradients_too, gradients, terms=max(n, columns))


# ---- threads ----


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [3, 32, 200])
@pytest.mark.parametrize("optimizer", [lambda: fastbp.SGD(0.1), Adam, lambda: Adam(clipnorm=0.1)])
def test_any_number_of_threads_gives_the_same_bits(optimizer, batch, dtype, isa):
    x, y = sparse.csr_matrix(matrix(dtype=dtype)), targets(230, "sparse")
    runs = []
    for team in TEAMS:
        model = network(optimizer, dtype=dtype, isa=isa)
        core = model._require_trainer().core
        core.force_team = True
        with fastbp.num_threads(team):
            history = model.fit(x, y, batch_size=batch, epochs=2, verbose=0, validation_data=(x, y))
            _, gradients = model.loss_and_gradients(x, y)
            assert core.team_size == team
            runs.append((history.history, bits(model), [g.tobytes() for g in gradients], model.predict(x).tobytes()))
    assert all(run == runs[0] for run in runs)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch", [3, 64])
def test_slopes_that_are_stored_first_give_the_same_bits(optimizer, batch):
    """Those of columns without entries among them, which plain SGD leaves out where it applies them at once."""
    x, y = sparse.csr_matrix(matrix()), targets(230, "sparse")
    runs = []
    for store in (False, True):
        model = network(OPTIMIZERS[optimizer])
        model._require_trainer().core.store_gradients = store
        model.fit(x, y, batch_size=batch, epochs=2, verbose=0)
        runs.append(bits(model))
    assert runs[0] == runs[1]


def test_work_that_pays_is_shared():
    rng = np.random.default_rng(0)
    x = sparse.random(2048, 20_000, 0.005, "csr", "float32", rng)
    model = network("adam", dtype="float32", columns=20_000, units=64)
    train, samples, n = model._prepare(x, targets(2048, "sparse"), None)
    with fastbp.num_threads(2):
        train.train(samples, 256, None, 0, n // 256)
        assert train.core.team_size == 2
    small = network("sgd", dtype="float32", columns=20_000, units=2)
    train, samples, n = small._prepare(x, targets(2048, "sparse"), None)
    with fastbp.num_threads(2):
        train.train(samples, 4, None, 0, 100)  # a few entries and no other weights
        assert train.core.team_size == 1


# ---- matrices of every kind ----


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "csc_matrix", "csc_array", "coo_matrix", "coo_array"])
@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float32", "float64"])
def test_formats_and_values(kind, dtype):
    x = (matrix() * 3).astype(dtype)
    (dense, same), _ = both(network, x, targets(230, "sparse"), sparse_as=getattr(sparse, kind))
    assert_close(same.get_weights(), dense.get_weights(), 8)


def test_indices_of_64_bits():
    x = sparse.csr_array(matrix())
    x.indices, x.indptr = x.indices.astype(np.int64), x.indptr.astype(np.int64)
    assert_close([network().predict(x)], [network().predict(matrix())])


def scattered(n=40, columns=COLUMNS, entries=900):
    """Entries in any order, many of them in the same place."""
    rng = np.random.default_rng(0)
    rows = np.sort(rng.integers(0, n, entries))
    starts = np.searchsorted(rows, np.arange(n + 1))
    return sparse.csr_matrix((rng.normal(size=entries), rng.integers(0, columns // 4, entries), starts), (n, columns))


def test_entries_in_any_order_add_up():
    x, y = scattered(), targets(40, "sparse")
    assert not x.has_canonical_format
    (dense, same), _ = both(network, x.toarray(), y, sparse_as=lambda _: scattered(), batch_size=16)
    assert_close(same.get_weights(), dense.get_weights(), 3)


@pytest.mark.parametrize("batch", [3, 32])
def test_nothing_but_zeros(batch):
    (dense, same), _ = both(lambda: network("adam"), np.zeros((50, COLUMNS)), targets(50, "sparse"), batch_size=batch)
    assert_close(same.get_weights(), dense.get_weights(), 2 * 17)


def test_no_rows():
    x = sparse.csr_matrix((0, COLUMNS))
    assert network().predict(x).shape == (0, CLASSES)
    with pytest.raises(ValueError, match="x has no rows"):
        network().fit(x, [])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_million_columns(optimizer):
    """Dense, a batch of them would take 2 GB and x 8 GB."""
    columns, n = 1_000_000, 2000
    rng = np.random.default_rng(0)
    used = rng.choice(columns, 500, replace=False)
    small = matrix(n, len(used), "float32")
    coo = sparse.coo_array(small)
    x = sparse.coo_array((coo.data, (coo.coords[0], used[coo.coords[1]])), (n, columns))
    start = {"kernel_initializer": "zeros"}
    wide = network(optimizer, dtype="float32", columns=columns, units=3, first=start)
    narrow = network(optimizer, dtype="float32", columns=len(used), units=3, first=start)
    for model, given_x in ((wide, x), (narrow, small)):
        model.layers[0].bias[:] = [0.1, 0.2, -0.1]
        model.fit(given_x, targets(n, "sparse"), batch_size=500, verbose=0)
    # Adam's first steps are the rate whatever the gradient: its rounding error counts 1/√v times, with v > 1e-10.
    assert_close([wide.layers[0].kernel[used]], [narrow.layers[0].kernel], 4, terms=500)
    assert np.count_nonzero(wide.layers[0].kernel) <= 3 * len(used)
    assert_close([wide.predict(x)], [narrow.predict(small)], 4, terms=500)


def test_memory_is_no_dense_batch():
    """A workspace with a dense batch would take 4 GB, and one for x alone as much."""
    resource = pytest.importorskip("resource")
    x = sparse.random(2048, 500_000, 1e-5, "csr", "float32", np.random.default_rng(0))
    model = network(dtype="float32", columns=500_000, units=1, first={"kernel_initializer": "zeros"})
    model._require_trainer()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model.fit(x, targets(2048, "sparse"), batch_size=2048, verbose=0)
    model.predict(x)
    limit = 500_000 * (16 + 16) * 4 // 1024 + 50_000  # the gradients, the places of columns, and all else
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < limit


def test_dense_and_sparse_take_turns():
    x, y = matrix(), targets(230, "sparse")
    dense, same = network("adam"), network("adam")
    for batch in (32, 3, 200, 64):
        for as_sparse in (True, False, True):
            dense.fit(x, y, batch_size=batch, verbose=0)
            same.fit(sparse.csr_matrix(x) if as_sparse else x, y, batch_size=batch, verbose=0, validation_data=(x, y))
    assert_close(same.get_weights(), dense.get_weights(), 3 * 100 * 1e4)


def test_batches_that_something_else_makes():
    x, y = sparse.csr_matrix(matrix()), targets(230, "sparse")
    parts = [slice(i, i + 50) for i in range(0, 230, 50)]
    whole, by_parts = network(), network()
    whole.fit(x, y, batch_size=50, shuffle=False, verbose=0)
    by_parts.fit([(x[part], y[part]) for part in parts].__iter__(), verbose=0)
    assert bits(whole) == bits(by_parts)
    assert whole.predict(x[part] for part in parts).tobytes() == whole.predict(x).tobytes()


def test_a_callback_of_every_batch():
    x, y = sparse.csr_matrix(matrix()), targets(230, "sparse")
    seen = []
    callback = fastbp.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    plain, watched = network(), network()
    plain.fit(x, y, verbose=0)
    watched.fit(x, y, verbose=0, callbacks=[callback])
    assert seen == list(range(8))
    assert bits(plain) == bits(watched)


def test_the_model_is_built_by_the_first_data():
    model = Sequential([Flatten(), Dense(3)], seed=0)
    assert model(sparse.csr_matrix(matrix())).shape == (230, 3)
    assert model.input_shape == (None, COLUMNS)


def test_scipy_is_not_imported():
    code = "import sys, fastbp; fastbp._data.is_sparse([]); assert 'scipy' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# ---- what is refused ----


def test_a_layer_that_does_not_read_it():
    model = Sequential([Input((COLUMNS,)), Dropout(0.5), Dense(CLASSES, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = sparse.csr_matrix(matrix()), targets(230, "sparse")
    for call in (lambda: model.fit(x, y), lambda: model.evaluate(x, y), lambda: model.predict(x), lambda: model(x)):
        with pytest.raises(ValueError, match="sparse x needs a Dense layer first; the first is Dropout"):
            call()
    with pytest.raises(ValueError, match="sparse x needs a dense layer first"):
        model._network(_data.as_inputs(x, None, np.dtype("float32")))


def test_wrong_columns_and_lengths():
    model, y = network(), targets(230, "sparse")
    with pytest.raises(ValueError, match="x has 300 columns; the network expects 301"):
        model.fit(sparse.csr_matrix(matrix()[:, 1:]), y)
    with pytest.raises(ValueError, match="x has 230 rows; y has 229 rows"):
        model.fit(sparse.csr_matrix(matrix()), y[1:])
    with pytest.raises(ValueError, match="x has no columns"):
        Sequential([Dense(1)]).predict(sparse.csr_matrix((3, 0)))
    with pytest.raises(ValueError, match="x has 1 dimension; expected 2"):
        model.predict(sparse.coo_array(np.ones(COLUMNS)))


def test_values_that_are_no_finite_numbers():
    model, y = network(dtype="float32"), targets(230, "sparse")
    x = sparse.csr_matrix(matrix())
    for value in (np.nan, np.inf, 1e300):
        bad = x.copy()
        bad[4, 3] = value
        with pytest.raises(
            ValueError, match=f"x must be finite; row 4, column 3 is {'nan' if value != value else 'inf'}"
        ):
            model.fit(bad, y)
    assert np.isnan(model.predict(sparse.csr_matrix(np.full((1, COLUMNS), np.nan)))).all()
    with pytest.raises(TypeError, match="x has dtype complex128; expected real numbers"):
        model.predict(x.astype(complex))


def test_other_arguments_are_not_sparse():
    model, x = network(loss="mse"), sparse.csr_matrix(matrix())
    with pytest.raises(TypeError, match="y is sparse; expected an array"):
        model.fit(x, sparse.csr_matrix(np.ones((230, CLASSES))))
    with pytest.raises(ValueError, match="forward with training takes no sparse x; expected an array"):
        model.forward(x, training=True)
    with pytest.raises(ValueError, match="batches of x must be all sparse, or none"):
        model.predict(iter([x, matrix()]))
    with pytest.raises(ValueError, match="and have the same columns"):
        model.predict(iter([x, x[:, 1:]]))


def test_columns_beyond_32_bits():
    x = sparse.csr_array(([1.0], ([1], [2**33])), (2, 2**40))
    with pytest.raises(
        ValueError, match=r"x has entries in columns 8589934592 to 8589934592; expected 0 to 2\*\*31 - 1"
    ):
        network().predict(x)


def test_malformed_matrices():
    model = network()
    x = sparse.csr_matrix(matrix())
    x.indices[7] = COLUMNS
    with pytest.raises(ValueError, match="x has an entry in column 301 of 301"):
        model.predict(x)
    x.indices[7], x.indptr[1] = 0, -1
    with pytest.raises(ValueError, match="the rows of x must begin at 0, follow each other and end at"):
        model.fit(x, targets(230, "sparse"))


def test_what_a_callback_does_to_x_cannot_lead_astray():
    x = sparse.csr_matrix(matrix())

    def spoil(batch, logs):
        x.indices[:] = 2**31 - 1
        x.indptr[:] = -1

    callback = fastbp.callbacks.LambdaCallback(on_train_batch_begin=spoil)
    plain, spoilt = network(), network()
    plain.fit(x.copy(), targets(230, "sparse"), verbose=0)
    spoilt.fit(x, targets(230, "sparse"), verbose=0, callbacks=[callback])
    assert bits(plain) == bits(spoilt)


MALFORMED = {
    "starts of another length": {"starts": [0, 2]},
    "no starts": {"starts": []},
    "starts that do not begin at 0": {"starts": [1, 2, 3]},
    "starts that fall": {"starts": [0, 4, 3]},
    "negative starts": {"starts": [0, -1, 3]},
    "starts that end early": {"starts": [0, 1, 2]},
    "starts that end late": {"starts": [0, 1, 4]},
    "starts of another type": {"starts": np.array([0, 1, 3], np.int32)},
    "starts of two dimensions": {"starts": np.array([[0, 1, 3]])},
    "a column too many": {"columns": [0, 1, 2, 3]},
    "a column too few": {"columns": [0, 1]},
    "columns of another type": {"columns": np.array([0, 1, 2])},
    "columns that lie apart": {"columns": np.zeros(6, np.int32)[::2]},
    "a negative column": {"columns": [0, -1, 2]},
    "a column beyond the last": {"columns": [0, 1, 4]},
    "values of another type": {"values": np.ones(3)},
    "values of two dimensions": {"values": np.ones((3, 1), np.float32)},
    "values that are no array": {"values": [1.0, 2.0, 3.0]},
    "a negative shape": {"shape": (-1, 4)},
    "another number of rows": {"shape": (2**63 - 1, 4)},
    "negative columns": {"shape": (2, -4)},
    "a shape that is none": {"shape": "x"},
    "no columns at all": {"columns": None},
}


def rows(**changed):
    parts = {"starts": [0, 1, 3], "columns": [0, 1, 2], "values": np.ones(3, np.float32), "shape": (2, 4)} | changed
    for name, dtype in (("starts", np.int64), ("columns", np.int32)):
        if isinstance(parts[name], list):
            parts[name] = np.array(parts[name], dtype)
    return types.SimpleNamespace(**parts)


@pytest.mark.parametrize("case", MALFORMED)
def test_the_core_refuses_what_does_not_hold_together(case):
    y = np.zeros((2, 1), np.float32)
    _core.Samples32(rows(), y)
    bare = _core.Network32(4, [{"kind": "dense", "units": 1, "name": "linear"}])
    assert bare(rows()).shape == (2, 1)
    for call in (lambda x: _core.Samples32(x, y), bare):
        with pytest.raises((ValueError, TypeError, RuntimeError)):
            call(rows(**MALFORMED[case]))


def test_slices_are_as_of_arrays():
    x = matrix(12)
    whole = _data.as_samples(sparse.csr_matrix(x))
    for part in (slice(0, 5), slice(3, None), slice(-2, None), slice(5, 5), slice(9, 4), slice(None, 99)):
        cut = whole[part]
        again = sparse.csr_matrix((cut.values, cut.columns, cut.starts), cut.shape)
        np.testing.assert_array_equal(again.toarray(), x[part])
