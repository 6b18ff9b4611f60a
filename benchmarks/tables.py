"""Tables as text, and results as JSON."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.report import number


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Each column as wide as its widest cell; the first is set to the left, the others to the right."""
    lines = [list(columns), *([cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    first, *others = ("  ".join(map(aligned, range(len(widths)), widths, line)).rstrip() for line in lines)
    return "\n".join([first, "-" * len(first), *others])


def cell(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def aligned(column: int, width: int, text: str) -> str:
    return text.rjust(width) if column else text.ljust(width)


def about() -> str:
    """The machine in a line."""
    here = machine.about()
    return f"{here['cpu']}, {here['cores']} cores, {here['system']}, Python {here['python']}"


def write_json(file: Path, **found: Any) -> None:
    file.write_text(json.dumps({"machine": machine.about(), **found}, indent=2) + "\n")
