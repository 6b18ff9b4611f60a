"""How a number came about, in words and in numbers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Derivation", "Line", "add_up", "shown"]

Token = str | float  # an operator or a word, or a number
TERMS = 5  # of a long sum that are shown one by one


def shown(value: float) -> str:
    """A number with six digits at most, as all texts have it.

    >>> shown(1 / 3), shown(-2.0), shown(1e-9)
    ('0.333333', '−2', '1e−09')
    """
    return f"{value:.6g}".replace("-", "−")


def _text(tokens: Iterable[Token]) -> str:
    """Tokens as a formula; a negative number that is not the first stands in brackets."""
    words: list[str] = []
    for token in tokens:
        word = token if isinstance(token, str) else shown(token)
        bare = isinstance(token, str) or not word.startswith("−") or not words or words[-1] == "("
        words.append(word if bare else f"({word})")
    return " ".join(words).replace("( ", "(").replace(" )", ")").replace("√ ", "√").replace(" ²", "²")


@dataclass(frozen=True)
class Line:
    """One step of a derivation: left = symbols = numbers = value. Without a left side, a remark.

    >>> print(Line.of("new weight", "weight - rate * slope", {"weight": 2, "rate": 0.01, "slope": 36}, 1.64))
    new weight = weight - rate * slope = 2 - 0.01 * 36 = 1.64
    """

    left: str
    symbols: tuple[Token, ...] = ()
    numbers: tuple[Token, ...] = ()
    value: float | None = None
    remark: str = ""

    @classmethod
    def of(cls, left: str, rule: str, known: Mapping[str, float], value: float, remark: str = "") -> "Line":
        """From a formula, words divided by spaces, and what its words stand for."""
        symbols = [word.replace("_", " ") for word in rule.split()]
        numbers = [float(known[word]) if word in known else word for word in rule.split()]
        return cls(left, tuple(symbols), tuple(numbers), float(value), remark)

    def __str__(self) -> str:
        if not self.left:
            return self.remark
        value = shown(self.value or 0.0)
        sides = [self.left, _text(self.symbols), _text(self.numbers), value]
        text = " = ".join(side for i, side in enumerate(sides) if side and (i == 3 or side != value))
        return f"{text} ({self.remark})" if self.remark else text


@dataclass
class Derivation:
    """How a number came about: a title and lines. Printed, it is text.

    >>> Derivation("the error", [Line.of("error", "prediction - target", {"prediction": 7, "target": 4}, 3)])
    the error
      error = prediction - target = 7 - 4 = 3
    """

    title: str
    lines: list[Line] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"  {line}" for line in self.lines)])

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON: lines as (left, symbols, numbers, value, remark)."""
        rows = [[line.left, [*line.symbols], [*line.numbers], line.value, line.remark] for line in self.lines]
        return {"title": self.title, "lines": rows}


def add_up(terms: Sequence[tuple[float, ...]]) -> tuple[Token, ...]:
    """A sum of products, term by term; of a long one the greatest terms in their order, and the rest as one number.

    >>> _text(add_up([(6.0, 1.0), (2.0, -3.0)]))
    '6 × 1 + 2 × (−3)'
    >>> _text(add_up([(1.0, 9.0)] * 5 + [(1.0, 1.0), (1.0, 2.0)]))
    '1 × 9 + 1 × 9 + 1 × 9 + 1 × 9 + 1 × 9 + 3'
    """
    sizes = [math.prod(map(float, term)) for term in terms]
    kept = set(range(len(terms)))
    if len(terms) > TERMS + 1:
        kept = set(sorted(kept, key=lambda i: -abs(sizes[i]))[:TERMS])
    tokens: list[Token] = []
    for i in sorted(kept):
        tokens += ["+"] * bool(tokens)
        for factor, value in enumerate(terms[i]):
            tokens += [*(["×"] if factor else []), float(value)]
    if len(kept) < len(terms):
        tokens += ["+", float(sum(size for i, size in enumerate(sizes) if i not in kept))]
    return tuple(tokens)
