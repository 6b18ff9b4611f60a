"""One column as inputs of a network."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.tables import dates
from fastbp.tables.reading import Column

__all__ = ["KINDS", "Feature"]

Array = npt.NDArray[Any]
KINDS = {"number": "numbers", "boolean": "truths", "date": "dates", "category": "categories"}  # and more than one


@dataclass(frozen=True)
class Feature:
    """An input column: a number (a boolean is one, of 0 and 1), 0 and 1 for each category, or the parts of a date.

    ``fill`` stands for missing numbers. ``categories`` has None where missing values are a category of their own. Of a
    date ``parts`` are inputs, of which "days" is a number, counted from ``origin`` (seconds since 1970), and for which
    fill, mean and variance are.

    >>> Feature("when", "date", parts=["days", "weekday"]).width
    3
    """

    name: str
    kind: str  # one of KINDS
    fill: float = 0.0
    mean: float = 0.0
    variance: float = 1.0
    categories: list[str | None] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    origin: float = 0.0

    @classmethod
    def of(cls, name: str, column: Column, is_category: bool) -> "Feature | None":
        """How a column is encoded; None if it tells nothing."""
        if column.kind == "text" or is_category:
            counts = Counter(column.as_text().tolist())
            if len(counts) < 2:
                return None
            return cls(name, "category", categories=[*sorted(counts.keys() - {""}), *([None] if "" in counts else [])])
        known = column.values[~column.missing]
        if len(np.unique(known)) < 2:
            return None
        if column.kind == "date":
            origin = float(np.floor(known.min() / dates.DAY) * dates.DAY)
            return cls(name, "date", parts=dates.parts_that_vary(known), origin=origin)
        return cls(name, column.kind)

    @property
    def width(self) -> int:
        """How many inputs of the network it takes."""
        return {"category": len(self.categories), "date": dates.width_of(self.parts)}.get(self.kind, 1)

    @property
    def scales(self) -> list[tuple[float, float]]:
        """Mean and variance of each input; 0 and 1 where it is left as it is."""
        first = [(self.mean, self.variance)] * (self.kind != "category")
        return [*first, *[(0.0, 1.0)] * (self.width - len(first))]

    def fitted(self, column: Column, rows: Array) -> "Feature":
        """The same, with the median, mean and variance of the numbers in some rows."""
        known = column.values[rows][~column.missing[rows]]
        if self.kind == "category" or not len(known):
            return self
        values = (column.values[rows] - self.origin) / dates.DAY if self.kind == "date" else column.values[rows]
        fill = float(np.median(values[~column.missing[rows]]))
        if self.kind == "boolean":
            return replace(self, fill=float(fill >= 0.5))
        filled = np.where(column.missing[rows], fill, values)
        return replace(self, fill=fill, mean=float(filled.mean()), variance=float(filled.var()))

    def encode(self, column: Column, rows: Array) -> int:
        """Writes the column to rows (n, width); returns how many values were no known category."""
        if self.kind == "category":
            texts = column.as_text()
            distinct, places = np.unique(texts, return_inverse=True)
            known = {"" if category is None else category: i for i, category in enumerate(self.categories)}
            codes = np.array([known.get(text, -1) for text in distinct], int)[places]
            at = np.flatnonzero(codes >= 0)
            rows[at, codes[at]] = 1.0
            return len(codes) - len(at)
        values = self._values(column)
        bad = np.flatnonzero(np.isinf(values))
        if len(bad):
            raise ValueError(f"column {self.name!r} must be finite; data row {bad[0] + 1} is {values[bad[0]]}")
        rows[...] = dates.encoded(values, self.parts, self.origin) if self.kind == "date" else values[:, None]
        rows[column.missing, 0] = self.fill
        return 0

    def _values(self, column: Column) -> Array:
        """The numbers or dates of a column, NaN where missing; ValueError if it holds something else."""
        if column.missing.all():  # files do not tell then what a column is of
            return np.full(len(column.missing), np.nan)
        if column.kind == "text":
            first = int(np.flatnonzero(~column.missing)[0])
            raise ValueError(
                f"column {self.name!r} holds text ({column.values[first]!r} in data row {first + 1}); "
                f"expected {KINDS[self.kind]}"
            )
        if (column.kind == "date") != (self.kind == "date"):
            raise ValueError(f"column {self.name!r} holds {KINDS[column.kind]}; expected {KINDS[self.kind]}")
        return column.values
