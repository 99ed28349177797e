"""Ending the runners, for `sandbox stop` and `teardown`: they outlive the control plane on purpose."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from sandbox.executors.process.links import RunnerHome
from sandbox.executors.process.runner import processes, protocol

_LOOK_EVERY = 0.01


def stop_runners(tasks_root: Path, *, timeout: float = 10.0) -> list[int]:
    """End every runner under `tasks_root` with all its attempts; returns the process ids that were ended.

    Asks politely first and kills what is left at the deadline. Works without a control plane.
    """
    runners = [pid for home in _homes(tasks_root) if (pid := running_pid(home)) is not None]
    for pid in runners:
        processes.send(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while any(_alive(pid) for pid in runners) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
    for pid in runners:
        if _alive(pid):
            # Its children follow: they are set to die with it.
            processes.send(pid, signal.SIGKILL)
    for home in _homes(tasks_root):
        Path(home.socket_path).unlink(missing_ok=True)
    return runners


def running_pid(home: RunnerHome) -> int | None:
    """The process of a runner, or `None` if it is not running; never a later process of the same id."""
    try:
        status = json.loads((home.directory / protocol.STATUS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    found = processes.stat(status["pid"])
    if found is None or found.state == "Z" or found.started != status["started"]:
        return None
    return found.pid


def _homes(tasks_root: Path) -> list[RunnerHome]:
    directory = tasks_root / "runners"
    return [RunnerHome(home) for home in sorted(directory.iterdir())] if directory.is_dir() else []


def _alive(pid: int) -> bool:
    found = processes.stat(pid)
    return found is not None and found.state != "Z"
