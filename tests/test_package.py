"""The package as a whole: what it imports, its examples, its data, its version."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import fastbp

ROOT = Path(__file__).parents[1]
MODULES = ["fastbp"] + [
    info.name for info in pkgutil.walk_packages(fastbp.__path__, "fastbp.") if not info.name.endswith("__main__")
]


def test_import_takes_nothing_along_but_numpy():
    code = (
        "import sys, numpy; before = set(sys.modules); import fastbp\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    extra = set(result.stdout.split()) - set(sys.stdlib_module_names)
    assert {name for name in extra if not name.startswith("_")} <= {"fastbp", "numpy"}


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if "pip install 'fastbp[" not in str(error):
            raise
        pytest.skip(str(error))
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("path", ["README.md"])
def test_examples_in_documents(path):
    """Python blocks in Markdown run as they stand."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / path).read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, path, "exec"), {})


@pytest.mark.parametrize("path", ["docs/tutorial.md"])
def test_numbers_in_documents(path):
    """Where a document shows what is printed, that is what is printed."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / path).read_text(), flags=re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, path, path, 0)
    assert len(examples.examples) > 20
    assert doctest.DocTestRunner().run(examples).failed == 0


def test_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert fastbp.__version__ == project["version"]
    assert f"## {fastbp.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_digits_are_whole():
    x, y = fastbp.datasets.load_digits()
    assert x.shape == (1797, 64)
    assert x.dtype == np.float32
    assert (x.min(), x.max()) == (0, 16)
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert x.sum() == 561718
    assert "CC BY 4.0" in fastbp.datasets.digits.__doc__


def test_digits_come_fresh():
    x, _ = fastbp.datasets.load_digits()
    x /= 16
    assert fastbp.datasets.load_digits()[0].max() == 16
