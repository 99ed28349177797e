"""Where an attempt lives on disk, and what is known about it there.

`<tasks root>/attempts/<project>/<domain>/<execution>/<unique node id>/<attempt>/`

- `log` – stdout and stderr as they come; stays when everything else is forgotten.
- `marker.json` – written by the runner *before* it forks: this attempt must never be started again.
- `result.json` – written by the runner after the process ended.
- `secrets/` – the files with its secrets, while it runs.
- `work/` – the working directory. Its TMPDIR is elsewhere, see `records.scratch_directory`.

The names of the files belong to `runner.records`, which the runner shares.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from sandbox.executors.api import LogLink
from sandbox.executors.process.runner import records
from sandbox.idl.identifiers import AttemptKey, ExecutionId, UniqueNodeId


def attempt_directory(tasks_root: Path, key: AttemptKey) -> Path:
    """The directory of one attempt; every part of the key is made safe to be one folder's name."""
    execution = key.execution
    parts = (execution.project, execution.domain, execution.name, str(key.node), str(key.attempt))
    return tasks_root.joinpath("attempts", *(_folder(part) for part in parts))


def log_path(tasks_root: Path, key: AttemptKey) -> Path:
    """Where the attempt's stdout and stderr are, live. The file is absent until the attempt started."""
    return attempt_directory(tasks_root, key) / records.LOG


def log_link(prefix: str, key: AttemptKey) -> LogLink:
    """Where people read the attempt's log: `<prefix>/<project>/<domain>/<execution>/<node>/<attempt>`."""
    execution = key.execution
    parts = (execution.project, execution.domain, execution.name, str(key.node), str(key.attempt))
    return LogLink("Logs", "/".join((prefix, *(quote(part, safe="") for part in parts))))


def read_marker(directory: Path) -> records.Marker | None:
    """Who started this attempt, or `None` if nobody has."""
    return records.read_marker(str(directory))


def read_result(directory: Path) -> records.Result | None:
    """How this attempt ended, or `None` if it has not."""
    return records.read_result(str(directory))


def clean(tasks_root: Path, directory: Path) -> None:
    """Remove everything of an ended attempt but its log."""
    shutil.rmtree(records.scratch_directory(str(tasks_root), str(directory)), ignore_errors=True)
    shutil.rmtree(records.short_directory(str(directory)), ignore_errors=True)
    shutil.rmtree(directory / records.WORK, ignore_errors=True)
    shutil.rmtree(directory / records.SECRETS, ignore_errors=True)
    for name in (records.MARKER, records.RESULT):
        (directory / name).unlink(missing_ok=True)
    # A runner that was killed while it wrote a result left a part of it beside.
    for unfinished in directory.glob(f"{records.RESULT}.*"):
        unfinished.unlink(missing_ok=True)


def remembered(tasks_root: Path) -> Iterator[AttemptKey]:
    """The attempts whose directories hold more than a log: they were not cleaned yet."""
    root = tasks_root / "attempts"
    for directory in root.glob("*/*/*/*/*"):
        parts = [unquote(part) for part in directory.relative_to(root).parts]
        if parts[-1].isdigit() and set(os.listdir(directory)) - {records.LOG}:
            project, domain, name, node, number = parts
            yield AttemptKey(ExecutionId(project, domain, name), UniqueNodeId(node), int(number))


def tail(path: Path, *, lines: int = 10, limit: int = 4096) -> str:
    """The last lines of a log, at most `limit` bytes of them; empty if there is none."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(0, size - limit))
            text = log.read(limit).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def _folder(part: str) -> str:
    """One path component for any string: `.` and `..` mean something to a file system."""
    quoted = quote(part, safe="")
    return quoted.replace(".", "%2E") if quoted.strip(".") == "" else quoted
