"""Instruction sets: every one that this machine has, in one process, and the one that was asked for."""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastbp
from fastbp import _core

VECTOR_BYTES = {"amx": 64, "avx512": 64, "avx2": 32, "baseline": 16}


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("isa", _core.available_isas())
def test_kernels_are_what_they_are_called(isa):
    """Measured in the kernels themselves: the width of their vectors, and whether a·b + c is rounded once."""
    properties = _core.isa_properties(isa)
    assert properties["vector_bytes"] == VECTOR_BYTES[isa]
    if isa != "baseline":
        assert properties["fused_multiply_add"]


@pytest.mark.parametrize("isa", _core.available_isas())
def test_the_forced_instruction_set_is_the_one_that_runs(isa):
    code = (
        "import fastbp, numpy as np; from fastbp import _core\n"
        "model = fastbp.Sequential([fastbp.Input((3,)), fastbp.Dense(2)], seed=0)\n"
        "print(_core.chosen_isa(), model._network.isa)\n"
        "print(model.predict(np.full((1, 3), 1 / 3)).tobytes().hex())"
    )
    result = run_python(code, FASTBP_ISA=isa)
    names, bits = result.stdout.splitlines()
    assert names == f"{isa} {isa}"
    model = fastbp.Sequential([fastbp.Input((3,)), fastbp.Dense(2)], seed=0)
    model._isa = isa
    model._rebuild()
    assert model._network.isa == isa
    assert model.predict(np.full((1, 3), 1 / 3)).tobytes().hex() == bits


def test_fused_and_unfused_kernels_give_different_bits():
    """(1 + 2⁻¹²)² - (1 + 2⁻¹¹) is 2⁻²⁴ where products are not rounded, else 0: proof of which code ran."""
    a = np.array([[-1 - 2.0**-11, 1 + 2.0**-12]], np.float32)
    b = np.array([[1.0], [1 + 2.0**-12]], np.float32)
    for isa in _core.available_isas():
        fused = _core.isa_properties(isa)["fused_multiply_add"]
        assert _core.product(a, b, False, isa).item() == (2.0**-24 if fused else 0.0)


def test_an_unavailable_instruction_set_is_an_import_error_that_lists_the_choices():
    result = run_python("import fastbp", FASTBP_ISA="avx1024")
    assert result.returncode != 0
    assert "ImportError" in result.stderr
    assert "avx1024" in result.stderr
    for isa in _core.available_isas():
        assert isa in result.stderr


def test_the_best_is_chosen_unless_one_is_forced():
    environment = {k: v for k, v in os.environ.items() if k != "FASTBP_ISA"}
    result = subprocess.run(
        [sys.executable, "-c", "from fastbp import _core; print(_core.chosen_isa())"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == _core.available_isas()[0]


def test_a_network_refuses_an_unknown_instruction_set():
    with pytest.raises(ValueError, match=r"'mmx' is not available here; choose one of: .*baseline"):
        _core.Network32(2, [{"kind": "dense", "units": 1, "name": "linear"}], "mmx")


def test_show_config_names_what_was_built_and_chosen(capsys):
    fastbp.show_config()
    printed = capsys.readouterr().out
    for text in (fastbp.__version__, _core.compiler, ", ".join(_core.built_isas()), _core.chosen_isa(), "threads"):
        assert text in printed


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("isa", _core.available_isas())
def test_products_of_every_shape(isa, dtype, transposed):
    """All heights and widths of tiles and their remainders, and sums of every length about a vector's."""
    rng = np.random.default_rng(0)
    shapes = [(m, k, n) for m in (1, 2, 3, 5, 7, 8, 9, 17) for k in (0, 1, 2, 33) for n in (1, 3, 16, 17, 33, 48, 49)]
    shapes += [(3, 9000, 100), (9, 300, 800), (8, 16, 1700), (3, 1, 5000)]  # several column blocks
    # Copied: several blocks of k, groups of rows and columns, with and without remainders; A alone.
    shapes += [(70, 1300, 130), (131, 700, 100), (64, 767, 96), (150, 1024, 600), (1030, 20, 33), (521, 3, 17)]
    for m, k, n in shapes:
        a = rng.normal(size=(k, m) if transposed else (m, k)).astype(dtype)
        b = rng.normal(size=(k, n)).astype(dtype)
        exact = (a.T if transposed else a).astype(np.float64) @ b.astype(np.float64)
        c = _core.product(a, b, transposed, isa)
        # The j-th partial sum is of size √j and rounded by eps/√12 of that: in all k·eps/5, here 10 times that. And
        # each product, of size up to 10, is rounded once.
        atol = np.finfo(dtype).eps * (2 * k + 10)
        np.testing.assert_allclose(c, exact, rtol=0, atol=atol, err_msg=f"{m} x {k} x {n}")


needs_amx = pytest.mark.skipif("amx" not in _core.available_isas(), reason="needs AMX")


@needs_amx
@pytest.mark.parametrize("transposed", [False, True])
def test_products_in_pieces_of_every_shape(transposed):
    """Panels and tiles that are whole or not, several blocks of k and of columns; as exact as products of floats."""
    rng = np.random.default_rng(0)
    shapes = [
        (m, k, n) for m in (1, 15, 16, 17, 32, 47, 80) for k in (1, 31, 32, 33, 100) for n in (1, 16, 33, 64, 100)
    ]
    shapes += [(40, 1000, 70), (33, 300, 900), (70, 384, 64), (70, 385, 64)]
    shapes += [(m, 33, n) for m in (17, 32, 47) for n in (256, 257, 300, 520)]  # several panels
    for m, k, n in shapes:
        a = rng.normal(size=(k, m) if transposed else (m, k)).astype(np.float32)
        b = rng.normal(size=(k, n)).astype(np.float32)
        exact = (a.T if transposed else a).astype(np.float64) @ b.astype(np.float64)
        c = _core.product(a, b, transposed, "amx", True)
        atol = np.finfo(np.float32).eps * (2 * k + 10)  # as test_products_of_every_shape
        np.testing.assert_allclose(c, exact, rtol=0, atol=atol, err_msg=f"{m} x {k} x {n}")


@needs_amx
def test_pieces_keep_all_digits_of_a_float():
    """Single products, of floats whose 24 digits all count: what is left out is below 2⁻²⁴ of them."""
    rng = np.random.default_rng(0)
    a = np.diag(rng.uniform(1, 2, 32)).astype(np.float32)
    b = rng.uniform(-2, 2, (32, 32)).astype(np.float32) * 2.0 ** rng.integers(-60, 60, (32, 32)).astype(np.float32)
    exact = np.diag(a).astype(np.float64)[:, None] * b
    np.testing.assert_allclose(_core.product(a, b, False, "amx", True), exact, rtol=np.finfo(np.float32).eps)


@needs_amx
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_shows_in_products_in_pieces(value):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40, 40)).astype(np.float32)
    a[3, 5] = value
    assert np.isnan(_core.product(a, b, False, "amx", True)[3]).all()
    assert np.isfinite(np.delete(_core.product(a, b, False, "amx", True), 3, axis=0)).all()


@needs_amx
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_wide_networks_use_the_matrix_unit(activation):
    """They learn the same as by vectors, to rounding, but not with the same bits; narrow ones with the same bits."""
    x = np.random.default_rng(0).normal(size=(400, 96)).astype(np.float32)
    y = np.tanh(x[:, :40])

    def trained(isa, width):
        layers = [fastbp.Dense(width, activation), fastbp.Dense(width, activation), fastbp.Dense(40)]
        model = fastbp.Sequential([fastbp.Input((96,)), *layers], seed=0)
        model._isa = isa
        model._rebuild()
        model.compile(fastbp.SGD(0.1, momentum=0.5), "mse")
        model.fit(x, y, batch_size=128, epochs=3, verbose=0)
        return np.concatenate([w.ravel() for w in model.get_weights()]), model.predict(x)

    for width, same in ((20, True), (256, False)):
        (w, out), (w_amx, out_amx) = trained("avx512", width), trained("amx", width)
        assert np.array_equal(w, w_amx) == np.array_equal(out, out_amx) == same
        np.testing.assert_allclose(
            w_amx, w, rtol=0, atol=2e-6
        )  # 12 steps; the rounding of weights up to 0.25 is 1.5e-8
        np.testing.assert_allclose(out_amx, out, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("isa", _core.available_isas())
def test_transpositions_of_every_shape(isa, dtype):
    sizes = (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 40)
    for rows in sizes:
        for cols in sizes:
            wide = np.arange(rows * (cols + 3), dtype=dtype).reshape(rows, cols + 3)
            x = wide[:, 1 : cols + 1]  # rows apart
            np.testing.assert_array_equal(_core.transpose(x, isa), x.T, err_msg=f"{rows} x {cols}")
