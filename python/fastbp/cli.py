"""The command line: ``fastbp demo``, ``explain``, ``info``, ``inspect``, ``convert``, ``train`` and ``predict``.

``python -m fastbp`` is the same. Commands import what they need, so that each starts quickly.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from fastbp import __version__

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the arguments name; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="fastbp", description="Dense neural networks, trained by backpropagation on CPUs, fast."
    )
    parser.add_argument("--version", action="version", version=f"fastbp {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (describe, text, run, failure) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        describe(command)
        command.set_defaults(run=run, failure=failure)
    options = vars(parser.parse_args(arguments))
    run, failure = options.pop("run"), options.pop("failure")
    del options["command"]
    try:
        run(**options)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        parser.exit(failure, f"fastbp: {' '.join(str(error).split())}\n")
    except KeyboardInterrupt:
        parser.exit(130, "fastbp: interrupted\n")
    return 0


def _whole(text: str, least: int = 1) -> int:
    value = int(text) if text.removeprefix("-").isdecimal() else least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}; got {text}")
    return value


def _whole_or_0(text: str) -> int:
    return _whole(text, least=0)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1; got {text}")
    return value


def _describe_demo(command: argparse.ArgumentParser) -> None:
    command.add_argument("--epochs", type=_whole, help="times through the data")
    command.add_argument("--html", metavar="DIR", help="a folder to leave a page on the training in")


def _demo(epochs: int | None, html: str | None) -> None:
    from fastbp import demo

    demo.main(epochs or demo.EPOCHS, html)


def _describe_explain(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", nargs="?", help="ending in .safetensors; without it a small example is shown")
    command.add_argument("data", nargs="?", help="an .npz file with x and y")
    command.add_argument("--row", type=int, default=0, help="which row of the data, from 0")
    command.add_argument("--out", default="trace.html", help="where the page goes (%(default)s)")


def _explain(model: str | None, data: str | None, row: int, out: str) -> None:
    from fastbp.tracing import worked
    from fastbp.tracing.files import explain_row

    if model is None:
        trace = worked.relu_example()
    elif data is None:
        raise ValueError("explain needs data with a model: fastbp explain MODEL.safetensors DATA.npz")
    else:
        trace = explain_row(model, data, row)
    trace.to_html(out)
    print(f"{trace!r}\nis in {out}: open it in a browser")


def _describe_info(command: argparse.ArgumentParser) -> None: ...


def _info() -> None:
    from fastbp.config import show_config

    show_config()


def _describe_inspect(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", help="ending in .safetensors, .onnx or .keras")


def _inspect(file: str) -> None:
    from fastbp.converters import files

    print(files.describe(file))


def _describe_convert(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", help="ending in .safetensors, .onnx or .keras")
    command.add_argument("target", help="ending in .safetensors, .onnx, .c or .h")


def _convert(source: str, target: str) -> None:
    from fastbp.converters import files

    files.convert(source, target)


def _describe_train(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", help="a table ending in .csv, .parquet or .npz")
    add = command.add_argument
    add("--target", required=True, metavar="COLUMN", help="the column to predict")
    add("--task", choices=["class", "number"], help="what it is; found by itself if not given")
    add("--out", metavar="DIR", help="the folder for the model; the name of the table and -model if not given")
    add("--hidden", type=_whole, nargs="*", default=[64, 32], metavar="N", help="units of the hidden layers (64 32)")
    add("--activation", default="relu", help="of the hidden layers (%(default)s)")
    add("--epochs", type=_whole, default=200, metavar="N", help="times through the data, at most (%(default)s)")
    add(
        "--patience",
        type=_whole_or_0,
        default=20,
        metavar="N",
        help="epochs without progress to stop after (%(default)s)",
    )
    add("--batch-size", type=_whole, default=32, metavar="N", help="rows a step (%(default)s)")
    add("--learning-rate", type=float, default=0.001, metavar="RATE", help="of Adam (%(default)s)")
    add(
        "--validation",
        type=_share,
        default=0.2,
        metavar="SHARE",
        help="the share of rows that is held out (%(default)s)",
    )
    add("--seed", type=_whole_or_0, default=0, metavar="N", help="fixes weights, shuffles and the split (%(default)s)")
    add("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    add("--categories", nargs="+", default=[], metavar="COLUMN", help="columns of numbers that are categories")
    add("--max-categories", type=_whole, default=64, metavar="N", help="the most that a column may have (%(default)s)")
    _add_separator(command)


def _add_separator(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--separator", default=",", metavar="CHARACTER", help="between the values of a CSV (%(default)s)"
    )


def _train(**options: Any) -> None:
    from fastbp.tables import command

    command.train(**options)


def _describe_predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", help="the folder that train left, or the model in it")
    command.add_argument("data", help="a table ending in .csv, .parquet or .npz")
    command.add_argument("--out", default="predictions.csv", metavar="FILE", help="the CSV to write")
    _add_separator(command)


def _predict(**options: Any) -> None:
    from fastbp.tables import command

    command.predict(**options)


COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str, Callable[..., None], int]] = {
    "demo": (_describe_demo, "learn handwritten digits, beside plain NumPy", _demo, 1),
    "explain": (_describe_explain, "a page that shows one step of training, number by number", _explain, 1),
    "info": (_describe_info, "version, compiler, instruction sets, threads", _info, 1),
    "inspect": (_describe_inspect, "the layers, shapes and weights in a file", _inspect, 1),
    "convert": (_describe_convert, "a model from one format to another", _convert, 1),
    "train": (_describe_train, "train on a table, and leave a model in a folder", _train, 2),
    "predict": (_describe_predict, "predictions of such a model for a table", _predict, 2),
}  # by name: what adds its arguments, what it does in words, what does it, the exit status for files that are no good
