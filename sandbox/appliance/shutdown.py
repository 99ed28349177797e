"""`sandbox stop` and `sandbox teardown`: the way down."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.appliance import client_config, pids, processes
from sandbox.appliance.embedded import postgres, records
from sandbox.appliance.embedded.components import CONNECTOR, CONTROL_PLANE, OBJECT_STORE, POSTGRES, SUPERVISOR
from sandbox.appliance.errors import ComponentFailed, NotFound
from sandbox.appliance.state import SandboxState

_ORDER = (CONNECTOR, CONTROL_PLANE, OBJECT_STORE, POSTGRES)


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop or a teardown did."""

    name: str
    was_running: bool
    processes: tuple[str, ...]
    """What was ended: component names, and `runner …` or `task …` for what tasks had left."""
    removed: tuple[Path, ...] = ()
    """Teardown only: what was deleted."""
    kept: tuple[Path, ...] = ()
    """Teardown without `volume` only: the data that a later start finds again."""
    seconds: float = 0.0


def stop(name: str, *, timeout: float = 30.0) -> Stopped:
    """End every process of the sandbox, tasks included; all data stays.

    Raises NotFound. To stop a stopped sandbox is no error.
    """
    began = time.monotonic()
    state = _existing(name)
    with state.locked(timeout=timeout):
        ended = end_processes(state, timeout=timeout)
    return Stopped(name, bool(ended), ended, seconds=time.monotonic() - began)


def teardown(name: str, volume: bool = False, *, timeout: float = 30.0) -> Stopped:
    """Stop the sandbox and delete it: processes, ports and files. Raises NotFound.

    Without `volume` the data (the database, the object store, the secrets) stays for a later start, as
    flytectl's teardown does it; with it nothing is left.
    """
    began = time.monotonic()
    state = _existing(name)
    with state.locked(timeout=timeout):
        ended = end_processes(state, timeout=timeout)
        where = postgres.placement(state)
        removed = list(client_config.remove(state))
        if volume:
            removed += postgres.remove(state, where)
            removed += _remove_all(state)
            kept: tuple[Path, ...] = ()
        else:
            kept = tuple(path for path in (state.postgres, state.objects, state.secrets) if path.exists())
            removed += _remove_all_but(state, kept)
    return Stopped(name, bool(ended), ended, tuple(removed), kept, time.monotonic() - began)


def end_processes(state: SandboxState, *, timeout: float) -> tuple[str, ...]:
    """End everything that belongs to the sandbox, with a supervisor or without; returns what it was."""
    from sandbox.executors.docker import shutdown as containers  # noqa: PLC0415 - as below
    from sandbox.executors.process import shutdown as runners  # noqa: PLC0415 - brings protobuf; `start` needs none

    ended = _end_components(state, timeout)
    ended += [f"runner {pid}" for pid in runners.stop_runners(state.tasks, timeout=min(timeout, 10.0))]
    ended += [f"container {name}" for name in containers.remove_containers(state.tasks)]
    strays = processes.with_environment(f"SANDBOX_STATE={state.root}")
    processes.end(strays, grace=2.0)
    ended += [f"process {identity.pid}" for identity in strays]
    for socket in state.sockets.glob("*.sock"):
        if socket.is_socket():
            socket.unlink(missing_ok=True)
    return tuple(ended)


def _end_components(state: SandboxState, timeout: float) -> list[str]:
    """By the supervisor, in its order; one after another when it is dead."""
    alive = []
    for name in _ORDER:
        record = records.of(state, name)
        if record is not None and record.alive and record.identity is not None:
            alive.append((name, record.identity))
    supervisor = records.supervisor(state)
    ended = [name for name, _ in alive]
    if supervisor is not None:
        ended.append(SUPERVISOR)
        pids.send(supervisor, signal.SIGTERM)
        if processes.wait_gone([supervisor], timeout=timeout):
            pids.send(supervisor, signal.SIGKILL)
            processes.wait_gone([supervisor], timeout=5.0)
    for name, identity in alive:
        if not pids.is_alive(identity):
            continue
        pids.send(identity, signal.SIGINT if name == POSTGRES else signal.SIGTERM)
        if processes.wait_gone([identity], timeout=10.0):
            _kill(name, identity)
    for name in (*_ORDER, SUPERVISOR):
        state.record_path(name).unlink(missing_ok=True)
    return ended


def _kill(name: str, identity: pids.Identity) -> None:
    pids.send(identity, signal.SIGKILL)
    if processes.wait_gone([identity], timeout=5.0):
        raise ComponentFailed(
            f"the {name} can't be stopped",
            f"pid {identity.pid} survives even SIGKILL: it hangs in the kernel, perhaps on a disk",
            "Look at the machine's disks; a restart of the machine ends it.",
        )


def _existing(name: str) -> SandboxState:
    state = SandboxState.locate(name)
    if not state.root.is_dir():
        raise NotFound.named(name)
    return state


def _remove_all(state: SandboxState) -> list[Path]:
    removed = _remove_all_but(state, ())
    shutil.rmtree(state.root)
    for parent in (state.root.parent, state.root.parent.parent):
        if parent.name in ("appliance", ".flyte"):
            _remove_if_empty(parent)
    return [*removed, state.root]


def _remove_all_but(state: SandboxState, kept: tuple[Path, ...]) -> list[Path]:
    removed = []
    for path in sorted(state.root.iterdir()):
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        removed.append(path)
    if state.sockets != state.run and state.sockets.exists():
        shutil.rmtree(state.sockets)
        removed.append(state.sockets)
    return removed


def _remove_if_empty(path: Path) -> None:
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
