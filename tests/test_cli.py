"""The command line: the demo learns, the rest explains itself."""

import re
import subprocess
import sys

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


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["demo", "--epochs", "0"], ["demo", "--epochs", "x"]])
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
