"""What attempts printed, read from the process executor's files for the console."""

from __future__ import annotations

from pathlib import Path

from sandbox.console.logs import LogChunk
from sandbox.executors.process import attempts
from sandbox.idl.identifiers import AttemptKey


class AttemptLogs:
    """A `sandbox.console.logs.LogReader`. Every read opens the file anew: it may appear, grow and go at any
    time."""

    def __init__(self, tasks_root: Path) -> None:
        self._root = tasks_root

    def read(self, key: AttemptKey, offset: int, limit: int) -> LogChunk | None:
        """Up to `limit` bytes from `offset`; a negative offset counts from the end. None: there is no log
        (yet)."""
        try:
            with attempts.log_path(self._root, key).open("rb") as file:
                size = file.seek(0, 2)
                begin = max(0, size + offset) if offset < 0 else min(offset, size)
                file.seek(begin)
                return LogChunk(data=file.read(limit), offset=begin, size=size)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
