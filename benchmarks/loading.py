"""Finds the libraries to run: a file each, ``<name>_peer.py`` in a package of peers, that defines a class ``Peer``."""

import importlib
import pkgutil
from typing import Any

SUFFIX = "_peer"
INSTALL = "pip install '.[benchmarks]'"


class Unsupported(Exception):  # noqa: N818, for it is an answer, not a fault
    """Raised by a peer that cannot run a workload, or cannot here: the row says why, and nothing has failed."""


def names(package: str) -> list[str]:
    """All peers there are, fastbp among them."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return [module.name.removesuffix(SUFFIX) for module in found if module.name.endswith(SUFFIX)]


def load(package: str, name: str) -> Any:
    """The class Peer of that name; imports its library."""
    return importlib.import_module(f"{package}.{name}{SUFFIX}").Peer
