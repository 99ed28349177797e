"""`sandbox doctor`: is this machine fit for a sandbox, and is the one that is here well?

Each check looks at one thing and says what it found; one that fails says what to do about it.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from sandbox.appliance import client_config, docker_socket, ports, status
from sandbox.appliance import found as found_names
from sandbox.appliance.building import installer
from sandbox.appliance.errors import ApplianceError, NotFound
from sandbox.appliance.findings import Finding, Verdict
from sandbox.appliance.state import SandboxState
from sandbox.appliance.steps import preflight


def examine(name: str) -> list[Finding]:
    """All checks, in order; raises UsageError for an impossible name."""
    state = SandboxState.locate(name)
    if found_names.is_boxed(name):
        from sandbox.appliance.boxed import doctor as boxed_doctor  # noqa: PLC0415 - brings Docker

        return [*(check(state) for check in _OF_THE_MACHINE), *boxed_doctor.examine(name)]
    return [check(state) for check in _CHECKS]


def _platform(_: SandboxState) -> Finding:
    title = "Machine"
    try:
        preflight.check_platform()
    except ApplianceError as exc:
        return Finding(title, Verdict.BAD, f"{exc.what}: {exc.cause}", exc.remedy)
    cores = os.cpu_count() or 1
    return Finding(title, Verdict.GOOD, f"{platform.system()} {platform.machine()}, {cores} processors")


def _python(_: SandboxState) -> Finding:
    return Finding("Python", Verdict.GOOD, f"{platform.python_version()} ({sys.executable})")


def _bytecode(_: SandboxState) -> Finding:
    title = "Bytecode"
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return Finding(
            title,
            Verdict.WARNING,
            "PYTHONDONTWRITEBYTECODE is set: every Python program starts slowly",
            "Unset it. (The sandbox does so for its own processes.)",
        )
    return Finding(title, Verdict.GOOD, "is kept between runs")


def _memory(_: SandboxState) -> Finding:
    title = "Memory"
    try:
        text = Path("/proc/meminfo").read_text()
        free = (
            next(int(line.split()[1]) for line in text.splitlines() if line.startswith("MemAvailable")) * 1024
        )
    except (OSError, StopIteration, ValueError):
        return Finding(title, Verdict.WARNING, "the system does not tell")
    detail = f"{free / 2**30:.1f} GiB available"
    if free < 2**30:
        return Finding(
            title, Verdict.WARNING, detail, "Close something: the sandbox takes 0.2 GiB, tasks more."
        )
    return Finding(title, Verdict.GOOD, detail)


def _disk(state: SandboxState) -> Finding:
    title = "Disk"
    try:
        free = preflight.check_disk(state.root)
    except ApplianceError as exc:
        return Finding(title, Verdict.BAD, exc.cause, exc.remedy)
    except OSError as exc:
        return Finding(title, Verdict.BAD, str(exc), "Set SANDBOX_HOME to another directory.")
    return Finding(title, Verdict.GOOD, f"{free / 2**30:.0f} GiB free for {state.root}")


def _home(state: SandboxState) -> Finding:
    title = "State"
    existing = state.root
    while not existing.exists():
        existing = existing.parent
    if not os.access(existing, os.W_OK | os.X_OK):
        return Finding(
            title, Verdict.BAD, f"{existing} can't be written to", "Set SANDBOX_HOME to another directory."
        )
    return Finding(title, Verdict.GOOD, str(state.root))


def _ports(state: SandboxState) -> Finding:
    title = "Ports"
    try:
        wanted, running = state.load().ports, status.inspect(state.name).running
    except NotFound:
        wanted, running = ports.Ports(), False
    except ApplianceError as exc:
        return Finding(title, Verdict.WARNING, exc.cause, exc.remedy)
    if running:
        return Finding(title, Verdict.GOOD, f"held by the sandbox: {_numbers(wanted)}")
    taken = ports.taken(wanted)
    if taken:
        holders = "; ".join(_holder(port) for port in taken)
        return Finding(
            title,
            Verdict.BAD,
            f"taken: {holders}",
            "End that program, or start with other ports: --port, --s3-port, --postgres-port.",
        )
    return Finding(title, Verdict.GOOD, f"free: {_numbers(wanted)}")


def _holder(port: ports.Taken) -> str:
    return f"{port.port} ({port.purpose.replace('_', ' ')}): {port.holder or 'unknown'}"


def _numbers(chosen: ports.Ports) -> str:
    return f"{chosen.edge}, {chosen.object_store}, {chosen.postgres}"


def _uv(_: SandboxState) -> Finding:
    title = "Installer"
    try:
        found = installer.run(("--version",))
    except OSError as exc:
        return Finding(title, Verdict.BAD, f"uv can't be run: {exc}", "Install the appliance again.")
    if found.code != 0:
        return Finding(title, Verdict.BAD, found.stderr.strip(), "Install the appliance again.")
    return Finding(title, Verdict.GOOD, found.stdout.strip().split("(")[0].strip())


def _docker(_: SandboxState) -> Finding:
    title = "Docker"
    if docker_socket.reachable():
        return Finding(title, Verdict.GOOD, "reachable (the embedded profile does not need it)")
    detail = "not running" if shutil.which("docker") else "not installed"
    return Finding(title, Verdict.GOOD, f"{detail} (the embedded profile does not need it)")


def _client(state: SandboxState) -> Finding:
    title = "Client config"
    chosen = os.environ.get("FLYTECTL_CONFIG")
    own = client_config.path_of(state.name)
    if own is None or not own.is_file():
        return Finding(title, Verdict.GOOD, "not written yet; `sandbox start` does it")
    if chosen and Path(chosen).absolute() != own:
        return Finding(
            title,
            Verdict.WARNING,
            f"FLYTECTL_CONFIG points elsewhere: {chosen}",
            f"To use this sandbox: export FLYTECTL_CONFIG={own}",
        )
    if Path("flytekit.config").exists():
        return Finding(
            title,
            Verdict.WARNING,
            "flytekit.config in this folder is read first",
            f"To use this sandbox: export FLYTECTL_CONFIG={own}",
        )
    return Finding(title, Verdict.GOOD, str(own))


def _connectors(state: SandboxState) -> Finding:
    title = "Connectors"
    try:
        found = status.inspect(state.name)
    except ApplianceError:
        return Finding(title, Verdict.GOOD, "none")
    if not found.running or not found.connectors:
        return Finding(title, Verdict.GOOD, "stopped" if found.connectors else "none")
    told = "; ".join(
        f"{one.endpoint}: {', '.join(one.types) or 'no types'}" for one in found.connectors if one.answers
    )
    silent = [one.endpoint for one in found.connectors if not one.answers]
    if silent:
        detail = f"no answer from {', '.join(silent)}" + (f"; {told}" if told else "")
        return Finding(
            title,
            Verdict.WARNING,
            detail,
            "Their tasks wait. Look with `sandbox logs connector`, or start the one that runs elsewhere.",
        )
    return Finding(title, Verdict.GOOD, told)


def _sandbox(state: SandboxState) -> Finding:
    title = "Sandbox"
    try:
        found = status.inspect(state.name)
    except NotFound:
        return Finding(title, Verdict.GOOD, "not started yet")
    except ApplianceError as exc:
        return Finding(title, Verdict.BAD, f"{exc.what}: {exc.cause}", exc.remedy)
    if not found.running:
        return Finding(title, Verdict.GOOD, "stopped")
    sick = [part for part in found.components if part.health is not status.Health.HEALTHY]
    if sick:
        names = "; ".join(f"{part.title} is {part.health} {part.detail}".strip() for part in sick)
        return Finding(
            title, Verdict.BAD, names, f"Look with `sandbox logs {sick[0].name}`; then `sandbox start`."
        )
    return Finding(title, Verdict.GOOD, "running, all components healthy")


_OF_THE_MACHINE: tuple[Callable[[SandboxState], Finding], ...] = (_platform, _python, _memory, _client)
_CHECKS: tuple[Callable[[SandboxState], Finding], ...] = (
    _platform,
    _python,
    _bytecode,
    _memory,
    _disk,
    _home,
    _ports,
    _uv,
    _docker,
    _client,
    _connectors,
    _sandbox,
)
