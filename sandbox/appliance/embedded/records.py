"""What the supervisor wrote down about each component: read by boot, status and shutdown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sandbox.appliance import pids
from sandbox.appliance.embedded.components import SUPERVISOR
from sandbox.appliance.pids import Identity
from sandbox.appliance.state import SandboxState


@dataclass(frozen=True, slots=True)
class Record:
    """One component's last known facts."""

    identity: Identity | None
    """The process, alive or not; None: it has none."""
    restarts: int
    failed: bool
    """The supervisor gave up on it."""
    last_exit: str

    @property
    def alive(self) -> bool:
        return self.identity is not None and pids.is_alive(self.identity)


def read(path: Path) -> Record | None:
    """The record in that file; None when there is none, or it is no record."""
    try:
        data = json.loads(path.read_bytes())
        identity = Identity(data["pid"], data["started"]) if data["pid"] is not None else None
        return Record(identity, int(data["restarts"]), bool(data["failed"]), str(data.get("last_exit", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def of(state: SandboxState, component: str) -> Record | None:
    return read(state.record_path(component))


def supervisor(state: SandboxState) -> Identity | None:
    """The living supervisor of a sandbox."""
    record = of(state, SUPERVISOR)
    return record.identity if record is not None and record.alive else None
