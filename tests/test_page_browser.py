"""The page of a trace in a browser: what is seen after keys and clicks, light and dark, wide and narrow."""

import time

import numpy as np
import pytest
from browser import webdriver

import fastbp
from fastbp import layers
from fastbp.tracing.worked import relu_example, sigmoid_example

if webdriver:
    from selenium.webdriver.common.keys import Keys


class TracePage:
    """The page of a trace in the browser, and what is to be read on it."""

    def __init__(self, page):
        self.page = page

    def __getattr__(self, name):
        return getattr(self.page, name)

    def numbers(self, column, kind="number"):
        return [e.text for e in self.all(f"[data-node^='{column},'] .{kind}")]

    def lines(self, column):
        return [e.text for e in self.all(f"[data-edge^='{column},'] .number")]

    @property
    def caption(self):
        return self.one("#caption").text

    @property
    def derivation(self):
        return " ".join(self.one("#derivation").text.replace("\u00a0", " ").split())


@pytest.fixture
def open_page(show, tmp_path):
    """Opens the page of a trace."""

    def opened(trace, **settings):
        path = tmp_path / "trace.html"
        trace.to_html(path)
        return TracePage(show(path, **settings))

    return opened


def trace_of(widths, n=2, optimizer="adam", activation="relu"):
    stack = [fastbp.Input((widths[0],)), *(fastbp.Dense(units, activation) for units in widths[1:])]
    model = fastbp.Sequential(stack, seed=0)
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(0)
    return fastbp.explain(model, rng.normal(size=(n, widths[0])), rng.normal(size=(n, widths[-1])))


def test_data_flow_forward_and_slopes_backward(open_page):
    page = open_page(relu_example())
    assert page.caption.startswith("1 of 7. The sample goes in: 2 values.")
    assert page.numbers(0) == ["1", "2"]
    assert page.numbers(1) == ["", "", ""]
    page.key(Keys.ARROW_RIGHT)
    assert "Forward into hidden_1" in page.caption
    assert page.numbers(1) == ["5", "0", "6"]
    assert page.numbers(2) == [""]
    page.key(Keys.ARROW_RIGHT)
    assert page.numbers(2) == ["7"]
    assert page.one(".loss .figure").text == ""
    page.key(Keys.ARROW_RIGHT)
    assert "The prediction is 7, the target 4: mean_squared_error 9." in page.caption
    assert page.one(".loss .figure").text == "9"
    assert page.one(".target").text == "target 4"
    assert page.numbers(2, "back") == ["6"]
    assert page.numbers(1, "back") == ["", "", ""]
    assert page.lines(2) == ["−1", "3", "2"]
    page.key(Keys.ARROW_RIGHT)
    assert "Backward through output" in page.caption
    assert page.lines(2) == ["30", "0", "36"]
    assert page.numbers(1, "back") == ["−6", "18", "12"]
    assert len(page.all(".edge.active.backward")) == 3
    page.key(Keys.ARROW_RIGHT)
    assert page.lines(1) == ["−6", "0", "12", "−12", "0", "24"]
    assert page.lines(2) == ["−1", "3", "2"]
    page.key(Keys.ARROW_RIGHT)
    assert "learning rate 0.01. The loss goes from 9 to 5.61121." in page.caption
    assert page.lines(2) == ["−1.3", "3", "1.64"]
    assert not page.one("#next").is_enabled()
    page.key(Keys.ARROW_RIGHT)
    assert page.caption.startswith("7 of 7")
    page.key(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert page.caption.startswith("5 of 7")


def test_buttons_and_space(open_page):
    page = open_page(relu_example())
    assert not page.one("#back").is_enabled()
    page.click("#next")
    page.click("#next")
    assert page.caption.startswith("3 of 7")
    page.click("#back")
    assert page.caption.startswith("2 of 7")
    page.run("document.activeElement.blur()")
    page.hurry()
    page.key(Keys.SPACE)
    assert page.run("return window.interval") == 1800
    assert page.one("#play").get_attribute("aria-pressed") == "true"
    assert page.one("#play").text == "Pause"
    deadline = time.monotonic() + 60
    while not page.caption.startswith("7 of 7") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert page.caption.startswith("7 of 7")
    assert page.one("#play").get_attribute("aria-pressed") == "false"
    page.click("#play")
    assert page.caption.startswith("1 of 7")
    page.key(Keys.ARROW_RIGHT)
    assert page.one("#play").text == "Play"


def test_enter_and_click_show_the_chain_rule(open_page):
    page = open_page(relu_example())
    page.one("[data-edge='2,2']").send_keys(Keys.ENTER)
    assert page.derivation == (
        "weight from node 2 of hidden_1 to node 0 of output "
        "slope = value of the node feeding in × slope of the activation at the node fed into "
        "× slope of the loss at that node = 6×1×6 = 36 "
        "new weight = weight − learning rate × slope = 2 − 0.01×36 = 1.64"
    ) or page.derivation.replace(" ", "").endswith("=6×1×6=36newweight=weight−learningrate×slope=2−0.01×36=1.64")
    assert "chosen" in page.one("[data-edge='2,2']").get_attribute("class")
    assert [page.one(f"#{name}").get_attribute("value") for name in ("layer", "from", "to")] == ["2", "1,2", "0"]
    webdriver.ActionChains(page.chrome).move_to_element(page.one("[data-node='1,1']")).click().perform()
    text = page.derivation.replace(" ", "")
    assert text.startswith("node1ofhidden_1sum=Σvaluefeedingin×weight+bias=1×1+2×(−2)+0=−3value=relu(sum)=relu(−3)=0")
    assert "biasofnode1ofhidden_1" in text
    assert "chosen" not in page.one("[data-edge='2,2']").get_attribute("class")
    x, y = page.run(
        "const b = document.querySelector(\"[data-edge='2,1'] .hit\").getBoundingClientRect();"
        "return [b.x + b.width / 2, b.y + b.height / 2]"
    )
    page.run(
        "document.elementFromPoint(arguments[0], arguments[1]).dispatchEvent(new MouseEvent('click', {bubbles: true}))",
        x,
        y,
    )
    assert page.derivation.startswith("weight from node 1 of hidden_1 to node 0 of output")


def test_lists_choose_too(open_page):
    page = open_page(relu_example())
    page.choose("layer", 1)
    assert page.derivation.startswith("node 0 of hidden_1")
    page.choose("from", "0,1")
    assert page.derivation.startswith("weight from input 1 to node 0 of hidden_1")
    page.choose("to", 2)
    assert page.derivation.startswith("weight from input 1 to node 2 of hidden_1")
    assert "= 24" in page.derivation
    page.choose("layer", 0)
    assert page.derivation.startswith("input 0 slope of the loss = 18")


def test_formulas_are_mathml(open_page):
    page = open_page(trace_of([2, 2, 1]))
    page.one("[data-edge='2,0']").send_keys(Keys.ENTER)
    assert page.run("return document.querySelector('math').namespaceURI") == "http://www.w3.org/1998/Math/MathML"
    assert len(page.all("#derivation msqrt")) == 4  # in symbols and in numbers, twice each
    assert page.all("#derivation msup mtext")[0].text == "slope"
    page = open_page(sigmoid_example())
    page.one("[data-node='1,0']").send_keys(Keys.ENTER)
    assert "value×(1−value)=0.5×(1−0.5)=0.25" in page.derivation.replace(" ", "")


def test_lines_show_weights_or_slopes(open_page):
    page = open_page(relu_example())

    def below():
        return [e.get_attribute("data-edge") for e in page.all(".edge.below")]

    assert below() == ["1,4", "2,0"]
    page.choose("lines", "gradient")
    assert page.lines(2) == ["30", "0", "36"]
    assert below() == ["1,0", "1,3"]
    widths = [float(e.value_of_css_property("stroke-width")[:-2]) for e in page.all("[data-edge^='2,'] .wire")]
    assert widths == pytest.approx([0.8 + 5.2 * 30 / 36, 0.8, 6.0], rel=1e-4)
    page.choose("lines", "new")
    assert page.lines(2) == ["−1.3", "3", "1.64"]


def test_light_and_dark(open_page):
    page = open_page(relu_example(), dark=True)
    assert page.brightness < 60
    page.click("#theme")
    assert page.brightness > 200
    page = open_page(relu_example())
    assert page.brightness > 200
    page.click("#theme")
    assert page.brightness < 60


@pytest.mark.parametrize("make", [relu_example, lambda: trace_of([64, 32, 32, 10])], ids=["small", "wide"])
def test_phone(open_page, make):
    page = open_page(make(), width=390, height=844)
    for _ in range(3):
        page.key(Keys.ARROW_RIGHT)
    page.choose("layer", 2)
    page.choose("from", "1,1")
    assert page.run("return document.documentElement.scrollWidth") <= 390
    for name in ("back", "play", "next", "theme", "layer", "from", "to", "lines"):
        box = page.one(f"#{name}").rect
        assert box["height"] >= 40
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    # The column that it is about is in sight.
    x = page.run("return document.querySelector('.node.active').getBoundingClientRect().x")
    assert 0 <= x <= 390


def test_wide_layers_are_collapsed_with_a_map(open_page):
    page = open_page(trace_of([4096, 512, 4]))
    assert [len(page.all(f"[data-node^='{c},']")) for c in range(3)] == [8, 8, 4]
    subs = [e.text for e in page.all("svg .sub")]
    assert "8 of 4096 shown" in subs
    assert "8 of 512 shown" in subs
    maps = page.all("canvas[role=img]")
    assert [m.get_attribute("aria-label").split(",")[0] for m in maps] == ["dense: weights", "dense_1: weights"]
    painted = page.run(
        "const c = arguments[0]; const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "return new Set(Array.from({length: d.length / 4}, (_, i) => d.slice(4 * i, 4 * i + 3).join())).size",
        maps[0],
    )
    assert painted > 20
    page.choose("lines", "gradient")
    assert "slopes" in page.all("canvas")[0].get_attribute("aria-label")


def test_samples_one_at_a_time(open_page):
    trace = trace_of([2, 3, 1], n=12)
    page = open_page(trace)
    page.choose("lines", "old")
    assert [e.text for e in page.all("#sample option")] == [f"{s} of 12" for s in range(8)]
    seen = []
    for s in (0, 7):
        page.choose("sample", s)
        seen.append([float(text.replace("−", "-")) for text in page.numbers(0)])
        assert seen[-1] == pytest.approx(trace.inputs[s].tolist(), rel=0.06)
    assert seen[0] != seen[1]


@pytest.mark.parametrize("depth", [1, 2, 5, 8])
def test_every_depth_from_end_to_end(open_page, depth):
    page = open_page(trace_of([1, *[3] * (depth - 1), 1], n=1, activation="tanh"))
    moments = 2 * depth + 3
    for moment in range(1, moments + 1):
        assert page.caption.startswith(f"{moment} of {moments}.")
        page.key(Keys.ARROW_RIGHT)
    assert all(text for column in range(depth + 1) for text in page.numbers(column))
    assert all(text for column in range(depth + 1) for text in page.numbers(column, "back"))


def test_residual_blocks_are_opened(open_page):
    model = fastbp.Sequential(
        [
            fastbp.Input((1,)),
            fastbp.Dense(2, use_bias=False, name="before"),
            layers.Residual([fastbp.Dense(2, use_bias=False, name="inner")], name="block"),
            layers.Residual([fastbp.Dense(1, use_bias=False)], name="narrower"),
        ],
        dtype="float64",
    )
    model.set_weights([[[2, 1]], [[3, 0], [0, 1]], [[1], [1]], [[1], [-1]]])
    model.compile("sgd", "mse")
    page = open_page(fastbp.explain(model, [[1.0]], [[15.0]]))  # 2 and 1; 8 and 2; 10 + 6 = 16
    heads = [e.text for e in page.all("svg .head")]
    assert heads == ["input", "before", "block/inner", "block", "narrower/dense", "narrower"]
    assert len(page.all("[data-edge^='6,']")) == len(page.all("[data-edge^='7,']")) == 2
    page.key(*[Keys.ARROW_RIGHT] * 3)
    assert "the sum of block: what its layers made, and what comes past them from before." in page.caption
    assert page.numbers(3) == ["8", "2"]
    assert len(page.all(".edge.past.active")) == 2
    page.key(*[Keys.ARROW_RIGHT] * 4)
    assert "goes back both into its layers and past them to block, through the projection." in page.caption
    page.key(*[Keys.ARROW_RIGHT] * 3)
    assert page.caption.endswith("There what came past the layers of block is added.")
    assert page.numbers(2, "back") == ["4", "0"]  # 2·(1 + 1), 2·(1 - 1)
    assert page.numbers(1, "back") == ["16", "0"]  # 3·4 + 4
    page.choose("layer", 5)
    assert [e.text for e in page.all("#from option")] == ["the node itself", "node 0 of block", "node 1 of block"]
    page.choose("from", "6,1")
    assert page.derivation.startswith("weight from node 1 of block to node 0 of narrower, past its layers")
    assert page.derivation.replace(" ", "").endswith("=−1−0.01×4=−1.04")
    page.one("[data-edge='7,0']").send_keys(Keys.ENTER)
    assert page.derivation.startswith("weight from node 0 of block to node 0 of narrower, past its layers")
    page.one("[data-node='1,0']").send_keys(Keys.ENTER)
    text = page.derivation.replace(" ", "")
    assert "slopeoftheloss=slopethroughblock/inner+slopepastthelayersofblock=12+4=16" in text


def test_names_are_text_and_nothing_else(open_page):
    evil = "</script><img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1, name=evil)], name=evil)
    model.compile("sgd", "mse")
    page = open_page(fastbp.explain(model, [[1.0]], [2.0]))
    page.one("[data-edge='1,0']").send_keys(Keys.ENTER)
    assert page.run("return window.hacked") is None
    assert page.all("img") == []
    assert page.one("h1").text == f"Backpropagation in {evil}"
    assert evil in page.derivation


def test_steps_that_diverge(open_page):
    model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(2, "exponential"), fastbp.Dense(1)])
    model.set_weights([[[100.0, 1.0]], [0.0, 0.0], [[1.0], [1.0]], [0.0]])
    model.compile("sgd", "mse")
    page = open_page(fastbp.explain(model, [[1.0]], [2.0]))
    page.key(*[Keys.ARROW_RIGHT] * 6)
    assert page.numbers(1) == ["inf", "2.72"]
    page.one("[data-edge='2,0']").send_keys(Keys.ENTER)
    assert "inf" in page.derivation


def test_screen_readers(open_page):
    page = open_page(relu_example())
    assert page.one("html").get_attribute("lang") == "en"
    assert page.one("#caption").get_attribute("aria-live") == "polite"
    assert page.one("#derivation").get_attribute("aria-live") == "polite"
    labels = [e.get_attribute("aria-label") for e in page.all("[role=button]")]
    assert len(labels) == 9 + 6
    assert all(labels)
    assert "weight from node 2 of hidden_1 to node 0 of output: 2, slope 36, new 1.64" in labels
    assert page.one("[data-node='1,0']").get_attribute("aria-label") == "node 0 of hidden_1"
    page.key(*[Keys.ARROW_RIGHT] * 6)
    expected = "node 0 of hidden_1: value 5, slope of the loss −6"
    assert page.one("[data-node='1,0']").get_attribute("aria-label") == expected
    for control in page.all("select"):
        assert page.run("return arguments[0].labels.length", control) == 1


def test_tab_reaches_nodes_and_weights(open_page):
    page = open_page(relu_example())
    reached = set()
    for _ in range(30):
        page.chrome.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(
            page.run(
                "const { node, edge } = document.activeElement.dataset;"
                "return node ? `node ${node}` : edge ? `edge ${edge}` : ''"
            )
        )
    assert len(reached - {""}) == 9 + 6
