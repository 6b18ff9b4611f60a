"""Pictures: what is drawn is what there is."""

import sys

import numpy as np
import pytest

import fastbp
from fastbp import Dense, Input, Sequential
from fastbp.layers import BatchNormalization, Residual


@pytest.fixture(autouse=True)
def pyplot(request):
    if "without" in request.node.name:
        yield
        return
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def network():
    return Sequential([Input((3,)), Dense(4, "relu"), BatchNormalization(), Dense(20), Dense(2)], seed=0)


def test_a_network_has_a_line_for_each_weight():
    model = network()
    model.layers[0].kernel[1, 2] = 100.0
    model.layers[0].kernel[0, 0] = -1.0
    ax = fastbp.plot_network(model, most=10)
    assert len(ax.lines) == 3 * 4 + 4 * 10 + 10 * 2
    assert [len(points.get_offsets()) for points in ax.collections] == [3, 4, 10, 2]
    thickest = max(ax.lines[:12], key=lambda line: line.get_linewidth())
    assert thickest is ax.lines[1 * 4 + 2]
    assert thickest.get_color() == fastbp.plots.POSITIVE
    assert ax.lines[0].get_color() == fastbp.plots.NEGATIVE
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["inputs\n3", "dense\n4", "dense_1\n10 of 20", "dense_2\n2"]


def test_a_network_with_the_numbers_of_a_step():
    model = Sequential([Input((3,)), Dense(4, "relu"), Dense(2)], seed=0)
    model.compile("sgd", "mse")
    x, y = [[1.0, -2.0, 0.5]], [[0.0, 1.0]]
    trace = fastbp.explain(model, x, y)
    ax = fastbp.plot_network(model, trace)
    slopes = model.loss_and_gradients(x, y)[1][0]
    thickest = max(ax.lines[:12], key=lambda line: line.get_linewidth())
    assert thickest is ax.lines[int(np.abs(slopes).argmax())]
    texts = [text.get_text() for text in ax.texts]
    assert texts[:3] == ["1", "-2", "0.5"]
    assert texts[-3:-1] == [f"{value:.2g}" for value in trace.prediction[0]]
    other = Sequential([Input((3,)), Dense(4)])
    with pytest.raises(ValueError, match="another model"):
        fastbp.plot_network(other, trace)


def test_layers_in_blocks_bear_the_names_that_a_trace_has():
    model = Sequential([Input((3,)), Residual([Dense(4), Residual([Dense(2)], name="inner")], name="block")], seed=0)
    model.compile("sgd", "mse")
    trace = fastbp.explain(model, [[1.0, -2.0, 0.5]], [[0.0, 1.0]])
    names = ["block/dense", "block/inner/dense", "block/inner", "block"]
    assert [panel.get_title() for panel in fastbp.plot_weights(model)] == names
    for given in (None, trace):
        texts = [text.get_text().split("\n") for text in fastbp.plot_network(model, given).texts]
        assert [text[0] for text in texts if len(text) == 2] == ["inputs", *names]


def test_weights_are_fields_of_colours_around_0(pyplot):
    model = network()
    panels = fastbp.plot_weights(model)
    assert [panel.get_title() for panel in panels] == ["dense", "dense_1", "dense_2"]
    for panel, kernel in zip(panels, (model.layers[i].kernel for i in (0, 2, 3)), strict=True):
        np.testing.assert_array_equal(panel.images[0].get_array(), kernel)
        assert panel.images[0].get_clim() == (-abs(kernel).max(), abs(kernel).max())
    _, axes = pyplot.subplots(3)
    assert (fastbp.plot_weights(model, axes) == axes).all()
    with pytest.raises(ValueError, match="got 2 axes for 3 matrices"):
        fastbp.plot_weights(model, axes[:2])


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        ([0, 0, 1, 1, 1], [0, 1, 1, 1, 0]),
        ([0, 0, 1, 1, 1], [[0.2], [0.7], [0.9], [0.6], [0.1]]),
        (np.eye(2)[[0, 0, 1, 1, 1]], [[0.8, 0.2], [0.3, 0.7], [0.1, 0.9], [0.4, 0.6], [0.9, 0.1]]),
        ([False, False, True, True, True], [False, True, True, True, False]),
    ],
    ids=["classes", "one output", "outputs", "truths"],
)
def test_confusion_counts_true_down_and_predicted_across(y_true, y_pred):
    ax = fastbp.plot_confusion(y_true, y_pred, ["no", "yes"])
    assert [text.get_text() for text in ax.texts] == ["1", "1", "1", "2"]
    np.testing.assert_allclose(ax.images[0].get_array(), [[1 / 2, 1 / 2], [1 / 3, 2 / 3]])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["no", "yes"]


def test_a_class_that_never_comes_has_a_row_all_the_same():
    ax = fastbp.plot_confusion([0, 2], [0, 0])
    assert ax.images[0].get_array().tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0]), "y_true has 2 rows and y_pred 1"),
        (([], []), "at least one"),
        (([0.5], [0]), "y_true must be classes"),
        (([0], [-1]), "y_pred must be classes"),
        (([0, 2], [0, 1], ["a", "b"]), "labels has 2 names; expected at least 3"),
    ],
)
def test_bad_classes(arguments, message):
    with pytest.raises(ValueError, match=message):
        fastbp.plot_confusion(*arguments)


def test_models_without_matrices():
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match="no layers with a matrix of weights"):
        fastbp.plot_network(Sequential([Dense(3)]))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: fastbp.plot_network(network()),
        lambda: fastbp.plot_weights(network()),
        lambda: fastbp.plot_confusion([0], [0]),
        lambda: fastbp.learning_rates.LearningRates([1.0], [1.0], None).plot(),
    ],
    ids=["network", "weights", "confusion", "rates"],
)
def test_without_matplotlib_the_extra_is_named(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'fastbp\[plot\]'"):
        draw()
