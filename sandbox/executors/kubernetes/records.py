"""What the executor knows about an attempt, what can happen to it, and what is to be done about it.

`Record` is the board's own; the rest goes between the board and whoever speaks to Kubernetes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.executors.api import AttemptError, AttemptUpdate, TaskRequest
from sandbox.executors.kubernetes.kinds import Kind
from sandbox.idl.identifiers import AttemptKey

Object = Mapping[str, Any]


class Job(enum.Enum):
    """What may be done to an attempt's object; one at a time for each attempt."""

    CREATE = "create"
    KEEP_LOG = "keep its log"
    DELETE = "delete"
    RELEASE = "release"
    """Take our finalizer away and mark it as rubbish."""


@dataclass(slots=True)
class Record:
    """One attempt."""

    key: AttemptKey
    kind: Kind | None = None
    """None: it is not known (yet) what it became."""
    request: TaskRequest | None = None
    """None: nobody has asked to start it since this process began."""
    seen: Object | None = None
    """Its object as it was last; None: there is none (any more, or yet)."""
    last: AttemptUpdate | None = None
    """What was told last."""
    job: Job | None = None
    """Under way."""
    abort: str | None = None
    """Why it is to be ended."""
    failure: AttemptError | None = None
    """How it fails whatever its object says: it took too long."""
    forgotten: bool = False
    log_settled: bool = False
    """The log is kept, or never will be."""
    deleted: bool = False
    """The API server was told to delete it, by us."""
    to_end: bool = False
    """It is to be deleted."""
    doubtful: bool = False
    """There may be an object although none was seen: the answer to its creation was lost."""
    trouble_since: datetime | None = None
    """Since when it can't be created."""
    tries: int = 0
    """How often the same was tried in vain."""
    retry_at: datetime | None = None
    """Not before, what failed is tried again."""

    @property
    def is_over(self) -> bool:
        """Whether its end was told."""
        return self.last is not None and self.last.phase.is_terminal


@dataclass(frozen=True, slots=True)
class Order:
    """Something to be done, off the core thread."""

    job: Job
    key: AttemptKey
    kind: Kind
    request: TaskRequest | None = None
    """For CREATE."""
    found: Object | None = None
    """For all others."""
    gently: bool = False
    """DELETE: it may take the time that it wants to end."""


@dataclass(frozen=True, slots=True)
class Made:
    """CREATE: there is an object of this attempt."""

    found: Object


@dataclass(frozen=True, slots=True)
class Done:
    """Done, or no longer needed."""

    left: Object | None = None
    """DELETE: the object, if it stays for a while."""


@dataclass(frozen=True, slots=True)
class Later:
    """It did not work, and is to be tried again."""

    reason: str
    after: timedelta | None = None
    """None: ever later."""
    doubtful: bool = False
    """It may have worked."""


@dataclass(frozen=True, slots=True)
class Full:
    """CREATE: the namespace's quota has no room."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """CREATE: it never will be."""

    error: AttemptError


Outcome = Made | Done | Later | Full | Failed
