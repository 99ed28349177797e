"""The machine's processes: ending them, finding them, and what they cost. Read from Linux's /proc."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from sandbox.appliance import pids
from sandbox.appliance.pids import Identity, identify, is_alive, send

PROC = Path("/proc")


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


def running() -> list[int]:
    """The pids of all processes that this user can see."""
    return [int(name) for name in os.listdir(PROC) if name.isdigit()]


def with_environment(entry: str) -> list[Identity]:
    """The living processes whose environment holds `entry` (`NAME=value`), apart from this one."""
    wanted = entry.encode()
    found = []
    for pid in running():
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
    for candidate in running():
        fields = pids.stat_fields(candidate)
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
    return max(0.0, since_boot - float(identity.started) / os.sysconf("SC_CLK_TCK"))


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
    for pid in running():
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
