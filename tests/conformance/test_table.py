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


def table() -> dict[Cell, str]:
    """What the page has in each cell."""
    lines = [line for line in _PAGE.read_text().splitlines() if line.startswith("|")]
    rows = [[text.strip() for text in line.strip("|").split("|")] for line in lines]
    start = rows.index(["node", *COLUMNS]) + 2
    found = {row[0]: row[1:] for row in rows[start : start + len(ROWS)]}
    assert tuple(found) == ROWS
    return {(row, column): text for row in ROWS for column, text in zip(COLUMNS, found[row], strict=True)}


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


def test_every_mark_leads_to_a_case_and_every_case_has_its_mark() -> None:
    said = {
        (cell, (_PAGE.parent / link).resolve())
        for cell, text in table().items()
        for link in re.findall(r"\[✓\]\((.+?)\)", text)
    }
    assert said == set(cases())


def test_every_other_cell_says_why_it_makes_no_sense() -> None:
    page = _PAGE.read_text()
    for cell, text in table().items():
        if "✓" in text or text == "·":
            continue
        footnote = re.fullmatch(r"–(\[\^[\w-]+\])", text)
        assert footnote, f"{cell}: {text!r} is neither a mark nor a dash with a footnote"
        assert f"\n{footnote[1]}: " in page, f"{cell}: there is no footnote {footnote[1]}"
