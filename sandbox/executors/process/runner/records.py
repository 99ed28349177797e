"""What is known about an attempt on disk: the files in its directory and what is in them.

Shared by the runner, which writes them, and the control plane, which reads them. A file appears whole or not
at all (written beside, then renamed), except the marker, whose mere existence is its message.
"""

from __future__ import annotations

import hashlib
import json
import os
import typing

LOG = "log"
"""stdout and stderr as they come."""
MARKER = "marker.json"
"""Created before the fork: never start this attempt again. One JSON document a line, see `Marker`."""
RESULT = "result.json"
"""Written once the process has ended."""
WORK = "work"
"""The working directory."""
SECRETS = "secrets"
"""The directory of files with the attempt's secrets; there only while it runs."""

CANNOT_PREPARE = 125
"""The exit code when a task's code could not be brought in place."""
COMMAND_NOT_FOUND = 127
"""The exit code when a task's program does not exist, as a shell's."""


class Marker(typing.NamedTuple):
    """Who started an attempt."""

    runner: str
    """The directory of the runner; empty if that died while it wrote this."""
    started_at: float
    """Seconds since the epoch."""
    pid: int
    """The attempt's process, leader of its own session; 0 if it died before it could say."""
    process_started: int
    """The kernel's start time of that process in clock ticks: it tells it from a later one of the same id."""


class Result(typing.NamedTuple):
    """How an attempt ended."""

    outcome: str
    """`exited`, `aborted`, `timeout`, `memory` or `lost`."""
    exit_code: int | None
    """`None` if a signal ended it."""
    signal: int | None
    started_at: float
    ended_at: float
    """Seconds since the epoch."""
    peak_memory: int | None
    """Bytes."""
    detail: str
    """One line for a person; empty when there is nothing to add."""


def create_marker(directory: str, runner: str, started_at: float) -> int | None:
    """Claim the attempt: an open descriptor to add the process to, or `None` if it is claimed already."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    try:
        descriptor = os.open(os.path.join(directory, MARKER), flags, 0o644)
    except FileExistsError:
        return None
    os.write(descriptor, _line({"runner": runner, "started_at": started_at}))
    return descriptor


def add_process(descriptor: int, pid: int, process_started: int) -> None:
    """Called by the attempt's own process, before it does anything else."""
    os.write(descriptor, _line({"pid": pid, "process_started": process_started}))


def read_marker(directory: str) -> Marker | None:
    """The attempt's marker, with zeros for what was not written; `None` if it was never started."""
    try:
        with open(os.path.join(directory, MARKER), encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    known: dict[str, typing.Any] = {}
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            known.update(json.loads(line))
    return Marker(
        known.get("runner", ""),
        known.get("started_at", 0.0),
        known.get("pid", 0),
        known.get("process_started", 0),
    )


def write_result(directory: str, result: Result) -> None:
    """Make the attempt's end known; survives the death of this process at any instant."""
    path = os.path.join(directory, RESULT)
    beside = f"{path}.{os.getpid()}"
    with open(beside, "wb", buffering=0) as file:
        file.write(_line(result._asdict()))
    os.replace(beside, path)


def read_result(directory: str) -> Result | None:
    """How the attempt ended, or `None` if that is not known."""
    try:
        with open(os.path.join(directory, RESULT), encoding="utf-8") as file:
            return Result(**json.load(file))
    except FileNotFoundError:
        return None


def scratch_directory(tasks_root: str, directory: str) -> str:
    """An attempt's TMPDIR: short, because programs put Unix sockets there, whose paths may have 104 bytes."""
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    return os.path.join(tasks_root, "scratch", name)


def short_directory(directory: str) -> str:
    """A folder for an attempt whose programs add so much to it that even `scratch_directory` is too long.

    The runner and the control plane must mean the same one, whatever their TMPDIR.
    """
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    return os.path.join("/tmp", f"flyte-{os.getuid()}-{name}")


def _line(document: dict[str, typing.Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
