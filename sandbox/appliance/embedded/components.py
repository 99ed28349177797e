"""The processes of an embedded sandbox, as data: what the boot writes and the supervisor runs."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sandbox

POSTGRES = "postgres"
OBJECT_STORE = "object-store"
CONTROL_PLANE = "control-plane"
CONNECTOR = "connector"
SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Component:
    """One long-running process."""

    name: str
    title: str
    """For people."""
    argv: list[str]
    directory: str
    """Where it runs."""
    log: str
    """Its stdout and stderr are appended to this file."""
    record: str
    """Where the supervisor says what it knows about it."""
    env: dict[str, str] = field(default_factory=dict)
    """Added to the supervisor's environment."""
    user: list[int] | None = None
    """[uid, gid] to run as; None: as the supervisor."""
    needs: str | None = None
    """A path without which it is not started; SIGHUP makes the supervisor look again."""
    pid_files: list[str] = field(default_factory=list)
    """Locks that the program leaves behind when it is killed; the first line of each is a pid. PostgreSQL
    takes a dead process that nobody has buried yet (a container's first process may never do it) for a living
    one."""
    stop_signal: str = "SIGTERM"
    stop_timeout: float = 10.0
    """Seconds between the stop signal and SIGKILL."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def python_environment() -> dict[str, str]:
    """For a Python child of the appliance: it finds the appliance, logs at once, and keeps its heap small."""
    return {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2", **import_environment()}


def import_environment() -> dict[str, str]:
    """What lets `python()` import the appliance: nothing if it is installed, its folder in a source tree."""
    root = Path(sandbox.__file__).resolve().parent.parent
    return {} if root.name in ("site-packages", "dist-packages") else {"PYTHONPATH": str(root)}


def python() -> str:
    """The interpreter for components: the one that runs this."""
    return sys.executable
