"""What must not be left once everything has ended: processes, rows, leases, reservations, files."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.executors.process.runner import processes
from sandbox.store.database import Database
from tests.acceptance.chaos.monkey import living_runners

_ROWS = {
    "executions that are not over": "SELECT count(*) FROM executions WHERE NOT terminal",
    "leases": "SELECT count(*) FROM executions WHERE lease_owner IS NOT NULL OR lease_expires_at IS NOT NULL",
    "nodes that are not over": (
        "SELECT count(*) FROM node_executions WHERE phase IN "
        "('UNDEFINED', 'QUEUED', 'RUNNING', 'DYNAMIC_RUNNING', 'SUCCEEDING', 'FAILING')"
    ),
    "attempts that are not over": (
        "SELECT count(*) FROM task_executions WHERE phase NOT IN ('SUCCEEDED', 'FAILED', 'ABORTED')"
    ),
    "reservations": "SELECT count(*) FROM reservations",
    "events without an execution": (
        "SELECT count(*) FROM execution_events AS v LEFT JOIN executions AS e ON e.id = v.execution_id "
        "WHERE e.id IS NULL"
    ),
    "nodes without an execution": (
        "SELECT count(*) FROM node_executions AS n LEFT JOIN executions AS e ON e.id = n.execution_id "
        "WHERE e.id IS NULL"
    ),
}


def rows(database: Database) -> list[str]:
    """What the database still holds that it should not."""
    found = []
    with database.reading() as connection:
        for what, query in _ROWS.items():
            [[count]] = connection.exec_driver_sql(query)
            if count:
                found.append(f"{count} {what}")
    return found


def files(root: Path) -> list[str]:
    """What attempts and writers left that were killed."""
    tasks = root / "tasks"
    found = [path for path in tasks.glob("attempts/**/*") if path.is_file() and path.name != "log"]
    found += [path for path in tasks.glob("attempts/*/*/*/*/*/*") if path.is_dir()]
    found += list((tasks / "scratch").glob("*")) if (tasks / "scratch").is_dir() else []
    return sorted(str(path.relative_to(root)) for path in found)


def attempts(root: Path) -> list[str]:
    """Processes of attempts: children of runners, and whatever works in an attempt's folder."""
    found = [child for runner in living_runners(root) for child in processes.children(runner)]
    folder = os.path.realpath(root / "tasks" / "attempts")
    found += [pid for pid in _all() if _link(pid, "cwd").startswith(folder)]
    return [_describe(pid) for pid in sorted(set(found))]


def mentioning(folder: Path) -> list[str]:
    """All processes that have to do with a folder: they work in it, or its name is in their command or
    environment. This process is none of them.
    """
    name = os.fsencode(os.path.realpath(folder))
    found = []
    for pid in _all():
        if pid == os.getpid():
            continue
        said = _read(pid, "cmdline") + _read(pid, "environ") + os.fsencode(_link(pid, "cwd"))
        if name in said:
            found.append(_describe(pid))
    return found


def _all() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _describe(pid: int) -> str:
    return f"{pid} {_read(pid, 'cmdline').replace(bytes(1), b' ').decode(errors='replace')[:200]}"
