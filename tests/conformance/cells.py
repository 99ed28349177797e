"""The table of node kinds and of what may happen to them: its words, and the mark of a case's cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

ROWS = (
    "task",
    "subworkflow",
    "launch plan",
    "branch",
    "gate",
    "dynamic",
    "map task",
    "map of launch plans",
    "failure node",
    "eager",
    "reference",
    "imperative",
)
COLUMNS = ("happy", "retry", "fail", "abort", "recover", "cache")

Case = TypeVar("Case", bound=Callable[..., Any])


def case(*, cell: tuple[str, str] | None = None, needs: str | None = None) -> Callable[[Case], Case]:
    """A function that runs beside others. `needs` is a capability without which it is skipped.

    It takes `backend` and what it is parametrised with, and nothing else.
    """
    return pytest.mark.case(cell=cell, needs=needs)


def cell(row: str, column: str, *, needs: str | None = None) -> Callable[[Case], Case]:
    """A case that belongs into the table."""
    if row not in ROWS or column not in COLUMNS:
        raise ValueError(f"there is no cell ({row}, {column}); the words are {ROWS} and {COLUMNS}")
    return case(cell=(row, column), needs=needs)
