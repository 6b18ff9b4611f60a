"""The page of a trace: one file, whole, safe, and bounded in size. What it does in a browser: test_page_browser.py."""

import html
import json
import re
from itertools import pairwise

import numpy as np
import pytest

import fastbp
from fastbp import layers
from fastbp.tracing.page import CELLS, LEVELS, MOST, NODES, _picture, page
from fastbp.tracing.worked import relu_example, sigmoid_example


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def trace_of(widths, activation="relu", n=2, optimizer="adam", name="model"):
    stack = [fastbp.Input((widths[0],)), *(fastbp.Dense(units, activation) for units in widths[1:])]
    model = fastbp.Sequential(stack, seed=0, name=name)
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(0)
    return fastbp.explain(model, rng.normal(size=(n, widths[0])), rng.normal(size=(n, widths[-1])))


def test_file_is_the_page_and_replaced_as_a_whole(tmp_path):
    path = tmp_path / "trace.html"
    path.write_text("before")
    relu_example().to_html(path)
    assert path.read_text("utf-8") == page(relu_example())
    assert [p.name for p in tmp_path.iterdir()] == ["trace.html"]


def test_page_needs_no_network():
    text = page(relu_example())
    addresses = set(re.findall(r"https?://[^\"' ]+", text))
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}  # names of languages
    assert not re.search(r"<link|\ssrc=|@import|url\(|\bfetch\b|XMLHttpRequest|innerHTML|eval\(", text)
    assert "default-src 'none'" in text


def test_data_are_the_traces():
    t, data = relu_example(), data_of(page(relu_example()))
    assert [column["name"] for column in data["columns"]] == ["input", "hidden_1", "output"]
    assert data["columns"][1]["values"] == [[5, 0, 6]]
    assert data["columns"][1]["slopes"] == [[-6, 18, 12]]
    assert data["edges"][1]["gradient"] == [30, 0, 36]
    assert data["edges"][1]["new"] == [-1.3, 3, 1.64]
    assert data["edges"][1]["derivations"][2]["title"] == t.weight("output", 2, 0).title
    assert data["loss"] == [9, float(f"{t.loss_after:.6g}")]
    assert data["targets"] == [[4]]
    assert data["maps"] == []


@pytest.mark.parametrize(
    "evil", ["</script><script>alert(1)</script>", "<!--<script>", "a&b<i>\"'{{js}}{{data}}\u2028"]
)
def test_names_cannot_become_code(evil):
    model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1, name=evil)], name=evil)
    model.compile("sgd", "mse")
    text = page(fastbp.explain(model, [[1.0]], [2.0]))
    assert text.count("<script") == text.count("</script>") == 2
    assert "<!--" not in text
    assert f"<title>{html.escape(f'Backpropagation in {evil}')}</title>" in text
    assert data_of(text)["columns"][1]["name"] == evil


@pytest.mark.parametrize("widths", [[4096, 64, 4096], [1, 2048, 1], [12, 11, 10, 9, 30, 40, 12, 11, 64], [3000, 10]])
def test_wide_layers_collapse(widths):
    text = page(trace_of(widths))
    data = data_of(text)
    shown = [len(column["shown"]) for column in data["columns"]]
    assert shown == [width if width <= NODES else MOST for width in widths]
    assert [column["count"] for column in data["columns"]] == widths
    assert [m["shape"] for m in data["maps"]] == [list(shape) for shape in pairwise(widths) if max(shape) > NODES]
    for picture in data["maps"]:
        cells = np.array(picture["old"]["cells"])
        assert cells.shape == tuple(min(size, CELLS) for size in picture["shape"])
        assert np.abs(cells).max() == LEVELS
    # Each line carries its derivation of about 1,000 characters, and each map three times 48 · 48 cells of 3.
    lines = sum(len(edge["pairs"]) for edge in data["edges"]) + sum(shown)
    assert len(text) < 60_000 + 2_500 * lines + 4 * 3 * CELLS**2 * len(data["maps"])


def test_the_nodes_that_count_most_are_drawn():
    t = trace_of([100, 200, 1])
    column = data_of(page(t))["columns"][1]
    importance = np.abs(t.layers[0].outputs * t.layers[0].output_slopes).sum(axis=0)
    assert set(column["shown"]) == set(np.argsort(-importance)[:MOST])


def test_maps_are_means_of_blocks():
    model = fastbp.Sequential([fastbp.Input((96,)), fastbp.Dense(2)], dtype="float64")
    kernel = np.zeros((96, 2))
    kernel[3, 0], kernel[2, 0], kernel[10, 1] = -0.5, 0.25, 1.0
    model.set_weights([kernel, np.zeros(2)])
    model.compile("sgd", "mse")
    picture = data_of(page(fastbp.explain(model, np.ones((1, 96)), [[0.0, 0.0]])))["maps"][0]["old"]
    assert picture["most"] == 0.5  # of 1 and 0
    assert picture["cells"][1] == [round(-LEVELS / 4), 0]  # the mean of -0.5 and 0.25 is an eighth
    assert picture["cells"][5] == [0, LEVELS]
    assert np.count_nonzero(picture["cells"]) == 2


@pytest.mark.parametrize("size", [47, 48, 49, 95, 100, 1000])
def test_blocks_cover_every_weight_once(size):
    array = np.random.default_rng(size).uniform(0.5, 1, (size, 3))
    cells = np.array(_picture(array)["cells"])
    expected = np.array(
        [
            part.mean(axis=0)
            for part in np.split(array, np.linspace(0, size, min(size, CELLS), endpoint=False).astype(int)[1:])
        ]
    )
    assert cells.tolist() == np.rint(expected * (LEVELS / expected.max())).tolist()


def test_layers_of_every_kind_have_columns():
    model = fastbp.Sequential(
        [
            fastbp.Input((2, 3)),
            layers.Flatten(),
            layers.Rescaling(0.5),
            layers.Residual([fastbp.Dense(4, "tanh")]),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            fastbp.Dense(3, "softmax"),
        ],
        seed=0,
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    data = data_of(page(fastbp.explain(model, rng.normal(size=(9, 2, 3)), rng.integers(0, 3, 9))))
    assert [edge["dense"] for edge in data["edges"]] == [False] * 2 + [True] + [False] * 3 + [True]
    assert data["edges"][1]["pairs"] == [[i, i] for i in range(6)]
    more = [part["title"] for part in data["columns"][5]["derivations"][2]["more"]]
    assert more[:2] == ["gamma[2] of batch_normalization", "beta[2] of batch_normalization"]
    assert data["samples"] == 8
    assert data["count"] == 9
    assert sum(data["targets"][0]) == 1


def test_what_comes_past_residual_blocks():
    model = fastbp.Sequential(
        [
            fastbp.Input((30,)),
            layers.Residual([fastbp.Dense(20, "tanh"), fastbp.Dense(30)], name="same"),
            layers.Residual([fastbp.Dense(2)], name="narrower"),
        ],
        seed=0,
    )
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    t = fastbp.explain(model, rng.normal(size=(2, 30)), rng.normal(size=(2, 2)))
    data = data_of(page(t))
    columns = data["columns"]
    assert [column["name"] for column in columns[1:4]] == ["same/dense", "same/dense_1", "same"]
    assert columns[0]["shown"] == columns[2]["shown"] == columns[3]["shown"]  # node to same node, all of them
    same, narrower = data["past"]
    assert (same["from"], same["to"], same["dense"]) == (0, 3, False)
    assert same["pairs"] == [[i, i] for i in range(MOST)]
    assert (narrower["from"], narrower["to"], narrower["dense"]) == (3, 5, True)
    weight = t.layer("narrower").weights["projection"]
    i = columns[3]["shown"][1]
    assert narrower["gradient"][2] == pytest.approx(weight.gradient[i, 0], rel=1e-5)
    assert narrower["derivations"][2]["title"] == f"weight from node {i} of same to node 0 of narrower, past its layers"
    assert [m["name"] for m in data["maps"]][-2:] == ["narrower/dense", "narrower, past its layers"]


def test_numbers_are_six_digits_long_and_json():
    t = sigmoid_example()
    t.loss_after = float("nan")
    data = data_of(page(t))
    assert data["loss"][1] == "nan"
    assert data["columns"][1]["values"][0][1] == 0.731059


def test_notebooks_show_the_page_in_a_frame():
    frame = relu_example()._repr_html_()
    inner = re.fullmatch(r'<iframe srcdoc="([^"]*)" title="[^"]+" style="[^"]+"></iframe>', frame)[1]
    assert html.unescape(inner) == page(relu_example())
