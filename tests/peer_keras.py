"""Keras, where it is installed: ``from peer_keras import keras`` skips the tests of a file where it is not."""

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")  # before its first import
keras = pytest.importorskip("keras", exc_type=ImportError)
