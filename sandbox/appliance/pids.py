"""A process is its pid and its start time, because pids are used again.

Kept apart from `processes` and free of everything but `os` and `signal`: the supervisor imports it, and its
memory is counted.
"""

from __future__ import annotations

import os
import signal
from collections import namedtuple

Identity = namedtuple("Identity", ["pid", "started"])
"""A process for as long as the machine runs; `started` is in clock ticks after the machine's boot."""


def stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state (field 3) on; the name before it may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    return text.decode(errors="replace").rpartition(")")[2].split()


def identify(pid: int) -> Identity | None:
    """The living process with that pid; a zombie does not live."""
    fields = stat_fields(pid)
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
