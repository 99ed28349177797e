"""A stream that people look at: colours where it is a terminal, text that fits its width. No dependencies."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Mapping
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Terminal:
    """Writes lines to a stream."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self.stream = stream
        self.live = stream.isatty() and environ.get("TERM") != "dumb"
        """Whether a line may be written over."""
        self.colours = (self.live or bool(environ.get("FORCE_COLOR"))) and not environ.get("NO_COLOR")
        self.unicode = (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"
        self.width = max(40, shutil.get_terminal_size((100, 24)).columns) if stream.isatty() else 10_000

    def style(self, text: str, *names: str) -> str:
        """The text with colours, or as it is."""
        if not self.colours:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"

    def symbol(self, fancy: str, plain: str) -> str:
        """A sign that not every terminal can show."""
        return fancy if self.unicode else plain

    def line(self, text: str = "") -> None:
        if not self.unicode:
            encoding = getattr(self.stream, "encoding", None) or "ascii"
            text = text.encode(encoding, "replace").decode(encoding)
        self.stream.write(text + "\n")
        self.stream.flush()

    def paragraph(self, label: str, text: str, *, indent: int) -> None:
        """Text behind a label of `indent` characters, wrapped; its own line breaks stay."""
        first = True
        for row in text.splitlines() or [""]:
            room = max(20, self.width - indent)
            pieces = textwrap.wrap(row, room, break_long_words=False, break_on_hyphens=False)  # --a-flag
            for piece in pieces or [""]:
                self.line((label if first else " " * indent) + piece)
                first = False

    def overwrite(self, text: str) -> None:
        """Show a passing line; the next line or `erase` replaces it. Only on a live terminal."""
        if self.live:
            self.stream.write("\r\x1b[2K" + text[: self.width - 1])
            self.stream.flush()

    def erase(self) -> None:
        if self.live:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
