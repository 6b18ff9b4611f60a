"""Curves as SVG."""

import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 420, 230
LEFT, RIGHT, TOP, BOTTOM = 54, 10, 10, 34
COLOURS = 8  # of the style; then they come again, dashed
LOGARITHMIC_FROM = 30.0  # greatest over least


@dataclass(frozen=True)
class Series:
    """A curve: its name, and values over x; what is not finite leaves a gap."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    dashed: bool = False


def chart(title: str, series: Sequence[Series], across: str, marks: Sequence[float] = ()) -> str:
    """A figure of some curves; empty if there is no finite value.

    Args:
        title: what the values are.
        series: the curves.
        across: what x is.
        marks: values to draw lines at, and to have in the picture.
    """
    series = [each for each in series if any(map(math.isfinite, each.y))]
    values = [v for each in series for v in each.y if math.isfinite(v)]
    if not values:
        return ""
    logarithmic = min(values) > 0 and max(values) / min(values) > LOGARITHMIC_FROM
    along = [v for each in series for v in each.x]
    ends_x = (min(along), max(along)) if max(along) > min(along) else (along[0] - 0.5, along[0] + 0.5)
    marked = [*values, *marks]
    ticks_y = _log_ticks(min(marked), max(marked)) if logarithmic else _ticks(min(marked), max(marked))
    ends_y = (ticks_y[0], ticks_y[-1])
    if logarithmic:
        ends_y = (min(marked) / 1.2, max(marked) * 1.2)
        within = [tick for tick in ticks_y if ends_y[0] <= tick <= ends_y[1]]
        ticks_y, ends_y = (within, ends_y) if len(within) > 1 else (ticks_y, (ticks_y[0], ticks_y[-1]))

    def place_x(x: float) -> float:
        return LEFT + (x - ends_x[0]) / (ends_x[1] - ends_x[0]) * (WIDTH - LEFT - RIGHT)

    def place_y(y: float) -> float:
        low, high, y = (math.log(v) if logarithmic else v for v in (*ends_y, y))
        return HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = []
    for tick in ticks_y:
        at = f"{place_y(tick):.1f}"
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text class="end" x="{LEFT - 6}" y="{at}" dy="4">{number(tick)}</text>')
    for tick in (t for t in _ticks(*ends_x) if ends_x[0] <= t <= ends_x[1]):
        parts.append(f'<text class="middle" x="{place_x(tick):.1f}" y="{HEIGHT - BOTTOM + 16}">{number(tick)}</text>')
    parts.append(f'<text class="end" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}">{html.escape(across)}</text>')
    for mark in marks:
        at = f"{place_y(mark):.1f}"
        parts.append(f'<line class="mark" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>')
    legend = []
    for each in series:
        kind = f"c{each.colour % COLOURS}" + (" dashed" if each.dashed or each.colour >= COLOURS else "")
        for points in _pieces(each):
            path = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in points)
            if len(points) > 1:
                parts.append(f'<polyline class="{kind}" points="{path}"/>')
            else:
                x, _, y = path.partition(",")
                parts.append(f'<circle class="{kind}" cx="{x}" cy="{y}" r="3"/>')
        sample = f'<svg class="sample" viewBox="0 0 24 8" aria-hidden="true"><path class="{kind}" d="M0 4h24"/></svg>'
        legend.append(f"<li>{sample}{html.escape(each.name)}</li>")
    values_of = {
        "across": across,
        "series": [(s.name, [(_short(x), _short(y)) for x, y in zip(s.x, s.y, strict=True)]) for s in series],
        "places": [LEFT, WIDTH - RIGHT, *map(_short, ends_x)],
    }
    described = "; ".join(map(_described, series)) + f". Over the {across}s. Arrow keys read single values."
    return (
        f'<figure class="chart" data-chart="{html.escape(json.dumps(values_of))}"><figcaption>{html.escape(title)}'
        f"{' <small>logarithmic</small>' if logarithmic else ''}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" tabindex="0" '
        f'aria-label="{html.escape(f"{title}. {described}")}">{"".join(parts)}'
        f'<line class="cursor" y1="{TOP}" y2="{HEIGHT - BOTTOM}" hidden=""/></svg>'
        f'<ul class="legend">{"".join(legend)}</ul><output aria-live="polite"></output></figure>'
    )


def _described(series: Series) -> str:
    known = [(x, y) for x, y in zip(series.x, series.y, strict=True) if math.isfinite(y)]
    (_, first), (_, last) = known[0], known[-1]
    at, least = min(known, key=lambda point: point[1])
    return f"{series.name}: from {number(first)} to {number(last)}, least {number(least)} at {number(at)}"


def _pieces(series: Series) -> list[list[tuple[float, float]]]:
    """The points between one gap and the next."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(series.x, series.y, strict=True):
        if math.isfinite(y):
            pieces[-1].append((x, y))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _short(value: float) -> float | None:
    """For JSON, which has no NaN."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def number(value: float) -> str:
    """Three digits, without needless zeros.

    >>> number(0.1), number(1234.5), number(0.000012)
    ('0.1', '1230', '1.2e-5')
    """
    if value and not 1e-3 <= abs(value) < 1e5:
        digits, _, exponent = f"{value:.2e}".partition("e")
        return f"{float(digits):g}e{int(exponent)}"
    return f"{float(f'{value:.3g}'):g}"


def _ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers that lie around both ends."""
    spread = high - low or abs(low) or 1.0
    rough = spread / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def _log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Powers of ten that lie around both ends."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    step = -(-(last - first) // most)
    return [10.0**i for i in range(first, last + step, step)]
