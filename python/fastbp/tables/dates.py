"""Dates as inputs of a network: days since a first one, and places in the year, the week and the day.

A date is a number of seconds since 1970-01-01, in UTC; in a table that names no time zone, by its own clock.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["DAY", "DAYS", "PARTS", "encoded", "parts_that_vary", "shown", "width_of"]

Array = npt.NDArray[np.float64]
DAY = 86400.0
DAYS = "days"  # the part that is a number; the others are places on a circle


def _month(seconds: Array) -> Array:
    return (np.floor(seconds).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12).astype(float)


def _weekday(seconds: Array) -> Array:
    return (np.floor(seconds / DAY) + 3.0) % 7.0  # 1970 began on a Thursday; Monday is 0


def _hour(seconds: Array) -> Array:
    return seconds % DAY / 3600.0


CYCLES: dict[str, tuple[Callable[[Array], Array], float]] = {
    "month": (_month, 12.0),
    "weekday": (_weekday, 7.0),
    "hour": (_hour, 24.0),
}
PARTS = (DAYS, *CYCLES)


def parts_that_vary(seconds: Array) -> list[str]:
    """What of some dates tells them apart; none if all are the same.

    >>> parts_that_vary(86400.0 * np.arange(7))
    ['days', 'weekday']
    """
    if len(np.unique(seconds)) < 2:
        return []
    return [DAYS, *(part for part, (place, _) in CYCLES.items() if len(np.unique(place(seconds))) > 1)]


def width_of(parts: list[str]) -> int:
    """How many inputs the parts take: one for days, a sine and a cosine for each other."""
    return sum(1 if part == DAYS else 2 for part in parts)


def encoded(seconds: Array, parts: list[str], origin: float) -> Array:
    """The inputs (n, width): days since the origin, and sin and cos of 2π·place/cycle, from 0 on January, Monday and
    midnight. Where a date is missing (NaN) the days are NaN, and sine and cosine 0, in the middle of the circle.

    >>> encoded(np.array([21600.0]), ["days", "hour"], 0.0).round(6).tolist()  # at six in the morning
    [[0.25, 1.0, 0.0]]
    """
    columns = []
    missing = np.isnan(seconds)
    known = np.where(missing, 0.0, seconds)
    for part in parts:
        if part == DAYS:
            columns.append((seconds - origin) / DAY)
            continue
        place, cycle = CYCLES[part]
        angle = 2.0 * np.pi / cycle * place(known)
        columns += [np.where(missing, 0.0, np.sin(angle)), np.where(missing, 0.0, np.cos(angle))]
    return np.stack(columns, axis=1)


def shown(seconds: float) -> str:
    """A date as ISO 8601 has it, with a time where that is not midnight.

    >>> shown(86400.0), shown(86400.0 + 3600.0)
    ('1970-01-02', '1970-01-02T01:00')
    """
    return str(np.datetime_as_string(np.datetime64(round(seconds * 1000), "ms"), unit="auto"))
