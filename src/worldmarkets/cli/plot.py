"""A curve drawn in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # the bits of a braille cell, by row and column
_BLANK = 0x2800


def draw(values: Sequence[float], width: int = 60, height: int = 12) -> list[str]:
    """Return the lines of a drawing of `values` at even steps, highest on top, with zero as a dotted line.

    Shape: `height` lines of `width` characters.
    """
    columns, rows = 2 * width, 4 * height
    top, bottom = max(*values, 0.0), min(*values, 0.0)
    span = (top - bottom) or 1.0
    cells = [[0] * width for _ in range(height)]

    def dot(x: int, y: int) -> None:
        cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]

    def compute_row(value: float) -> int:
        return min(rows - 1, max(0, round((top - value) / span * (rows - 1))))

    for x in range(0, columns, 4):
        dot(x, compute_row(0.0))
    previous = compute_row(values[0])
    for x in range(columns):
        place = x * (len(values) - 1) / (columns - 1)
        left = min(int(place), len(values) - 2)
        y = compute_row(values[left] + (values[left + 1] - values[left]) * (place - left))
        for between in range(min(previous, y), max(previous, y) + 1):
            dot(x, between)
        previous = y
    return ["".join(chr(_BLANK | cell) for cell in line) for line in cells]
