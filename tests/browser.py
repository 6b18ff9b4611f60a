"""A browser to look at pages with: Chromium, driven by selenium.

Tests with it are skipped where one of the two is missing, and fail there if FASTBP_REQUIRE_BROWSER is set.
"""

import os
import shutil
from contextlib import contextmanager

import pytest

try:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
except ImportError:
    webdriver = By = None

ARGUMENTS = [
    *("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars"),
    # It shall ask nothing of any network.
    *("disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"),
]
SECONDS = 60  # that a page may take to be there


@contextmanager
def started():
    """The browser; skips the test if there is none."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    lacking = [
        name for name, found in (("selenium", webdriver), ("chromium", browser), ("chromedriver", driver)) if not found
    ]
    if lacking:
        refuse = pytest.fail if os.environ.get("FASTBP_REQUIRE_BROWSER") else pytest.skip
        refuse(f"no {', no '.join(lacking)}")
    options = webdriver.ChromeOptions()
    for argument in ARGUMENTS:
        options.add_argument(f"--{argument}")
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as chrome:
        chrome.set_page_load_timeout(SECONDS)
        chrome.set_script_timeout(SECONDS)
        yield chrome


def shown(chrome, path, width=1280, height=900, dark=False):
    """The page at a path, on a screen of that size; a narrow one is a phone's."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    chrome.get_log("browser")
    return Page(chrome, path)


class Page:
    """A page in the browser, and what can be done with it."""

    def __init__(self, chrome, path):
        self.chrome = chrome
        chrome.get(path.as_uri())

    def one(self, selector):
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.chrome.find_elements(By.CSS_SELECTOR, selector)

    def key(self, *keys):
        for key in keys:
            self.one("body").send_keys(key)

    def click(self, selector):
        self.one(selector).click()

    def run(self, script, *arguments):
        return self.chrome.execute_script(script, *arguments)

    def choose(self, name, value):
        self.one(f"#{name} option[value='{value}']").click()

    @property
    def brightness(self):
        """Of the background, from 0 to 255."""
        colour = self.one("body").value_of_css_property("background-color")
        return sum(map(int, colour[colour.index("(") + 1 : -1].split(",")[:3])) / 3

    def hurry(self):
        """Timers run twenty times as fast from now on."""
        self.run(
            "const real = window.setInterval;"
            "window.setInterval = (f, ms) => { window.interval = ms; return real(f, ms / 20); };"
        )
