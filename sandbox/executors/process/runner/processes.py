"""What the kernel knows about processes: start times, sessions, memory. Without /proc, less is known."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import typing

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PAGE = os.sysconf("SC_PAGE_SIZE")
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Stat(typing.NamedTuple):
    """The part of /proc/<pid>/stat that is used here."""

    pid: int
    state: str
    parent: int
    session: int
    started: int
    """Clock ticks after boot."""
    resident: int
    """Bytes."""


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, also if that happened just now."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent has died, so that they can be found and ended."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat(pid: int) -> Stat | None:
    """What the kernel says about a process; `None` if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return Stat(
        pid, fields[0].decode(), int(fields[1]), int(fields[3]), int(fields[19]), int(fields[21]) * _PAGE
    )


def all_stats() -> typing.Iterator[Stat]:
    """Every process of this machine."""
    try:
        names = os.listdir("/proc")
    except FileNotFoundError:
        return
    for name in names:
        if name.isdigit():
            found = stat(int(name))
            if found is not None:
                yield found


def children(pid: int) -> list[int]:
    """The direct children of a single-threaded process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return [found.pid for found in all_stats() if found.parent == pid]


def environment_has(pid: int, entry: str) -> bool:
    """Whether a process was exec'ed with `NAME=value` in its environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return os.fsencode(entry) in file.read().split(b"\0")
    except OSError:
        return False


def private_memory(pid: int) -> int:
    """Bytes that a process shares with no other."""
    total = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith((b"Private_Clean:", b"Private_Dirty:")):
                    total += int(line.split()[1]) * 1024
    except (OSError, IndexError):
        return 0
    return total


def largest_resident(pid: int) -> int:
    """The largest resident set that a living process has had since its last exec, in bytes; 0 if unknown."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


def signal_session(session: int, number: int, *, not_before: int = 0) -> int:
    """Signal every process of a session that started at `not_before` ticks or later; how many there were."""
    count = 0
    for found in all_stats():
        if found.session == session and found.started >= not_before and found.state != "Z":
            count += 1
            send(found.pid, number)
    return count


def send(pid: int, number: int) -> None:
    """Signal a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
