"""The page of the recorder in a browser: curves that are read out, and the decision surface."""

import time

import numpy as np
import pytest
from browser import webdriver

from fastbp import Adam, Dense, Input, Sequential
from fastbp.callbacks import Recorder

if webdriver:
    from selenium.webdriver.common.keys import Keys


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Of the page of a network with two inputs that has learnt which are above 0."""
    x = np.random.default_rng(0).standard_normal((90, 2))
    model = Sequential([Input((2,)), Dense(8, "relu"), Dense(3, "softmax")], seed=0)
    model.compile(Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    recorder = Recorder()
    model.fit(x, (x > 0).sum(axis=1), epochs=20, validation_split=0.2, callbacks=recorder, verbose=0)
    path = tmp_path_factory.mktemp("page") / "run.html"
    recorder.to_html(path)
    return path


def pixels(page):
    """How many colours the surface has, and that of one of its corners."""
    return page.run(
        "const c = document.querySelector('canvas');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "const all = Array.from({length: d.length / 4}, (_, i) => d.slice(4 * i, 4 * i + 3).join());"
        "return [new Set(all).size, all[0]]"
    )


def test_curves_are_read_out_by_keys_and_pointer(show, path):
    page = show(path)
    chart = page.one("[data-chart] svg[role]")
    output = page.one("[data-chart] output")
    chart.send_keys(Keys.HOME)
    assert output.text.startswith("epoch 1: training ")
    assert ", validation " in output.text
    chart.send_keys(Keys.ARROW_RIGHT)
    assert output.text.startswith("epoch 2: ")
    chart.send_keys(Keys.END)
    assert output.text.startswith("epoch 20: ")
    webdriver.ActionChains(page.chrome).move_to_element(chart).perform()
    off, step = page.run(
        "const svg = document.querySelector('[data-chart] svg[role]'), width = svg.viewBox.baseVal.width;"
        "return [Math.abs(svg.querySelector('.cursor').x1.baseVal.value - width / 2), width / 20]"
    )
    assert off <= step / 2


def test_the_surface_changes_while_it_plays(show, path):
    page = show(path)
    colours, _ = pixels(page)
    assert colours >= 3  # one for each class, and those of the samples
    slider = page.one("#surface input")
    assert page.one("#surface output").text == "epoch 20"
    slider.send_keys(Keys.HOME)
    assert page.one("#surface output").text == "epoch 0"
    before = page.run("return document.querySelector('canvas').toDataURL()")
    page.hurry()
    page.click("#surface button")
    deadline = time.monotonic() + 60
    while page.one("#surface output").text != "epoch 20" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert page.one("#surface output").text == "epoch 20"
    assert page.one("#surface button").text == "Play"
    assert page.run("return document.querySelector('canvas').toDataURL()") != before


@pytest.mark.parametrize("width", [390, 1280])
def test_light_and_dark_wide_and_narrow(show, path, width):
    page = show(path, width=width, height=844)
    assert page.brightness > 200
    _, light = pixels(page)
    assert page.run("return document.documentElement.scrollWidth") <= width
    page = show(path, width=width, height=844, dark=True)
    assert page.brightness < 60
    assert pixels(page)[1] != light
