"""What a network's inputs and outputs are in a table: columns, encodings, classes."""

import json
import math
import os
import shlex
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _files
from fastbp.tables.dates import DAYS, PARTS
from fastbp.tables.feature import KINDS, Feature
from fastbp.tables.reading import Column, Table

Array = npt.NDArray[Any]

FORMAT = "fastbp-table"
VERSION = 1
TASKS = ("class", "number")
TAKEN = ("number", "boolean", "text", "date")  # kinds of columns that inputs can be made of
MOST_CLASSES_OF_NUMBERS = 10  # whole numbers with more values than that are amounts
STRAY = 0.2  # of the values of a column of numbers: up to that, texts in it are taken for mistakes
NAMED = 20  # columns that an error lists
MOST = 1e18  # the square of a float32 must be one


@dataclass(frozen=True)
class Schema:
    """How a table becomes a network's inputs (n, inputs) and targets (n,), and its outputs answers.

    >>> table = {"size": Column.of([1.0, 2.0, np.nan]), "kind": Column.of(["a", "b", "a"])}
    >>> schema, rows = Schema.of(table | {"y": Column.of(["no", "yes", "no"])}, "y")
    >>> schema.fitted(table, rows).encode(table)[0].tolist()
    [[1.0, 1.0, 0.0], [2.0, 0.0, 1.0], [1.5, 1.0, 0.0]]
    >>> schema.task, schema.classes
    ('class', ['no', 'yes'])
    """

    target: str
    task: str
    classes: list[str]
    features: list[Feature]

    @classmethod
    def of(
        cls,
        table: Table,
        target: str,
        *,
        task: str | None = None,
        drop: Collection[str] = (),
        categories: Collection[str] = (),
        max_categories: int = 64,
        say: Callable[[str], Any] = lambda line: None,
    ) -> tuple["Schema", Array]:
        """What a table's columns are, and the rows that have a target; ``fitted`` is still to come.

        Args:
            table: the columns.
            target: the name of the column to predict.
            task: "class" or "number"; else found: text, truths and up to 10 different whole numbers are classes.
            drop: names of columns to leave out.
            categories: names of columns of numbers that are categories.
            max_categories: the most that a column may have.
            say: is told of columns and rows that are left out.
        """
        for name in (target, *drop, *categories):
            _require_column(table, name)
        rows = np.flatnonzero(~table[target].missing)
        if len(rows) < len(table[target].missing):
            say(f"rows left out, for they have no {target!r}: {len(table[target].missing) - len(rows)}")
        if not len(rows):
            raise ValueError(f"column {target!r} has no values")
        kept = {name: column.take(rows) for name, column in table.items() if name not in drop or name == target}
        for name, column in kept.items():
            _require_clean(name, column, rows, name in categories or name == target)
            if column.kind == "number" and not _fine_enough(column.values[~column.missing]):
                say(f"column {name!r}: float32 hardly tells its values apart; subtract a number from all of them")
        task, classes = _target(target, kept.pop(target), task, rows)
        _require_encodable(kept, categories, max_categories)
        features = []
        for name, column in kept.items():
            feature = Feature.of(name, column, name in categories)
            if feature is None:
                say(f"column {name!r} has one value only and is left out")
            else:
                features.append(feature)
        if not features:
            raise ValueError(f"no columns are left to predict {target!r} from")
        return cls(target, task, classes, features), rows

    def fitted(self, table: Table, rows: Array) -> "Schema":
        """The same, with the median, mean and variance that each number has in some rows."""
        return replace(self, features=[feature.fitted(table[feature.name], rows) for feature in self.features])

    @property
    def inputs(self) -> int:
        """How many inputs the network has."""
        return sum(feature.width for feature in self.features)

    @property
    def outputs(self) -> int:
        """How many outputs the network has: one for a number, or one for each class."""
        return len(self.classes) or 1

    @property
    def text(self) -> list[str]:
        """The columns to read as text."""
        return [feature.name for feature in self.features if feature.kind == "category"]

    @property
    def mean(self) -> list[float]:
        """Of each input; 0 where it is left as it is: of categories, truths, and places on a circle."""
        return [mean for feature in self.features for mean, _ in feature.scales]

    @property
    def variance(self) -> list[float]:
        """Of each input; 1 where it is left as it is."""
        return [variance for feature in self.features for _, variance in feature.scales]

    def encode(self, table: Table) -> tuple[Array, list[str]]:
        """The inputs (n, inputs), and remarks on columns and values that were not there in training."""
        names = [feature.name for feature in self.features]
        lacking = [name for name in names if name not in table]
        if lacking:
            raise ValueError(f"no column {_listed(map(repr, lacking))}; there are: {_listed(table)}")
        remarks = []
        extra = [name for name in table if name not in names and name != self.target]
        if extra:
            remarks.append(f"columns that the model does not know are passed over: {_listed(extra)}")
        rows = np.zeros((len(table[names[0]].missing), self.inputs), np.float32)
        at = 0
        for feature in self.features:
            column = table[feature.name]
            if column.kind not in TAKEN:
                raise ValueError(f"column {feature.name!r} holds {column.kind}; expected {KINDS[feature.kind]}")
            unknown = feature.encode(column, rows[:, at : at + feature.width])
            if unknown:
                remarks.append(f"column {feature.name!r}: {unknown} values are no category that training had")
            at += feature.width
        return rows, remarks

    def targets(self, column: Column) -> Array:
        """The target as float64, or as the numbers of the classes; values must not be missing."""
        if not self.classes:
            if column.kind not in ("number", "boolean"):
                raise ValueError(
                    f"column {self.target!r} holds {KINDS.get(column.kind, column.kind)}; expected numbers"
                )
            return column.values
        numbers = {name: i for i, name in enumerate(self.classes)}
        texts = column.as_text()
        unknown = next((text for text in texts if text not in numbers), None)
        if unknown is not None:
            raise ValueError(f"column {self.target!r} holds {unknown!r}, none of the model's classes")
        return np.array([numbers[text] for text in texts], int)

    def save(self, path: _files.Path) -> None:
        """Writes it as JSON."""
        data = {"format": FORMAT, "version": VERSION, **asdict(self)}
        _files.replace(path, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())

    @classmethod
    def load(cls, path: _files.Path) -> "Schema":
        """Reads what ``save`` wrote; ValueError for anything else."""
        name = os.fspath(path)
        with open(name, "rb") as file:
            content = file.read()
        try:
            data = json.loads(content)
            if data.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT!r}")
            version = data.pop("version")
            if version != VERSION:
                raise ValueError(f"it has version {version!r} of the format; this fastbp reads {VERSION}")
            schema = cls(**data | {"features": [Feature(**feature) for feature in data["features"]]})
            if schema.task not in TASKS or (schema.task == "class") != bool(schema.classes):
                raise ValueError(f"task {schema.task!r} does not fit its classes")
            if not (schema.features and all(map(_is_whole, schema.features))):
                raise ValueError("its features are not whole")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{name} is not a schema that fastbp wrote: {error}") from None
        return schema


def _is_whole(feature: Feature) -> bool:
    numbers = (feature.fill, feature.mean, feature.variance, feature.origin)
    dated = [DAYS] if feature.kind == "date" else []  # the first part of every date
    if feature.parts[:1] != dated or not set(feature.parts) <= set(PARTS):
        return False
    return feature.kind in KINDS and feature.width > 0 and all(map(math.isfinite, numbers))


def _require_column(table: Table, name: str) -> None:
    if name not in table:
        hint = " (is another --separator needed?)" if len(table) == 1 else ""
        raise ValueError(f"no column {name!r}; there are: {_listed(table)}{hint}")


def _listed(names: Iterable[str]) -> str:
    """Names in a line; of many the first."""
    words = list(names)
    return ", ".join(words[:NAMED]) + (f", ... ({len(words)} in all)" if len(words) > NAMED else "")


def _require_clean(name: str, column: Column, rows: Array, may_be_mixed: bool) -> None:
    """ValueError that names the first value that is too large, or a text among numbers or dates; ``rows`` are the
    file's.
    """
    if column.kind == "number":
        bad = np.flatnonzero(np.abs(column.values) > MOST)
        if len(bad):
            value = column.values[bad[0]]
            raise ValueError(
                f"column {name!r} must be at most {MOST:g} in size; data row {rows[bad[0]] + 1} is {value}"
            )
    if column.kind == "text" and not may_be_mixed:
        known = np.flatnonzero(~column.missing)
        for kind, parse in (("number", float), ("date", datetime.fromisoformat)):
            texts = [text for text in column.values[known] if not _is_read_by(parse, text)]
            if texts and len(texts) <= STRAY * len(known):
                row = rows[column.values.tolist().index(texts[0])] + 1
                raise ValueError(
                    f"column {name!r} holds {KINDS[kind]}, but {texts[0]!r} in data row {row}; correct it, or name the "
                    "column in --categories if they are none"
                )


def _is_read_by(parse: Callable[[str], Any], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _fine_enough(values: Array) -> bool:
    """Whether float32 keeps at least three digits of how the values differ."""
    return (
        len(values) == 0 or values.std() == 0 or bool(values.std() > 1e3 * np.finfo(np.float32).eps * abs(values).max())
    )


def _target(name: str, column: Column, task: str | None, rows: Array) -> tuple[str, list[str]]:
    """The task, and the names of the classes."""
    if column.kind not in ("number", "boolean", "text"):
        held = KINDS.get(column.kind, column.kind)
        raise ValueError(f"column {name!r} holds {held}; a target must be numbers or classes")
    if column.kind == "number":
        whole = bool((column.values == np.floor(column.values)).all())
        few = whole and len(np.unique(column.values)) <= MOST_CLASSES_OF_NUMBERS
        task = task or ("class" if few else "number")
        if task == "class" and not whole:
            row = int(np.flatnonzero(column.values != np.floor(column.values))[0])
            raise ValueError(
                f"column {name!r} holds {column.values[row]} in data row {rows[row] + 1}; classes are whole"
            )
    task = task or "class"
    if task == "number":
        if column.kind == "text":
            raise ValueError(f"column {name!r} holds text ({column.values[0]!r}); task 'number' needs numbers")
        return task, []
    values = np.unique(column.values)  # numbers in the order of numbers
    classes = Column(column.kind, values, np.zeros(len(values), bool)).as_text().tolist()
    if len(classes) < 2:
        raise ValueError(f"column {name!r} has one class only, {classes[0]!r}; expected at least 2")
    if len(classes) > max(2, len(column.values) // 2):
        raise ValueError(
            f"column {name!r} has {len(classes)} classes in {len(column.values)} rows; expected several rows of each"
        )
    return task, classes


def _require_encodable(table: Table, categories: Collection[str], most: int) -> None:
    """ValueError that names all columns that must be dropped, for one would be reported after the other else."""
    bad = {}
    for name, column in table.items():
        if column.kind not in TAKEN:
            bad[name] = column.kind
        elif column.kind == "text" or name in categories:
            count = len(np.unique(column.as_text()))
            if count > most:
                bad[name] = f"{count} different texts"
    if bad:
        listed = ", ".join(f"{name} ({what})" for name, what in bad.items())
        raise ValueError(
            f"no inputs can be made of {listed}; leave them out (--drop {' '.join(map(shlex.quote, bad))}), "
            f"or allow more than {most} categories (--max-categories)"
        )
