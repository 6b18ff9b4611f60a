"""Keras, for the tests that compare with it; they are skipped where it is absent."""

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras", exc_type=ImportError)
