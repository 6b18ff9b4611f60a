"""Dependencies point down only, in the C++ core and in the Python package."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "python" / "fastbp"

MAY_INCLUDE = {  # folder: the folders it knows
    "kernels": {"kernels"},
    "core": {"core"},
    "nn": {"nn", "core", "kernels"},
    "bindings": {"bindings", "nn", "core", "kernels"},
}
NN_ORDER = [
    "ahead",
    "cost",
    "pace",
    "constraint",
    "failure",
    "optimizer",
    "sparse_batch",
    "layer",
    "plan",
    "tape",
    "shared_product",
    "stack",
    "nonlinearity",
    "activation",
    "activity_regularization",
    "affine",
    "batch_normalization",
    "dense",
    "function",
    "layer_normalization",
    "noise",
    "residual",
    "layers",
    "update",
    "workspace",
    "network",
    "propagation",
    "trainer",
]  # each knows only those before it
PER_ISA = {
    "vec.h",
    "vec_math.h",
    "gemm_pieces.h",
    "gemm_tile.h",
    "activations.h",
    "flat.h",
    "noise.h",
    "philox.h",
    "shuffle.h",
    "softmax.h",
    "normalizations.h",
    "crossentropies.h",
    "loss_forms.h",
    "losses.h",
    "accuracy_metrics.h",
    "confusion_metrics.h",
    "mean_metrics.h",
    "metrics.h",
    "regression_metrics.h",
    "optimizers.h",
    "sparse.h",
    "transpose.h",
}

PYTHON_ORDER = [  # a module imports only from rows above its own; the parts of a package stand for themselves
    {"_core", "_files", "_page", "_registry", "_progress", "_seeds", "datasets", "reference", "threads"},
    {"_data", "_threadpoolctl", "config"},
    {"activations", "constraints", "initializers", "losses", "optimizers", "plots", "regularizers", "utils"},
    {"_counterparts", "layers", "metrics"},
    {"_parts"},
    {"saving"},
    {"callbacks", "exporting"},
    {"trainer"},
    {"sources"},
    {"fitting", "learning_rates"},
    {"models"},
    {"converters", "demo", "sklearn", "tables", "tracing"},
    {"__init__"},
    {"cli"},
    {"__main__"},
]


def includes(path):
    return re.findall(r'#include ([<"])([^>"]+)[>"]', path.read_text())


def sources():
    return sorted([*CSRC.rglob("*.h"), *CSRC.rglob("*.cpp")])


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(CSRC)))
def test_no_include_points_up(path):
    folder = path.parent.name
    for kind, name in includes(path):
        if kind == '"':
            assert name.split("/")[0] in MAY_INCLUDE[folder], f"{path} includes {name}"
        if folder == "nn" and name.startswith("nn/"):
            own, other = NN_ORDER.index(path.stem), NN_ORDER.index(Path(name).stem)
            assert other < own or Path(name).stem == path.stem, f"{path} includes {name}"


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(CSRC)))
def test_only_bindings_know_python(path):
    uses_python = any(name.startswith(("pybind11", "Python.h")) for _, name in includes(path))
    assert not uses_python or path.parent.name == "bindings"


@pytest.mark.parametrize("name", sorted(PER_ISA | {"kernels.cpp", "kernels_amx.cpp", "kernel_table.h"}))
def test_files_compiled_per_instruction_set_use_no_stl(name):
    """A shared inline function could be merged across instruction sets: the linker may keep the AVX-512 copy."""
    path = CSRC / "kernels" / name
    system = {include for kind, include in includes(path) if kind == "<"}
    assert system <= {"stdint.h", "cstdint"}
    assert "std::" not in path.read_text()
    if name.endswith(".h") and name != "kernel_table.h":
        assert "namespace {" in path.read_text()


def test_every_source_is_compiled():
    cmake = (ROOT / "CMakeLists.txt").read_text()
    for path in CSRC.rglob("*.cpp"):
        assert str(path.relative_to(ROOT)) in cmake


def imported(path):
    """The modules of fastbp that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "fastbp":
            module = node.module.removeprefix("fastbp").lstrip(".")
            names = {alias.name for alias in node.names}
            if module:
                found.add(module)
            else:
                found |= {n if n in set().union(*PYTHON_ORDER) else "__init__" for n in names}
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("fastbp").lstrip(".") or "__init__" for a in node.names if "fastbp" in a.name}
    return found


def module_name(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=module_name)
def test_no_import_points_up(path):
    rank = {name: i for i, row in enumerate(PYTHON_ORDER) for name in row}
    family = module_name(path).split(".")[0]
    for other in {name.split(".")[0] for name in imported(path)} - {family}:
        assert rank[other] < rank[family]


def test_the_reference_imports_nothing_of_the_package():
    for path in (PACKAGE / "reference").glob("*.py"):
        assert all(other.startswith("reference") for other in imported(path))
