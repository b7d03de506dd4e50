"""Charts of metrics: small ones of text for a terminal, SVG, and PNG with Pillow."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from gitstore.errors import GitstoreError
from gitstore.text import harmless

COLUMNS, ROWS = 60, 6
_BLOCKS = " ▁▂▃▄▅▆▇█"

WIDTH, PANEL = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 30, 30

MOST_POINTS = 2000
"""The most points of a line that are drawn: more cannot be told apart."""

Points = Sequence[tuple[float, float]]

_T = TypeVar("_T")


class Line(NamedTuple):
    """A line through points in pixels. An axis is thinner and grey."""

    points: Sequence[tuple[float, float]]
    is_axis: bool


class Label(NamedTuple):
    """A text at a point in pixels: it begins there, or ends there."""

    x: float
    y: float
    text: str
    ends: bool


def draw_text(values: Sequence[float]) -> list[str]:
    """Return a chart of a series as lines of text, with its range at the left. Empty if nothing is finite."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return []
    low, high = min(finite), max(finite)
    heights = [_scale(value, low, high) for value in _thin(values, COLUMNS)]
    labels = [f"{high:.4g}", *[""] * (ROWS - 2), f"{low:.4g}"]
    margin = max(map(len, labels))
    return [
        f"{label:>{margin}} {''.join(_block(height, ROWS - 1 - row) for height in heights)}".rstrip()
        for row, label in enumerate(labels)
    ]


def write(path: Path, series: Mapping[str, Points]) -> None:
    """Write a chart with a panel for each series, of seconds and values. The suffix says which kind of file.

    Raises `GitstoreError` for another suffix than .svg and .png, and for .png without Pillow.
    """
    if path.suffix.lower() == ".svg":
        path.write_text(_make_svg(series), encoding="utf-8")
    elif path.suffix.lower() == ".png":
        _write_png(path, series)
    else:
        raise GitstoreError(f"{path} is neither an .svg nor a .png file", "write --plot loss.svg")


def _thin(values: Sequence[_T], count: int) -> list[_T]:
    """Return at most `count` of the values, evenly spread, the first and the last among them."""
    if len(values) <= count:
        return list(values)
    return [values[i * (len(values) - 1) // (count - 1)] for i in range(count)]


def _scale(value: float, low: float, high: float) -> float | None:
    """Return how many rows high a value is drawn; `None` if it is not finite."""
    if not math.isfinite(value):
        return None
    return 0.125 + (ROWS - 0.125) * ((value - low) / (high - low) if high > low else 0.5)


def _block(height: float | None, row: int) -> str:
    """Return the character of a column in a row, counted from the bottom."""
    if height is None:
        return " "
    return _BLOCKS[max(0, min(8, round((height - row) * 8)))]


def _lay_out(series: Mapping[str, Points]) -> Iterator[Line | Label]:
    """Yield the lines and labels of all panels."""
    for number, (name, points) in enumerate(series.items()):
        top, bottom = number * PANEL + _TOP, (number + 1) * PANEL - _BOTTOM
        right = WIDTH - _RIGHT
        yield Line([(_LEFT, top), (_LEFT, bottom), (right, bottom)], is_axis=True)
        yield Label(_LEFT, top - 10, harmless(name), ends=False)
        finite = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        if not finite:
            continue
        (x_low, x_high), (y_low, y_high) = (
            (min(column), max(column)) for column in zip(*finite, strict=True)
        )
        yield Label(_LEFT - 6, top + 4, f"{y_high:.4g}", ends=True)
        yield Label(_LEFT - 6, bottom, f"{y_low:.4g}", ends=True)
        yield Label(_LEFT, bottom + 16, f"{x_low:.4g} s", ends=False)
        yield Label(right, bottom + 16, f"{x_high:.4g} s", ends=True)
        yield Line(
            [
                (
                    _place(x, x_low, x_high, start=_LEFT, end=right),
                    _place(y, y_low, y_high, start=bottom, end=top),
                )
                for x, y in _thin(finite, MOST_POINTS)
            ],
            is_axis=False,
        )


def _place(value: float, low: float, high: float, *, start: float, end: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return start + share * (end - start)


def _make_svg(series: Mapping[str, Points]) -> str:
    height = PANEL * len(series)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for item in _lay_out(series):
        if isinstance(item, Line):
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in item.points)
            style = 'stroke="#999"' if item.is_axis else 'stroke="#1f6feb" stroke-width="1.5"'
            parts.append(f'<polyline points="{points}" fill="none" {style}/>')
        else:
            anchor = ' text-anchor="end"' if item.ends else ""
            text = html.escape(item.text, quote=False)
            parts.append(f'<text x="{item.x:.1f}" y="{item.y:.1f}"{anchor}>{text}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _write_png(path: Path, series: Mapping[str, Points]) -> None:
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise GitstoreError(
            f"{path} cannot be written: Pillow is not installed",
            "python -m pip install 'gitstore[media]' installs it; .svg files need nothing",
        ) from error
    image = Image.new("RGB", (WIDTH, PANEL * max(len(series), 1)), "white")
    draw = ImageDraw.Draw(image)
    for item in _lay_out(series):
        if isinstance(item, Line):
            colour, width = ("#999999", 1) if item.is_axis else ("#1f6feb", 2)
            draw.line([(x, y) for x, y in item.points], fill=colour, width=width)
        else:
            left = item.x - (draw.textlength(item.text) if item.ends else 0)
            draw.text((left, item.y - 10), item.text, fill="black")
    image.save(path, format="PNG")
