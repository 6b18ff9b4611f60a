"""A program in C: calls of functions that fill buffers on the stack, and the constants that they take."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def literal(number: float) -> str:
    """The shortest decimal that is the same float32.

    >>> literal(0.1), literal(1), literal(float("-inf"))
    ('0.1f', '1.0f', '-INFINITY')
    """
    with np.errstate(over="ignore"):
        rounded = np.float32(number)
    return f"{rounded!s}f" if np.isfinite(rounded) else str(rounded).replace("inf", "INFINITY")


def as_float32(numbers: npt.NDArray[np.floating], what: str) -> Array:
    """The numbers rounded; ValueError if one of them is not finite."""
    with np.errstate(over="ignore"):
        rounded = numbers.astype(np.float32)
    if not np.isfinite(rounded).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(rounded))[0])
        raise ValueError(f"{what} must be finite in float32; got {numbers[place]} at {place}")
    return rounded


@dataclass(frozen=True)
class Value:
    """What a step computes: an array that no other step changes. Number 0 is the sample."""

    number: int
    width: int


@dataclass(frozen=True)
class Step:
    """The call of a function. It makes ``result`` from nothing, or by changing ``source`` in place."""

    function: str
    result: Value
    source: Value | None
    arguments: tuple[Value | str, ...]


class Program:
    """Grows by a step with each call; gives each value a buffer at the end. ``@`` stands for the network's name.

    >>> program = Program(2)
    >>> doubled = program.make("copy", 2, program.sample)
    >>> body, stack = program.body(program.change("add", doubled, program.sample))
    >>> body
    ['@_copy(y, x, 2);', '@_add(y, x, 2);']
    """

    def __init__(self, inputs: int) -> None:
        self.sample = Value(0, inputs)
        self.steps: list[Step] = []
        self.constants: dict[str, Array] = {}
        self.scope = ""  # comes after the names of constants: the number of the layer they are of

    def constant(self, name: str, numbers: npt.NDArray[np.floating]) -> str:
        """The name of an array of constants."""
        unique = f"@_{name}{self.scope}"
        self.constants[unique] = as_float32(numbers, name)
        return unique

    def make(self, function: str, width: int, *arguments: Value | str) -> Value:
        """The value that ``function(result, *arguments, width)`` fills."""
        return self._append(function, width, None, (*arguments, str(width)))

    def change(self, function: str, source: Value, *arguments: Value | str) -> Value:
        """What ``function(source, *arguments, width)`` makes of ``source``."""
        return self._append(function, source.width, source, (*arguments, str(source.width)))

    def _append(self, function: str, width: int, source: Value | None, arguments: tuple[Value | str, ...]) -> Value:
        result = Value(len(self.steps) + 1, width)
        self.steps.append(Step(function, result, source, arguments))
        return result

    def body(self, outcome: Value) -> tuple[list[str], dict[str, int]]:
        """The calls by which y becomes ``outcome``, and the buffers on the stack with their widths."""
        if outcome == self.sample:
            outcome = self.make("copy", outcome.width, outcome)
        last = {value: i for i, step in enumerate(self.steps) for value in (step.source, *step.arguments)}

        def in_place(i: int) -> bool:
            """Whether nobody needs the source as it was."""
            source, arguments = self.steps[i].source, self.steps[i].arguments
            return source not in (None, self.sample, *arguments) and last[source] == i

        places = {self.sample: "x"}
        i = outcome.number - 1
        places[outcome] = "y"
        while in_place(i):
            source = self.steps[i].source
            assert source is not None
            places[source] = "y"
            i = source.number - 1

        widths: dict[str, int] = {}
        free: list[str] = []
        lines: list[str] = []
        for i, step in enumerate(self.steps):
            if step.source is not None and in_place(i):
                places[step.result] = places[step.source]
            else:
                if step.result not in places:
                    places[step.result] = free.pop() if free else f"t{len(widths)}"
                if step.source is not None:
                    lines.append(f"@_copy({places[step.result]}, {places[step.source]}, {step.source.width});")
            place = places[step.result]
            if place != "y":
                widths[place] = max(widths.get(place, 0), step.result.width)
            arguments = [places[a] if isinstance(a, Value) else a for a in step.arguments]
            lines.append(f"@_{step.function}({', '.join([place, *arguments])});")
            in_use = {place, *(at for value, at in places.items() if last.get(value, -1) > i)}
            free = sorted(widths.keys() - in_use, reverse=True)
        return lines, widths
