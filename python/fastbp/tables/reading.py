"""Tables from files: CSV and Parquet by pyarrow, npz by NumPy alone."""

import importlib
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.tables.dates import DAY, shown

Array = npt.NDArray[Any]
Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Column:
    """One column: its kind, its values (n), and which of them are missing (n).

    The kind is "number" (float64, NaN where missing), "boolean" (the same, of 0 and 1), "date" (the same, of seconds
    since 1970-01-01 in UTC; of a time without a date since midnight), "text" (str) or, for what no network takes, the
    name of what it holds, without values.

    >>> Column.of([True, False]).kind
    'boolean'
    """

    kind: str
    values: Array
    missing: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, values: npt.ArrayLike) -> "Column":
        """The column of some numbers, truths, dates (datetime64) or strings; NaN, NaT, "" and None are missing.

        >>> Column.of(["a", None]).missing.tolist()
        [False, True]
        """
        array = np.asarray(values)
        if array.dtype.kind == "b":
            return cls("boolean", array.astype(np.float64), np.zeros(len(array), bool))
        if array.dtype.kind in "iuf":
            return cls("number", array.astype(np.float64), np.isnan(array))
        if array.dtype.kind == "M":
            missing = np.isnat(array)
            milliseconds = array.astype("datetime64[ms]").astype(np.int64)
            return cls("date", np.where(missing, np.nan, milliseconds / 1000.0), missing)
        if array.dtype.kind in "UO" and all(value is None or isinstance(value, str) for value in array.tolist()):
            texts = _objects([value or "" for value in array.tolist()])
            return cls("text", texts, np.asarray([text == "" for text in texts]))
        return cls(str(array.dtype), np.empty(0), np.zeros(len(array), bool))

    def take(self, rows: Array) -> "Column":
        """The column of some rows."""
        return Column(self.kind, self.values[rows] if len(self.values) else self.values, self.missing[rows])

    def as_text(self) -> Array:
        """The values as str: whole numbers without a point, truths as "true" and "false", dates as ISO 8601 has them;
        "" where missing.
        """
        if self.kind == "text":
            return self.values
        forms: dict[str, Callable[[float], str]] = {
            "boolean": lambda v: str(v > 0).lower(),
            "number": "{:.15g}".format,
            "date": shown,
        }
        distinct, places = np.unique(self.values, return_inverse=True)
        return _objects(["" if np.isnan(v) else forms[self.kind](v) for v in distinct])[places]


def _objects(texts: list[str]) -> Array:
    """Texts as an array of pointers to them: one long text does not make all as long."""
    array: Array = np.empty(len(texts), object)
    array[:] = texts
    return array


PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
Table = dict[str, Column]  # by name, in the order of the file


def _pyarrow(name: str) -> Any:
    try:
        return importlib.import_module(f"pyarrow.{name}")
    except ImportError as error:
        raise ImportError("tables in CSV and Parquet need pyarrow: pip install 'fastbp[data]'") from error


def _from_arrow(path: str, table: Any) -> Table:
    import pyarrow

    types = pyarrow.types
    columns: Table = {}
    for name, chunks in zip(table.column_names, table.columns, strict=True):
        kind = chunks.type.value_type if types.is_dictionary(chunks.type) else chunks.type
        missing = chunks.is_null(nan_is_null=True).to_numpy()
        if types.is_boolean(kind) or types.is_null(kind) or types.is_integer(kind) or types.is_floating(kind):
            values = np.array(chunks.cast(pyarrow.float64(), safe=False).to_numpy())
            values[missing] = np.nan
            column = Column("boolean" if types.is_boolean(kind) else "number", values, missing)
        elif types.is_decimal(kind):
            column = Column("number", chunks.cast(pyarrow.float64()).to_numpy(), missing)
        elif types.is_temporal(kind) and not types.is_duration(kind) and not types.is_interval(kind):
            whole = pyarrow.int32() if kind.bit_width == 32 else pyarrow.int64()
            numbers = chunks.cast(kind).cast(whole).fill_null(0).to_numpy()
            seconds = numbers * DAY if types.is_date32(kind) else numbers / PER_SECOND[getattr(kind, "unit", "ms")]
            column = Column("date", np.where(missing, np.nan, seconds), missing)
        elif types.is_string(kind) or types.is_large_string(kind):
            column = Column.of(_objects(chunks.to_pylist()))
        elif types.is_binary(kind):
            raise ValueError(f"column {name!r} is not UTF-8 text")
        else:
            column = Column(str(kind), np.empty(0), missing)
        columns[name] = column
    return columns


def _read_csv(path: str, text: Collection[str], separator: str) -> Table:
    csv = _pyarrow("csv")
    import pyarrow

    table = csv.read_csv(
        path,
        read_options=csv.ReadOptions(use_threads=False),  # else errors do not tell the row
        parse_options=csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            strings_can_be_null=True, column_types={name: pyarrow.string() for name in text}
        ),
    )
    _require_distinct(table.column_names)
    return _from_arrow(path, table)


def _read_parquet(path: str, text: Collection[str], separator: str) -> Table:
    table = _pyarrow("parquet").read_table(path)
    _require_distinct(table.column_names)
    return _from_arrow(path, table)


def _read_npz(path: str, text: Collection[str], separator: str) -> Table:
    columns: Table = {}
    with np.load(path, allow_pickle=False) as arrays:
        if not hasattr(arrays, "files"):
            raise ValueError("holds one array; expected an npz archive with an array for each column")
        for name in arrays.files:
            array = arrays[name]
            if array.ndim not in (1, 2):
                raise ValueError(f"array {name!r} has {array.ndim} dimensions; expected 1, or 2: (rows, columns)")
            parts = {name: array} if array.ndim == 1 else {f"{name}{i}": part for i, part in enumerate(array.T)}
            _require_distinct([*columns, *parts])
            columns |= {part: Column.of(values) for part, values in parts.items()}
    return columns


READERS: dict[str, Callable[[str, Collection[str], str], Table]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npz": _read_npz,
}


def _require_distinct(names: list[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(f"two columns are called {name!r}; expected different names")


def read_table(path: Path, text: Collection[str] = (), separator: str = ",") -> Table:
    """The columns of a file, by name.

    Args:
        path: ending in ".csv" (with a line of names), ".parquet", or ".npz": an array (rows,) for each column, or
            (rows, columns) for several, which are named by the array's name and a number from 0.
        text: names of columns to be read as text, whatever they look like: "007" stays so.
        separator: what stands between the values of a CSV.

    Empty fields, NaN and the like ("NA", "null") are missing. What a CSV writes as 2024-05-17, 2024-05-17 08:30,
    2024-05-17T08:30:00Z or 08:30 are dates.

    Raises:
        ImportError: for CSV and Parquet without pyarrow: ``pip install 'fastbp[data]'``.
        OSError: if the file cannot be read.
        ValueError: naming the file, and row and column where they are known, if it is no table.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "t.npz")
    ...     np.savez(path, age=[3.0, np.nan], name=["Tom", "Eve"])
    ...     table = read_table(path)
    >>> [(name, column.kind, column.missing.sum().item()) for name, column in table.items()]
    [('age', 'number', 1), ('name', 'text', 0)]
    """
    name = os.fspath(path)
    ending = os.path.splitext(name)[1].lower()
    if ending not in READERS:
        raise ValueError(f"{name}: unknown ending of a table {ending!r}. Known: {', '.join(READERS)}")
    if len(separator) != 1:
        raise ValueError(f"separator must be one character; got {separator!r}")
    with open(name, "rb"):  # all readers then say alike that there is no such file
        pass
    try:
        table = READERS[ending](name, text, separator)
    except ImportError:
        raise
    except UnicodeDecodeError:
        raise ValueError(f"{name}: the names of the columns are not UTF-8 text") from None
    except Exception as error:  # readers of files have errors of many kinds
        raise ValueError(f"{name}: {error or type(error).__name__}") from None
    sizes = {column: len(values.missing) for column, values in table.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"{name}: columns must have as many rows; got {sizes}")
    if not any(sizes.values()):
        raise ValueError(f"{name}: has no rows")
    return table
