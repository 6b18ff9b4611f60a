"""Keras on its JAX backend, for tests beside it; skips where it is absent."""

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras", exc_type=ImportError)
