"""The table in docs/compatibility.md says what the cases prove, no more and no less."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from tests.conformance import nodes
from tests.conformance.backends.embedded import Embedded
from tests.conformance.cells import COLUMNS, ROWS

_REPOSITORY = Path(__file__).parents[2]
_PAGE = _REPOSITORY / "docs" / "compatibility.md"
_MODULES = sorted(Path(nodes.__file__).parent.glob("test_*.py"))

Cell = tuple[str, str]


def table() -> dict[tuple[Cell, Path], str]:
    """What the page has in each cell, and the file that the row is linked to."""
    lines = [line for line in _PAGE.read_text().splitlines() if line.startswith("|")]
    rows = [[text.strip() for text in line.strip("|").split("|")] for line in lines]
    start = rows.index(["node", *COLUMNS]) + 2
    found: dict[tuple[Cell, Path], str] = {}
    for row, (head, *texts) in zip(ROWS, rows[start : start + len(ROWS)], strict=True):
        link = re.fullmatch(rf"\[{row}\]\((.+)\)", head)
        assert link, f"{head!r} should be the row {row!r}, as a link"
        path = (_PAGE.parent / link[1]).resolve()
        found |= {((row, column), path): text for column, text in zip(COLUMNS, texts, strict=True)}
    return found


def cases() -> Iterator[tuple[Cell, Path]]:
    """The cell of every case that the embedded sandbox runs, and the file that the case is in."""
    for path in _MODULES:
        module = importlib.import_module(f"{nodes.__name__}.{path.stem}")
        for name, function in vars(module).items():
            if not name.startswith("test_"):
                continue
            marks = [mark.kwargs for mark in getattr(function, "pytestmark", []) if mark.name == "case"]
            assert [mark["cell"] for mark in marks if mark["cell"]], f"{path.name}: {name} is in no cell"
            for mark in marks:
                if mark["needs"] in {None, *Embedded.capabilities}:
                    yield mark["cell"], path


def test_every_mark_stands_for_a_case_and_every_case_has_its_mark() -> None:
    assert {place for place, text in table().items() if text == "✓"} == set(cases())


def test_every_other_cell_says_why_it_makes_no_sense() -> None:
    page = _PAGE.read_text()
    for place, text in table().items():
        if text == "✓":
            continue
        footnote = re.fullmatch(r"–(\[\^[\w-]+\])", text)
        assert footnote, f"{place}: {text!r} is neither a mark nor a dash with a footnote"
        assert f"\n{footnote[1]}: " in page, f"{place}: there is no footnote {footnote[1]}"
