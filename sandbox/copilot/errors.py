"""What can go wrong on the way between literals and files.

CopilotError
├── Untransferable      the values and the files do not fit each other: the task's fault
│   └── TaskFailed      the task wrote an `_ERROR` file
└── StoreUnavailable    the object store could not be reached: try again
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.store import errors


class CopilotError(Exception):
    """Inputs could not be brought, or outputs not be taken."""


class Untransferable(CopilotError):
    """A value has no file, or a file is no value of its variable's type."""


class TaskFailed(Untransferable):
    """The task says itself that it failed."""


class StoreUnavailable(CopilotError):
    """The object store could not be reached."""


@contextmanager
def of_store() -> Iterator[None]:
    """The store's errors become the copilot's."""
    try:
        yield
    except errors.Unavailable as exc:
        raise StoreUnavailable(str(exc)) from exc
    except errors.StoreError as exc:
        raise Untransferable(str(exc)) from exc
