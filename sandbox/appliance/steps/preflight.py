"""Is this machine ready? Everything that can be known before anything is started."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

from sandbox.appliance import ports, processes
from sandbox.appliance.context import BootContext
from sandbox.appliance.embedded import records
from sandbox.appliance.embedded.components import CONTROL_PLANE, OBJECT_STORE, POSTGRES
from sandbox.appliance.errors import ApplianceError, PreflightFailed
from sandbox.appliance.pids import Identity
from sandbox.appliance.state import SandboxState
from sandbox.appliance.steps import connector

TITLE = "Preflight"

MINIMUM_DISK = 512 * 1024 * 1024
"""Bytes: an empty sandbox takes about 60 MB; a database on a full disk stops."""
MINIMUM_PYTHON = (3, 11)
_FREED_AFTER = 1.0
"""Seconds that a port without a holder may take to become free: the kernel closes the sockets of a killed
process a little after the process is gone."""
_LOOK_EVERY = 0.02
_HOLDERS = {"edge": CONTROL_PLANE, "object_store": OBJECT_STORE, "postgres": POSTGRES}


def execute(context: BootContext) -> str:
    """Raises PreflightFailed with everything that has to change."""
    check_platform()
    free = check_disk(context.state.root)
    check_source(context.options.source)
    if connector.applies(context) and context.config.source is None:
        raise connector.no_environment("the sandbox has no project")
    ended = [] if context.options.dry_run or context.was_running else end_leftovers(context.state)
    check_ports(context.state, context.config.ports)
    detail = f"{free / 2**30:.0f} GiB free"
    return f"{detail}, ended {len(ended)} leftovers of a dead sandbox" if ended else detail


def check_platform() -> None:
    if sys.version_info < MINIMUM_PYTHON:
        raise PreflightFailed(
            "this Python is too old",
            f"{sys.executable} is Python {sys.version_info.major}.{sys.version_info.minor}",
            "Install the appliance with Python 3.11 or newer. (Tasks may run on Python 3.8 and newer.)",
        )
    if not Path("/proc/self/stat").exists():
        raise PreflightFailed(
            "the embedded profile can't run here",
            "it finds its processes through Linux's /proc, which this machine does not have",
            "Run it on Linux, in a Linux container or in a virtual machine.",
        )


def check_disk(root: Path) -> int:
    """Bytes free where the sandbox lies."""
    existing = root
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < MINIMUM_DISK:
        raise PreflightFailed(
            "the disk is full",
            f"{existing} has {free // 2**20} MiB free; a sandbox needs {MINIMUM_DISK // 2**20} MiB",
            "Free some space, or set SANDBOX_HOME to a directory on another disk.",
        )
    return free


def _taken(state: SandboxState, wanted: ports.Ports) -> list[ports.Taken]:
    """Those of the ports that are held by others than their components."""
    taken = []
    for port in ports.taken(wanted):
        record = records.of(state, _HOLDERS[port.purpose])
        if record is None or not record.alive:
            taken.append(port)
    return taken


def check_source(source: Path | None) -> None:
    """A project that is named now is there; whether its packages can be installed is found out later."""
    if source is None:
        return
    project = source.expanduser().absolute()
    if not project.is_dir():
        raise PreflightFailed(
            f"{project} is not a folder" if project.exists() else f"{project} does not exist",
            "--source names a project: the folder that holds the workflows' package and requirements.txt",
            "Give the path of that folder.",
        )


def check_ports(state: SandboxState, wanted: ports.Ports) -> None:
    """Each port is free, or held by the component that it is for."""
    deadline = time.monotonic() + _FREED_AFTER
    taken = _taken(state, wanted)
    while taken and not all(port.holder.startswith("pid ") for port in taken) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
        taken = _taken(state, wanted)
    if not taken:
        return
    lines = [
        f"port {port.port} ({port.purpose.replace('_', ' ')}) is held by "
        f"{_neighbour(port) or port.holder or 'a hidden process'}"
        for port in taken
    ]
    flags = " ".join(f"--{port.purpose.replace('_', '-')}-port NUMBER" for port in taken)
    raise PreflightFailed(
        "a port is taken" if len(taken) == 1 else f"{len(taken)} ports are taken",
        "\n".join(lines),
        f"End {'that process' if len(taken) == 1 else 'those processes'}, or choose "
        f"{'another port' if len(taken) == 1 else 'other ports'} with {flags}, or start a second sandbox "
        "beside it with --name NAME.",
    )


def _neighbour(port: ports.Taken) -> str:
    """`the sandbox 'other', pid 42`, if another one of this user holds the port."""
    for state in SandboxState.known():
        record = records.of(state, _HOLDERS[port.purpose])
        if record is None or record.identity is None or not record.alive:
            continue
        with contextlib.suppress(ApplianceError):  # another sandbox's broken files are not this one's matter
            if getattr(state.load().ports, port.purpose) == port.port:
                return f"the sandbox {state.name!r}, pid {record.identity.pid}"
    return ""


def end_leftovers(state: SandboxState) -> list[Identity]:
    """End components that nobody watches and that no record tells of: a supervisor died while starting them.

    Those with a record are left: the next supervisor adopts them.
    """
    recorded = set()
    for path in state.run.glob("*.json"):
        record = records.read(path)
        if record is not None and record.identity is not None:
            recorded.add(record.identity)
    strays = [
        identity
        for identity in processes.with_environment(component_mark(state))
        if identity not in recorded and os.getpgid(identity.pid) == identity.pid
    ]
    processes.end(strays, grace=5.0)
    return strays


def component_mark(state: SandboxState) -> str:
    """What the environment of every component of this sandbox holds, and nothing else's."""
    return f"SANDBOX_COMPONENT_OF={state.root}"
