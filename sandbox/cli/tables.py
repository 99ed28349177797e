"""Tables in plain characters, as flytectl prints them; a cell that is too long for the terminal is folded."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

_LEAST = 12
"""No column is folded below this many characters."""


def render(headers: Sequence[str], rows: Sequence[Sequence[str]], *, width: int) -> str:
    """The table, without a line break at its end."""
    widths = _widths(headers, rows, width)
    rule = " " + " ".join("-" * (size + 2) for size in widths) + " "
    lines = [rule, _row([header.upper() for header in headers], widths), rule]
    for row in rows:
        lines += [_row(part, widths) for part in _folded(row, widths)]
    lines.append(rule)
    return "\n".join(lines)


def fitting(headers: Sequence[str], rows: Sequence[Sequence[str]], *, width: int, least: int) -> str:
    """A table with as many columns as fit, `least` of them at least: the last ones are missed least."""
    for columns in range(len(headers), least, -1):
        text = render(headers[:columns], [row[:columns] for row in rows], width=10_000)
        if text.index("\n") <= width:
            return text
    return render(headers[:least], [row[:least] for row in rows], width=width)


def _widths(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    widths = [
        max(len(text) for text in column) for column in zip(headers, *rows, strict=True)
    ]  # of the widest cell
    room = width - 3 * len(widths) - 1
    while sum(widths) > room:
        widest = max(range(len(widths)), key=lambda index: widths[index])
        if widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
    return widths


def _folded(row: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    columns = [
        textwrap.wrap(text, size, break_long_words=True) or [""]
        for text, size in zip(row, widths, strict=True)
    ]
    height = max(len(column) for column in columns)
    return [[column[index] if index < len(column) else "" for column in columns] for index in range(height)]


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(f"{text:<{size}}" for text, size in zip(cells, widths, strict=True)) + " |"
