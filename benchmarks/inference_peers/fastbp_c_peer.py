"""The C that fastbp exports, compiled and called by ctypes."""

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import fastbp
from benchmarks.inference_peers import fastbp_peer
from benchmarks.loading import Unsupported
from benchmarks.queries import Query
from benchmarks.workloads import Array

COMPILE = ["cc", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]


class Peer:
    """A shared library, and the array that its outputs come into."""

    def __init__(self, query: Query, weights: list[Array]) -> None:
        if query.rows > 1:
            raise Unsupported("takes one sample a call")
        if shutil.which("cc") is None:
            raise Unsupported("needs a C compiler, cc")
        with tempfile.TemporaryDirectory() as folder:
            source, library = Path(folder, "network.c"), Path(folder, "network.so")
            fastbp_peer.network(query, weights).export(source, name="network")
            subprocess.run([*COMPILE, source, "-o", library, "-lm"], check=True)
            self.run = ctypes.CDLL(str(library)).network_predict
        self.run.restype = None
        self.outputs = np.empty(query.widths[-1], np.float32)
        self.y = ctypes.c_void_p(self.outputs.ctypes.data)

    def prepared(self, x: Array) -> ctypes.c_void_p:
        self.inputs = x  # which the pointer does not keep
        return ctypes.c_void_p(x.ctypes.data)

    def predict(self, x: ctypes.c_void_p) -> Array:
        self.run(x, self.y)
        return self.outputs

    @staticmethod
    def about() -> dict[str, Any]:
        about: dict[str, Any] = {"version": fastbp.__version__, "threads": 1}
        if shutil.which("cc"):
            said = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout
            about["compiler"] = said.partition("\n")[0]
        return about
