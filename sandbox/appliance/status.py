"""`sandbox status`: what runs, whether it answers, and what it costs."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox.appliance import processes
from sandbox.appliance.connectors import Connectors
from sandbox.appliance.embedded import control_plane, object_store, postgres, records
from sandbox.appliance.embedded.components import CONNECTOR, CONTROL_PLANE, OBJECT_STORE, POSTGRES, SUPERVISOR
from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.errors import NotFound, command
from sandbox.appliance.pids import Identity
from sandbox.appliance.state import SandboxConfig, SandboxState


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
class ConnectorStatus:
    """A connector that tasks may go to, the sandbox's own one or another's."""

    endpoint: str
    """`host:port`"""
    answers: bool
    types: tuple[str, ...]
    """The task types that it serves; none if it does not answer."""


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
    connectors: tuple[ConnectorStatus, ...]
    memory: int
    """Bytes (PSS) of everything together, warm runners and tasks included."""
    disk: int
    """Bytes in the state directory and the database."""
    uptime: float | None
    """Seconds since the supervisor started."""

    def to_json(self) -> dict[str, Any]:
        """Everything, in types that JSON knows."""
        data = asdict(self)
        data["state"] = str(self.state)
        for component, row in zip(self.components, data["components"], strict=True):
            row["health"] = component.health.value
            row["log"] = str(component.log)
        return data


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is known of a component besides its record."""

    name: str
    title: str
    version: str
    port: int | None
    answers: Callable[[], bool]


def inspect(name: str) -> Status:
    """Look at a sandbox; raises NotFound. Takes some 50 ms, and a few seconds if a component hangs."""
    return _inspect(SandboxState.locate(name))


def inspect_all() -> list[Status]:
    """All sandboxes of this user."""
    return [_inspect(state) for state in SandboxState.known()]


def _inspect(state: SandboxState) -> Status:
    if not state.exists():
        raise NotFound.named(state.name)
    config = state.load()
    supervisor = records.supervisor(state)
    components = tuple(_component(state, kind, supervisor) for kind in _kinds(state, config))
    return Status(
        name=state.name,
        profile=config.profile,
        running=any(component.pid is not None for component in components),
        healthy=all(component.health is Health.HEALTHY for component in components),
        version=config.version,
        state=state.root,
        source=config.source,
        endpoints=Endpoints.of(config.ports),
        components=components,
        connectors=_connectors(config) if supervisor is not None else (),
        memory=_memory_of_everything(state, components),
        disk=_disk(state),
        uptime=processes.age(supervisor) if supervisor is not None else None,
    )


def _connectors(config: SandboxConfig) -> tuple[ConnectorStatus, ...]:
    chosen = Connectors.from_json(config.connectors)
    if not chosen.addresses:
        return ()
    from sandbox.appliance.embedded import connector  # noqa: PLC0415 - brings gRPC, which few need

    found = [(address, connector.serves(address)) for address in chosen.addresses]
    return tuple(ConnectorStatus(address, types is not None, types or ()) for address, types in found)


def _connector_kinds(state: SandboxState, config: SandboxConfig) -> list[_Kind]:
    chosen = Connectors.from_json(config.connectors)
    if not chosen.own:
        return []
    from sandbox.appliance import environments  # noqa: PLC0415 - needed with a connector only
    from sandbox.appliance.embedded import connector  # noqa: PLC0415 - brings gRPC, which few need

    environment = environments.find(environments.DEFAULT_TAG, state)
    venv = environment.python.parent.parent if environment is not None else None
    flytekit = environments.package_version(venv, "flytekit") if venv is not None else None
    version = f"flytekit {flytekit}" if flytekit else ""
    return [
        _Kind(CONNECTOR, connector.TITLE, version, chosen.port, lambda: connector.answers(port=chosen.port))
    ]


def _kinds(state: SandboxState, config: SandboxConfig) -> list[_Kind]:
    where = postgres.placement(state)
    ports = config.ports
    return [
        _Kind(SUPERVISOR, "Supervisor", config.version, None, lambda: True),
        _Kind(
            POSTGRES,
            "PostgreSQL",
            postgres.version(where),
            ports.postgres,
            lambda: postgres.probe(where, port=ports.postgres) == "",
        ),
        _Kind(
            OBJECT_STORE,
            "Object store",
            object_store.version(),
            ports.object_store,
            lambda: object_store.answers(port=ports.object_store),
        ),
        _Kind(
            CONTROL_PLANE,
            "Control plane",
            control_plane.version(),
            ports.edge,
            lambda: control_plane.answers(port=ports.edge),
        ),
        *_connector_kinds(state, config),
    ]


def _component(state: SandboxState, kind: _Kind, supervisor: Identity | None) -> ComponentStatus:
    record = records.of(state, kind.name)
    identity = record.identity if record is not None and record.alive else None
    health, detail = _health(kind, record, identity, supervisor, command("start", state.name))
    family = processes.descendants(identity.pid) if identity is not None and kind.name == POSTGRES else []
    members = family or ([identity.pid] if identity is not None else [])
    return ComponentStatus(
        name=kind.name,
        title=kind.title,
        health=health,
        pid=identity.pid if identity is not None else None,
        version=kind.version,
        port=kind.port,
        memory=sum(processes.memory(pid) for pid in members),
        processes=len(members),
        uptime=processes.age(identity) if identity is not None else None,
        restarts=record.restarts if record is not None else 0,
        detail=detail,
        log=state.log_path(kind.name),
    )


def _health(
    kind: _Kind,
    record: records.Record | None,
    identity: Identity | None,
    supervisor: Identity | None,
    start: str,
) -> tuple[Health, str]:
    if identity is not None:
        if kind.answers():
            return Health.HEALTHY, ""
        return Health.UNHEALTHY, f"pid {identity.pid} runs, but does not answer"
    last_exit = record.last_exit if record is not None else ""
    if record is not None and record.failed:
        return Health.FAILED, f"{last_exit}; it died too often: `{start}` tries again"
    if supervisor is not None:
        return Health.RESTARTING, last_exit or "it is about to start"
    if kind.name == SUPERVISOR and record is not None:
        return Health.STOPPED, f"it died: `{start}` replaces it"
    return Health.STOPPED, ""


def _memory_of_everything(state: SandboxState, components: tuple[ComponentStatus, ...]) -> int:
    members = {identity.pid for identity in processes.with_environment(f"SANDBOX_STATE={state.root}")}
    for component in components:
        if component.pid is not None:
            members.update(processes.descendants(component.pid))
    members.discard(os.getpid())
    return sum(processes.memory(pid) for pid in members)


def _disk(state: SandboxState) -> int:
    """Bytes on disk; what vanishes meanwhile does not count."""
    total = 0
    stack = [state.root]
    if state.postgres.is_symlink():
        stack.append(state.postgres.resolve())
    while stack:
        try:
            with os.scandir(stack.pop()) as listing:
                entries = list(listing)
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    stack.append(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
            except OSError:
                continue
    return total
