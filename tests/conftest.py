"""Fixtures of several test files."""

import browser
import pytest


@pytest.fixture(scope="session")
def chrome():
    with browser.started() as driver:
        yield driver


@pytest.fixture
def show(chrome):
    """Shows the page at a path; afterwards the browser has nothing to complain of."""
    yield lambda path, **settings: browser.shown(chrome, path, **settings)
    assert chrome.get_log("browser") == []
