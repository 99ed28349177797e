"""What an attempt printed, as the console asks for it.

The console does not know where logs lie; the server hands it a reader. A log grows while the attempt runs, so
it is read in pieces by offset, and the reader says whether more may come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sandbox.idl.identifiers import AttemptKey


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of a log."""

    data: bytes
    offset: int
    """Where `data` begins, in bytes from the start of the log."""
    size: int
    """Bytes the whole log had when it was read."""

    @property
    def end(self) -> int:
        """The offset to ask for next."""
        return self.offset + len(self.data)


class LogReader(Protocol):
    """Reads logs of attempts; thread-safe."""

    def read(self, key: AttemptKey, offset: int, limit: int) -> LogChunk | None:
        """Up to `limit` bytes from `offset`; a negative one counts from the end. None: no log (yet)."""
