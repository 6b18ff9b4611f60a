"""The command line: ``fastbp demo``, ``explain``, ``info``, ``inspect``, ``convert``; also ``python -m fastbp``."""

import argparse
from collections.abc import Sequence

from fastbp import __version__

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the arguments name; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="fastbp", description="Dense neural networks, trained by backpropagation on CPUs, fast."
    )
    parser.add_argument("--version", action="version", version=f"fastbp {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="learn handwritten digits, beside plain NumPy")
    demo.add_argument("--epochs", type=int, help="times through the data")
    explain = commands.add_parser("explain", help="a page that shows one step of training, number by number")
    explain.add_argument("model", nargs="?", help="ending in .safetensors; without it a small example is shown")
    explain.add_argument("data", nargs="?", help="an .npz file with x and y")
    explain.add_argument("--row", type=int, default=0, help="which row of the data, from 0")
    explain.add_argument("--out", default="trace.html", help="where the page goes (trace.html)")
    commands.add_parser("info", help="version, compiler, instruction sets, threads")
    inspect = commands.add_parser("inspect", help="the layers, shapes and weights in a file")
    inspect.add_argument("file", help="ending in .safetensors, .onnx or .keras")
    convert = commands.add_parser("convert", help="a model from one format to another")
    convert.add_argument("source", help="ending in .safetensors, .onnx or .keras")
    convert.add_argument("target", help="ending in .safetensors, .onnx, .c or .h")
    options = parser.parse_args(arguments)

    if options.command == "info":
        from fastbp.config import show_config

        show_config()
    elif options.command == "explain":
        if options.model is not None and options.data is None:
            parser.error("explain needs data with a model: fastbp explain MODEL.safetensors DATA.npz")
        from fastbp.tracing import worked
        from fastbp.tracing.files import explain_row

        try:
            example = options.model is None
            trace = worked.relu_example() if example else explain_row(options.model, options.data, options.row)
            trace.to_html(options.out)
        except (OSError, RuntimeError, ValueError) as error:
            parser.exit(1, f"fastbp: {error}\n")
        print(f"{trace!r}\nis in {options.out}: open it in a browser")
    elif options.command in ("inspect", "convert"):
        from fastbp.converters import files

        try:
            if options.command == "inspect":
                print(files.describe(options.file))
            else:
                files.convert(options.source, options.target)
        except (ImportError, OSError, ValueError) as error:
            parser.exit(1, f"fastbp: {error}\n")
    else:
        from fastbp import demo as digits_demo

        if options.epochs is not None and options.epochs < 1:
            parser.error(f"--epochs must be at least 1; got {options.epochs}")
        digits_demo.main(options.epochs or digits_demo.EPOCHS)
    return 0
