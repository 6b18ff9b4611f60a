"""The command line: the demo learns, the rest explains itself."""

import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import fastbp
from fastbp import cli, demo


def test_demo_learns_the_digits_as_plain_numpy_does(capsys):
    accuracy = demo.main()
    printed = capsys.readouterr().out
    assert accuracy >= 0.97
    assert f"Test accuracy: {accuracy:.1%}" in printed
    assert "█" in printed
    fast, plain = map(float, re.search(r"µs a step +([\d.]+) +([\d.]+)", printed).groups())
    assert fast > 0
    assert plain > 0
    losses = re.search(r"last epoch's loss +([\d.]+) +([\d.]+)", printed).groups()
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=0.05)  # 1800 steps of float32 drift a little apart
    assert float(re.search(r"differs by more than ([\de.+-]+)\.", printed).group(1)) < 0.05


def test_python_dash_m_is_the_command():
    result = subprocess.run([sys.executable, "-m", "fastbp", "info"], capture_output=True, text=True, check=True)
    assert "chosen" in result.stdout
    assert result.stderr == ""


def test_info_is_show_config(capsys):
    assert cli.main(["info"]) == 0
    printed = capsys.readouterr().out
    fastbp.show_config()
    assert printed == capsys.readouterr().out


def made(**settings):
    stack = [fastbp.Input((3,)), fastbp.Dense(2, "tanh", name="first"), fastbp.Dense(1)]
    return fastbp.Sequential(stack, seed=0, **settings)


def test_inspect_shows_the_layers(tmp_path, capsys):
    path, model = tmp_path / "m.safetensors", made()
    model.compile("adam", "mse")
    model.save(path)
    assert cli.main(["inspect", str(path)]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == f"{path}: fastbp, {path.stat().st_size:,} bytes"
    lines = []
    model.summary(lines.append)
    assert rest == lines[0].splitlines()


def test_inspect_shows_weights_alone(tmp_path, capsys):
    path = tmp_path / "w.safetensors"
    made(dtype="float64").save_weights(path)
    cli.main(["inspect", str(path)])
    assert sorted(capsys.readouterr().out.splitlines()[1:]) == [
        "0/first/bias (2,) float64",
        "0/first/kernel (3, 2) float64",
        "1/dense/bias (1,) float64",
        "1/dense/kernel (2, 1) float64",
    ]


def test_convert_to_onnx_and_back(tmp_path, capsys):
    pytest.importorskip("onnx")
    model, paths = made(), [str(tmp_path / name) for name in ("a.safetensors", "b.onnx", "c.safetensors")]
    model.save(paths[0])
    for source, target in pairwise(paths):
        assert cli.main(["convert", source, target]) == 0
    back = fastbp.load_model(paths[2])
    assert back.get_config() == model.get_config()
    assert all((a == b).all() for a, b in zip(back.weights, model.weights, strict=True))
    assert cli.main(["inspect", paths[1]]) == 0
    assert "ONNX" in capsys.readouterr().out


def test_convert_to_c(tmp_path):
    source, target = str(tmp_path / "a.safetensors"), tmp_path / "a.c"
    made().save(source)
    assert cli.main(["convert", source, str(target)]) == 0
    assert "_predict(const float *restrict x, float *restrict y)" in target.read_text()


def test_explain_writes_the_example(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["explain"]) == 0
    assert "Backpropagation in relu_example" in (tmp_path / "trace.html").read_text("utf-8")
    expected = "<Trace of relu_example: 1 sample, loss 9 to 5.61121>\nis in trace.html: open it in a browser\n"
    assert capsys.readouterr().out == expected


def test_explain_shows_a_row_of_a_file(tmp_path):
    model = made(name="mine")
    model.compile("adam", "mse")
    x, y = np.arange(12.0).reshape(4, 3), np.arange(4.0)
    model.train_on_batch(x, y)
    model.save(tmp_path / "m.safetensors")
    np.savez(tmp_path / "d.npz", x=x, y=y)
    out = tmp_path / "page.html"
    arguments = [str(tmp_path / "m.safetensors"), str(tmp_path / "d.npz"), "--row", "3", "--out", str(out)]
    assert cli.main(["explain", *arguments]) == 0
    text = out.read_text("utf-8")
    assert "Backpropagation in mine" in text
    assert '"values":[[9,10,11]]' in text
    assert '"targets":[[3]]' in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.safetensors", "d.npz"], "No such file"),
        (["m.safetensors"], "explain needs data with a model"),
        (["m.safetensors", "none.npz"], "No such file"),
        (["m.safetensors", "d.npz", "--row", "4"], r"d.npz has 4 rows; expected a row from 0 to 3; got 4"),
        (["m.safetensors", "d.npz", "--row", "-1"], r"expected a row from 0 to 3; got -1"),
        (["m.safetensors", "x.npz"], r"x.npz has no y; there are: x"),
        (["m.safetensors", "short.npz"], r"x has shape \(4, 3\) and y \(3,\); expected as many rows"),
        (["m.safetensors", "a.npy"], "a.npy is no .npz file with arrays x and y"),
        (["m.safetensors", "text.npz"], "text.npz is no .npz file with arrays x and y"),
        (["m.safetensors", "objects.npz"], "objects.npz is no .npz file with arrays x and y"),
        (["bare.safetensors", "d.npz"], "not compiled"),
        (["d.npz", "d.npz"], "is not a whole safetensors file"),
        (["m.safetensors", "wide.npz"], "wide.npz: x has 5 columns; the network expects 3"),
        (["m.safetensors", "words.npz"], "words.npz: x has dtype <U1; expected real numbers"),
        (
            ["m.safetensors", "d.npz", "--out", "none/page.html"],
            r"\[Errno 2\] No such file or directory: 'none/page.html'$",
        ),
        (["m.safetensors", "d.npz", "--out", "folder"], r"\[Errno 21\] Is a directory: 'folder'$"),
    ],
)
def test_explain_says_what_is_wrong(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = made()
    model.save("bare.safetensors")
    model.compile("sgd", "mse")
    model.save("m.safetensors")
    x, y = np.zeros((4, 3)), np.zeros(4)
    np.savez("d.npz", x=x, y=y)
    np.savez("x.npz", x=x)
    np.savez("short.npz", x=x, y=y[:3])
    np.savez("objects.npz", x=np.array([{}]), y=[1.0])
    np.savez("wide.npz", x=np.zeros((4, 5)), y=y)
    np.savez("words.npz", x=np.array([["a"]]), y=[1.0])
    (tmp_path / "folder").mkdir()
    np.save("a.npy", x)
    (tmp_path / "text.npz").write_text("x, y")
    with pytest.raises(SystemExit) as exit_:
        cli.main(["explain", *arguments])
    assert exit_.value.code == 1
    assert re.match(f"fastbp: .*({message})", capsys.readouterr().err)
    assert not (tmp_path / "trace.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "m.h5"], r"unknown ending of a file to read '.h5'.*Known: .keras, .onnx, .safetensors"),
        (["inspect", "none.safetensors"], "No such file"),
        (["convert", "a.safetensors", "b.keras"], r"unknown ending of a file to write '.keras'"),
        (["convert", "a.npz", "b.safetensors"], "unknown ending of a file to read"),
    ],
)
def test_files_that_cannot_be_read_end_with_a_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 1
    error = capsys.readouterr().err
    assert re.match(f"fastbp: .*{message}", error)
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["inspect"],
        ["convert", "m.onnx"],
        ["demo", "--epochs", "0"],
        ["demo", "--epochs", "x"],
    ],
)
def test_bad_arguments_exit_with_a_usage_line(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    assert "usage: fastbp" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"fastbp {fastbp.__version__}\n"
