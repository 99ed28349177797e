"""The runner's own directory: a lock that makes it the only one, its config, and who it is."""

from __future__ import annotations

import fcntl
import json
import os
import time

from . import processes, protocol

_PATIENCE = 3.0
"""Seconds that a predecessor is given to end."""


def lock(directory: str) -> int | None:
    """Become the directory's runner: the descriptor that holds the lock, or `None` if another one stays."""
    descriptor = os.open(os.path.join(directory, protocol.LOCK), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.02)


def exists(directory: str) -> bool:
    """Whether the directory is still there; without it nobody can find the runner any more."""
    return os.path.exists(os.path.join(directory, protocol.LOCK))


def read_config(directory: str) -> protocol.Config:
    """What the control plane wants of this runner."""
    with open(os.path.join(directory, protocol.CONFIG), encoding="utf-8") as file:
        return protocol.Config(**json.load(file))


def write_status(directory: str) -> None:
    """Say which process the runner is."""
    me = processes.stat(os.getpid())
    path = os.path.join(directory, protocol.STATUS)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump({"pid": os.getpid(), "started": me.started if me else 0}, file)
    os.replace(f"{path}.new", path)
