"""The page of the recorder: one file that fetches nothing, shows what was recorded, and escapes what users named."""

import base64
import json
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from fastbp import SGD, Adam, Dense, Input, Sequential, cli
from fastbp._page import Series, chart
from fastbp._page.charts import _log_ticks, _ticks
from fastbp.callbacks import Recorder
from fastbp.callbacks.recorder import GRID

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 2))
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
VOID = {"meta", "input", "br"}
NASTY = "<script>alert('x')</script>&\""


class Page(HTMLParser):
    """Elements with their attributes and text; every element must be closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        element = [tag, dict(attrs), ""]
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def all(self, tag, **attributes):
        return [e for e in self.elements if e[0] == tag and all(e[1].get(k) == v for k, v in attributes.items())]


def recorded(
    loss="sparse_categorical_crossentropy", outputs=3, y=LABELS, x=X, name="model", optimizer=None, **settings
):
    layers = [Dense(6, "relu", name=name), Dense(outputs, "softmax" if "cross" in loss else None)]
    model = Sequential([Input((x.shape[1],)), *layers], seed=0, name=name)
    model.compile(optimizer or Adam(0.02), loss, metrics=["accuracy"] if "cross" in loss else None)
    recorder = Recorder(**settings)
    model.fit(x, y, epochs=12, callbacks=recorder, validation_split=0.2, verbose=0)
    return recorder


def page_of(recorder, folder):
    path = folder / "run.html"
    recorder.to_html(path)
    assert os.listdir(folder) == ["run.html"]
    return Page(path.read_text("utf-8"))


def test_it_shows_what_was_recorded(tmp_path):
    recorder = recorded()
    page = page_of(recorder, tmp_path)
    titles = [text.strip() for _, _, text in page.all("figcaption")]
    assert [title.removesuffix(" logarithmic") for title in titles] == [
        "loss",
        "accuracy",
        "Norm of the weights",
        "Norm of the gradients",
        "Update over weight, of a step",
        "Share of dead ReLUs",
    ]
    curves = json.loads(page.all("figure")[0][1]["data-chart"])["series"]
    for name, key in (("training", "loss"), ("validation", "val_loss")):
        xs, ys = zip(*dict(curves)[name], strict=True)
        assert xs == tuple(range(1, 13))
        np.testing.assert_allclose(ys, recorder.history[key], rtol=1e-3)
    assert page.all("h1")[0][2] == "Training of model"


def test_it_fetches_nothing_and_can_be_read_aloud(tmp_path):
    page = page_of(recorded(), tmp_path)
    for _, attributes, _ in page.elements:
        assert not attributes.keys() & {"src", "href", "xlink:href", "action"}
    assert not re.search(r"@import|url\(", page.all("style")[0][2])
    assert "default-src 'none'" in page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0][1]["content"]
    pictures = page.all("svg", role="img") + page.all("canvas")
    assert len(pictures) == 7
    assert all(attributes["aria-label"] for _, attributes, _ in pictures)
    assert all(attributes["tabindex"] == "0" for _, attributes, _ in page.all("svg", role="img"))
    assert page.all("input", type="range")[0][1]["aria-label"]
    assert page.all("html")[0][1]["lang"] == "en"


def test_names_are_escaped(tmp_path):
    page = page_of(recorded(name=NASTY), tmp_path)
    assert page.all("h1")[0][2] == f"Training of {NASTY}"
    scripts = [text for _, attributes, text in page.all("script") if "type" not in attributes]
    assert len(scripts) == 1
    assert "alert" not in scripts[0]
    assert f"1 {NASTY}" in [text for _, _, text in page.all("li")]


def surface_of(page):
    return json.loads(page.all("script", id="surface-data")[0][2])


def test_the_surface_is_what_the_model_says(tmp_path):
    recorder = recorded()
    data = surface_of(page_of(recorder, tmp_path))
    assert data["epochs"] == [str(epoch) for epoch in range(13)]
    assert data["classes"]
    for frame, record in zip(data["frames"], recorder.records, strict=True):
        shown = np.frombuffer(base64.b64decode(frame), np.uint8).reshape(GRID, GRID)
        np.testing.assert_array_equal(shown, record.surface.argmax(axis=-1))
    places = np.array(data["points"])
    (left, bottom), (right, top) = recorder.extent
    np.testing.assert_allclose(left + places[:, 0] * (right - left), recorder.sample[0][:, 0], atol=1e-3)
    np.testing.assert_allclose(top - places[:, 1] * (top - bottom), recorder.sample[0][:, 1], atol=1e-3)
    np.testing.assert_array_equal(places[:, 2], recorder.sample[1])


def test_the_surface_of_a_number_goes_from_least_to_greatest(tmp_path):
    recorder = recorded("mse", 1, y=X[:, 0])
    data = surface_of(page_of(recorder, tmp_path))
    assert not data["classes"]
    colours = [byte for _, _, byte in data["points"]]
    assert (min(colours), max(colours)) == (0, 255)
    one_hot = recorded("categorical_crossentropy", y=np.eye(3)[LABELS])
    assert surface_of(page_of(one_hot, tmp_path))["classes"]


def test_there_is_no_surface_for_other_inputs_or_outputs_that_are_no_numbers(tmp_path):
    for recorder in (recorded(x=X[:, [0, 1, 1]]), recorded("mse", 1, y=X[:, 0], optimizer=SGD(1e20))):
        recorder.records = recorder.records[1:]
        page = page_of(recorder, tmp_path)
        assert page.all("section", id="surface") == []
    assert "training diverged" in page.all("ul", **{"class": "findings"})[0][2]


def test_fits_that_end_before_an_epoch_does(tmp_path):
    page = page_of(recorded(every=2), tmp_path)
    assert len(page.all("figcaption")) == 6
    recorder = Recorder()
    model = Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(X, X[:, 0], epochs=0, callbacks=recorder)
    assert page_of(recorder, tmp_path).all("figcaption")[0][2] == "loss"


def test_in_a_notebook_it_is_a_frame(tmp_path):
    recorder = recorded()
    recorder.to_html(tmp_path / "run.html")
    (frame,) = Page(recorder._repr_html_()).elements
    assert frame[1]["srcdoc"] == (tmp_path / "run.html").read_text("utf-8")
    assert frame[1]["sandbox"] == "allow-scripts"
    assert Recorder()._repr_html_() is None


def test_without_a_fit_there_is_no_page(tmp_path):
    with pytest.raises(RuntimeError, match="give the Recorder to fit first"):
        Recorder().to_html(tmp_path / "run.html")
    assert os.listdir(tmp_path) == []


def test_the_demo_and_train_leave_a_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "--epochs", "2", "--html", "out"]) == 0
    assert "out/training.html" in capsys.readouterr().out
    assert Page((tmp_path / "out" / "training.html").read_text("utf-8")).all("figcaption")
    np.savez("t.npz", x=X, y=LABELS)
    assert cli.main(["train", "t.npz", "--target", "y", "--epochs", "2"]) == 0
    assert Page((tmp_path / "t-model" / "page.html").read_text("utf-8")).all("figcaption")


# ---- curves ----


def test_gaps_and_single_points():
    nan = float("nan")
    page = Page(chart("c", [Series("s", range(6), [1, 2, nan, 3, nan, nan]), Series("none", [0], [nan])], "epoch"))
    assert [len(e[1]["points"].split()) for e in page.all("polyline")] == [2]
    assert len(page.all("circle")) == 1
    assert "none" not in page.all("figure")[0][2]
    assert chart("c", [Series("s", [0, 1], [nan, float("inf")])], "epoch") == ""


@pytest.mark.parametrize("values", [[5.0], [0.0, 0.0], [-3.0, -3.0], [1e-12, 1e12], [-1e30, 1e30], [1e-300, 3e-300]])
def test_all_points_lie_within_the_picture(values):
    page = Page(chart("c", [Series("s", range(len(values)), values)], "epoch"))
    places = [p.split(",") for e in page.all("polyline") for p in e[1]["points"].split()]
    places += [(e[1]["cx"], e[1]["cy"]) for e in page.all("circle")]
    assert len(places) == len(values)
    for x, y in places:
        assert 54 <= float(x) <= 410
        assert 10 <= float(y) <= 196


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.3, 7.2, [0, 2, 4, 6, 8]), (-5, 5, [-6, -4, -2, 0, 2, 4, 6])],
)
def test_ticks(low, high, ticks):
    assert _ticks(low, high) == pytest.approx(ticks)


def test_logarithmic_ticks():
    assert _log_ticks(0.002, 50) == pytest.approx([1e-3, 1e-2, 1e-1, 1, 10, 100])
    assert _log_ticks(1e-12, 1e12)[0] == pytest.approx(1e-12)
    assert len(_log_ticks(1e-12, 1e12)) <= 8
