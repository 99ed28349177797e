"""`sandbox status`: what runs, whether it answers, and what it costs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.appliance.endpoints import Endpoints


class Health(enum.StrEnum):
    """How a component is."""

    HEALTHY = "healthy"
    """It runs and its API answers."""
    UNHEALTHY = "unhealthy"
    """It runs, but its API does not answer."""
    RESTARTING = "restarting"
    """It died; the supervisor will start it again soon."""
    FAILED = "failed"
    """It died too often; the supervisor gave up."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One component of a sandbox."""

    name: str
    title: str
    health: Health
    pid: int | None
    version: str
    port: int | None
    memory: int
    """Bytes (PSS) of its processes together; 0 when stopped."""
    processes: int
    uptime: float | None
    """Seconds."""
    restarts: int
    detail: str
    """Why it is not healthy; empty otherwise."""
    log: Path


@dataclass(frozen=True, slots=True)
class Status:
    """One sandbox."""

    name: str
    profile: str
    running: bool
    """The supervisor or any component runs."""
    healthy: bool
    """Every component is."""
    version: str
    state: Path
    source: str | None
    endpoints: Endpoints
    components: tuple[ComponentStatus, ...]
    memory: int
    """Bytes (PSS) of everything together, warm runners and tasks included."""
    disk: int
    """Bytes in the state directory and the database."""
    uptime: float | None
    """Seconds since the supervisor started."""

    def to_json(self) -> dict[str, Any]:
        raise NotImplementedError


def inspect(name: str) -> Status:
    """Look at a sandbox; raises NotFound. Takes a few milliseconds, and never longer than about a second."""
    raise NotImplementedError


def inspect_all() -> list[Status]:
    """All sandboxes of this user."""
    raise NotImplementedError
