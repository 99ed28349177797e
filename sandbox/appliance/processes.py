"""Operating-system processes: who is who, although pids are used again.

A process is identified by its pid and its start time. Standard library only: the supervisor imports this too.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Identity(NamedTuple):
    """A process for as long as the machine runs."""

    pid: int
    started: int
    """Clock ticks after the machine's boot (`/proc/<pid>/stat`, field 22)."""


def identify(pid: int) -> Identity | None:
    """The living process with that pid; a zombie does not live."""
    fields = _stat(pid)
    if fields is None or fields[0] in ("Z", "X"):
        return None
    return Identity(pid, int(fields[19]))


def is_alive(identity: Identity) -> bool:
    return identify(identity.pid) == identity


def send(identity: Identity, number: signal.Signals) -> bool:
    """Signal exactly that process; False when it is gone."""
    if not is_alive(identity):
        return False
    try:
        os.kill(identity.pid, number)
    except ProcessLookupError:
        return False
    return True


def end(identities: Iterable[Identity], *, grace: float) -> list[Identity]:
    """SIGTERM all, after `grace` seconds SIGKILL those left. Returns those that had to be killed."""
    left = [identity for identity in identities if send(identity, signal.SIGTERM)]
    left = wait_gone(left, timeout=grace)
    killed = [identity for identity in left if send(identity, signal.SIGKILL)]
    wait_gone(killed, timeout=5.0)
    return killed


def wait_gone(identities: Iterable[Identity], *, timeout: float) -> list[Identity]:
    """Wait until they are gone; returns those that are not."""
    deadline = time.monotonic() + timeout
    left = [identity for identity in identities if is_alive(identity)]
    while left and time.monotonic() < deadline:
        time.sleep(0.005)
        left = [identity for identity in left if is_alive(identity)]
    return left


def pids() -> Iterator[int]:
    """All processes that this user can see."""
    for entry in os.scandir(PROC):
        if entry.name.isdigit():
            yield int(entry.name)


def with_environment(entry: str) -> list[Identity]:
    """The living processes whose environment holds `entry` (`NAME=value`), apart from this one."""
    wanted = entry.encode()
    found = []
    for pid in pids():
        if pid == os.getpid():
            continue
        try:
            environment = (PROC / str(pid) / "environ").read_bytes()
        except OSError:
            continue  # another user's, or gone
        if wanted in environment.split(b"\0"):
            identity = identify(pid)
            if identity is not None:
                found.append(identity)
    return found


def descendants(pid: int) -> list[int]:
    """The process and everything below it."""
    children: dict[int, list[int]] = {}
    for candidate in pids():
        fields = _stat(candidate)
        if fields is not None:
            children.setdefault(int(fields[1]), []).append(candidate)
    found, queue = [], [pid]
    while queue:
        current = queue.pop()
        found.append(current)
        queue.extend(children.get(current, ()))
    return found


def memory(pid: int) -> int:
    """Bytes of proportional set size; 0 when the process is gone or not ours."""
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    match = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(match.group(1)) * 1024 if match else 0


def age(identity: Identity) -> float:
    """Seconds since the process was started."""
    since_boot = float((PROC / "uptime").read_text().split()[0])
    return max(0.0, since_boot - identity.started / os.sysconf("SC_CLK_TCK"))


def program(pid: int) -> str:
    """What a person would call the process: its command's name, and the script for an interpreter."""
    try:
        name = (PROC / str(pid) / "comm").read_text().strip()
        words = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "unknown"
    line = " ".join(word for word in words if word)
    return line[:120] if line else name


def describe_listener(port: int) -> str:
    """Who listens on a TCP port: `pid 4242 (java -jar …)`; empty when the system doesn't tell."""
    inodes = _listening_inodes(port)
    if not inodes:
        return ""
    for pid in pids():
        try:
            descriptors = os.listdir(PROC / str(pid) / "fd")
        except OSError:
            continue  # another user's
        for descriptor in descriptors:
            try:
                target = os.readlink(PROC / str(pid) / "fd" / descriptor)
            except OSError:
                continue
            if target.startswith("socket:[") and target[8:-1] in inodes:
                return f"pid {pid} ({program(pid)})"
    return "a process of another user"


def _listening_inodes(port: int) -> set[str]:
    listening = "0A"
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == listening and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(columns[9])
    return inodes


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on (field 3): the name before may hold anything."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
