"""Where the logs go: CSVLogger, TensorBoard, History.plot."""

import csv
import sys

import numpy as np
import pytest

from fastbp import SGD, Callback, Dense, History, Input, Sequential
from fastbp.callbacks import CSVLogger, LambdaCallback, TensorBoard

X = np.random.default_rng(0).standard_normal((20, 3))
Y = np.random.default_rng(1).standard_normal((20, 2))


def network(**compiled):
    model = Sequential([Input((3,)), Dense(5, "tanh"), Dense(2)], seed=0)
    model.compile(**({"optimizer": SGD(0.05), "loss": "mse", "metrics": ["mae"]} | compiled))
    return model


def table(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


# ---- CSVLogger ----


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_table_has_the_logs_of_every_epoch(tmp_path, separator):
    path = tmp_path / "log.csv"
    logger = CSVLogger(path, separator)
    for _ in range(2):  # the second overwrites the first
        history = network().fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=logger).history
    head, *rows = table(path, separator)
    assert head == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [row[0] for row in rows] == ["0", "1", "2"]
    assert {name: [float(row[i]) for row in rows] for i, name in enumerate(head) if i} == history


def test_a_table_is_gone_on_with_if_wanted(tmp_path):
    path = tmp_path / "log.csv"
    for first in (0, 2):
        network().fit(X, Y, epochs=first + 2, initial_epoch=first, callbacks=CSVLogger(path, append=True))
    assert [row[0] for row in table(path)] == ["epoch", "0", "1", "2", "3"]


def test_without_validation_its_columns_are_empty(tmp_path):
    path = tmp_path / "log.csv"
    network().fit(X, Y, callbacks=CSVLogger(path))
    head, row = table(path)
    assert head == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert row[3:] == ["NA", "NA"]


def test_what_other_callbacks_add_is_in_the_table_and_later_names_are_not(tmp_path):
    def add(epoch, logs):
        logs["seconds" if epoch == 0 else "later"] = 1.5

    network().fit(X, Y, epochs=2, callbacks=[LambdaCallback(on_epoch_end=add), CSVLogger(tmp_path / "log.csv")])
    head, *rows = table(tmp_path / "log.csv")
    assert head[:4] == ["epoch", "loss", "mae", "seconds"]
    assert [row[3] for row in rows] == ["1.5", "NA"]


@pytest.mark.parametrize("error", [Exception, KeyboardInterrupt])
def test_a_fit_that_is_interrupted_leaves_whole_lines(tmp_path, error):
    path = tmp_path / "log.csv"
    seen = []

    def boom(epoch, logs):
        seen.append(table(path))
        if epoch == 1:
            raise error

    with pytest.raises(error):
        network().fit(X, Y, epochs=3, callbacks=[CSVLogger(path), LambdaCallback(on_epoch_end=boom)])
    assert [len(rows) for rows in seen] == [2, 3]
    assert table(path) == seen[-1]
    assert path.read_bytes().endswith(b"\r\n")


def test_a_file_that_cannot_be_written_is_an_error_before_training(tmp_path):
    model = network()
    before = model.get_weights()
    with pytest.raises(FileNotFoundError):
        model.fit(X, Y, callbacks=CSVLogger(tmp_path / "missing" / "log.csv"))
    for array, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, other)


# ---- TensorBoard ----


class Writer:
    """Notes what is written."""

    def __init__(self):
        self.scalars, self.histograms, self.flushed = [], [], 0

    def add_scalar(self, tag, value, step):
        self.scalars.append((tag, value, step))

    def add_histogram(self, tag, values, step):
        self.histograms.append((tag, np.array(values), step))

    def flush(self):
        self.flushed += 1


def test_losses_metrics_and_learning_rate_are_written_by_epoch():
    writer = Writer()
    history = network().fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=TensorBoard(writer=writer)).history
    expected = [
        entry
        for epoch in range(2)
        for entry in (
            ("validation/evaluation_loss_vs_iterations", history["val_loss"][epoch], epoch + 1),  # one batch an epoch
            ("validation/evaluation_mae_vs_iterations", history["val_mae"][epoch], epoch + 1),
            ("train/epoch_loss", history["loss"][epoch], epoch),
            ("train/epoch_mae", history["mae"][epoch], epoch),
            ("train/epoch_learning_rate", 0.05, epoch),
            ("validation/epoch_loss", history["val_loss"][epoch], epoch),
            ("validation/epoch_mae", history["val_mae"][epoch], epoch),
        )
    ]
    assert writer.scalars == expected
    assert writer.histograms == []
    assert writer.flushed >= 2


@pytest.mark.parametrize(("freq", "steps"), [("batch", range(1, 11)), (1, range(1, 11)), (3, (3, 6, 9)), (11, ())])
def test_means_so_far_are_written_by_batch_if_wanted(freq, steps):
    writer, seen = Writer(), []
    look = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    board = TensorBoard(writer=writer, update_freq=freq)
    for _ in range(2):  # every fit counts from 1
        writer.scalars.clear()
        seen.clear()
        network().fit(X, Y, batch_size=4, epochs=2, callbacks=[look, board])
        written = [(value, step) for tag, value, step in writer.scalars if tag == "train/batch_loss"]
        assert written == [(seen[step - 1], step) for step in steps]


def test_histograms_of_the_weights_are_written_in_epochs():
    writer, model, weights = Writer(), network(), []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()))
    model.fit(X, Y, epochs=5, callbacks=[look, TensorBoard(histogram_freq=2, writer=writer)])
    names = [f"train/{layer}/{weight}/histogram" for layer in ("dense", "dense_1") for weight in ("kernel", "bias")]
    assert [(tag, step) for tag, _, step in writer.histograms] == [
        (name, epoch) for epoch in (0, 2, 4) for name in names
    ]
    for (_, values, _), expected in zip(writer.histograms, weights[0] + weights[2] + weights[4], strict=True):
        np.testing.assert_array_equal(values, expected)


def test_evaluate_is_written_by_steps_of_the_optimizer():
    writer, model = Writer(), network()
    model.fit(X, Y, batch_size=4, epochs=2)
    loss, mae = model.evaluate(X, Y, callbacks=TensorBoard(writer=writer))
    assert writer.scalars == [
        ("validation/evaluation_loss_vs_iterations", loss, 10),
        ("validation/evaluation_mae_vs_iterations", mae, 10),
    ]
    assert writer.flushed == 1


def test_without_a_writer_there_are_two_folders_and_files_are_closed(tmp_path, monkeypatch):
    """By a stand-in for tensorboardX."""
    opened = {}

    class SummaryWriter(Writer):
        closed = False

        def __init__(self, folder):
            super().__init__()
            opened.setdefault(folder, []).append(self)

        def close(self):
            self.closed = True

    monkeypatch.setitem(sys.modules, "tensorboardX", type(sys)("tensorboardX"))
    sys.modules["tensorboardX"].SummaryWriter = SummaryWriter

    def boom(epoch, logs):
        raise KeyboardInterrupt

    board = TensorBoard(tmp_path)
    assert opened == {}
    network().fit(X, Y, validation_data=(X, Y), callbacks=board)
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, validation_data=(X, Y), callbacks=[board, LambdaCallback(on_epoch_end=boom)])
    assert sorted(opened) == [str(tmp_path / "train"), str(tmp_path / "validation")]
    for writers in opened.values():
        assert [writer.closed for writer in writers] == [True, True]
        assert {tag.split("_")[0] for writer in writers for tag, *_ in writer.scalars} <= {"epoch", "evaluation"}


def test_what_tensorboardx_writes_can_be_read_again(tmp_path):
    pytest.importorskip("tensorboardX", exc_type=ImportError)
    from tensorboardX.proto.event_pb2 import Event

    history = (
        network().fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=TensorBoard(tmp_path, histogram_freq=1)).history
    )
    found = {}
    for part in ("train", "validation"):
        (path,) = (tmp_path / part).iterdir()
        data = path.read_bytes()
        while data:  # length (8), checksum (4), event, checksum (4)
            length = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                found.setdefault((part, value.tag), []).append(value.simple_value)
    assert found["train", "epoch_loss"] == np.float32(history["loss"]).tolist()
    assert found["validation", "epoch_mae"] == np.float32(history["val_mae"]).tolist()
    assert found["train", "epoch_learning_rate"] == [np.float32(0.05)] * 2
    assert len(found["train", "dense_1/kernel/histogram"]) == 2


def test_without_tensorboardx_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'fastbp\[tensorboard\]'"):
        TensorBoard()
    TensorBoard(writer=Writer())


# ---- History.plot ----


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib", exc_type=ImportError)
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def lines(panel):
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in panel.get_lines()}


def trained(epochs=3, **settings):
    return network().fit(X, Y, epochs=epochs, validation_data=(X, Y), **settings)


def test_the_plot_has_a_panel_for_loss_and_each_metric(pyplot):
    history = trained()
    axes = history.plot()
    assert [panel.get_ylabel() for panel in axes] == ["loss", "mae"]
    for panel, name in zip(axes, ("loss", "mae"), strict=True):
        assert lines(panel) == {label: ([1, 2, 3], history.history[label]) for label in (name, f"val_{name}")}
        assert [text.get_text() for text in panel.get_legend().get_texts()] == [name, f"val_{name}"]
    assert [panel.get_xlabel() for panel in axes] == ["", "epoch"]
    axes[0].figure.canvas.draw()


@pytest.mark.parametrize(
    ("metrics", "panels"), [("mae", ["mae"]), (["mae", "loss"], ["mae", "loss"]), (("loss",), ["loss"])]
)
def test_the_plot_has_the_panels_that_are_named(pyplot, metrics, panels):
    axes = trained().plot(metrics)
    assert [next(iter(lines(panel))) for panel in axes] == panels


def test_the_plot_can_be_drawn_where_one_likes(pyplot):
    history = trained()
    _, panels = pyplot.subplots(1, 2)
    assert list(history.plot(ax=panels)) == list(panels)
    assert list(lines(panels[1])) == ["mae", "val_mae"]
    assert [panel.get_xlabel() for panel in panels] == ["epoch", "epoch"]
    _, one = pyplot.subplots()
    assert list(history.plot(ax=one)) == [one]
    assert list(lines(one)) == ["loss", "val_loss", "mae", "val_mae"]
    assert len(pyplot.get_fignums()) == 2  # none was made beside them
    with pytest.raises(ValueError, match="got 2 axes for 3 names; expected one for each, or one for all"):
        history.plot(["loss", "mae", "loss"], ax=panels)


def test_the_plot_counts_the_epochs_in_which_a_value_was_there(pyplot):
    class Sometimes(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch % 2:
                logs["extra"] = float(epoch)

    history = trained(epochs=6, initial_epoch=2, callbacks=Sometimes())
    (panel,) = history.plot("extra")
    assert lines(panel) == {"extra": ([4, 6], [3.0, 5.0])}


def test_a_name_that_is_not_there_is_an_error():
    history = trained()
    with pytest.raises(ValueError, match="'accuracy' is not in the history; there are: loss, mae"):
        history.plot("accuracy")
    with pytest.raises(ValueError, match="the history is empty: fit has trained no epoch"):
        History().plot()


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'fastbp\[plot\]'"):
        trained().plot()
