"""What the documents list is what there is."""

import re
from pathlib import Path

import pytest

import fastbp
from fastbp.optimizers import schedules

PAGE = (Path(__file__).parents[1] / "docs" / "keras.md").read_text()
TABLE, REST = PAGE.split("## What differs on purpose")
NAMED = set(re.findall(r"`(\w+)`", TABLE))
MODULES = [
    fastbp.activations,
    fastbp.callbacks,
    fastbp.constraints,
    fastbp.converters,
    fastbp.initializers,
    fastbp.layers,
    fastbp.losses,
    fastbp.metrics,
    fastbp.models,
    schedules,
    fastbp.optimizers,
    fastbp.regularizers,
    fastbp.saving,
    fastbp.tracing,
    fastbp.utils,
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_page_for_users_of_keras_names_everything(module):
    assert set(module.__all__) - NAMED - {"schedules"} == set()


def test_the_page_for_users_of_keras_names_nothing_else():
    there = {name for module in MODULES for name in module.__all__}
    assert NAMED - there - {"saving"} == set()
