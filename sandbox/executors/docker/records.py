"""What is known on disk about an attempt in a container, beside its log: enough to find it again.

In the attempt's directory (`executors.process.attempts`):

- `container.json` – written before the container is created: its name.
- `marker.json` – written before it is started: this attempt must never be started a second time.
- `ending.json` – written before it is ended from outside: why.
- `work/` – inputs and outputs on their way.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

from sandbox.executors.process import attempts
from sandbox.executors.process.runner import records
from sandbox.idl.identifiers import AttemptKey

CONTAINER = "container.json"
ENDING = "ending.json"
USED = "docker.json"
"""In the tasks' root: that there may be containers of this sandbox."""
LABEL = "org.flyte.sandbox.tasks"


def container_name(tasks_root: Path, key: AttemptKey, unique_name: str = "attempt") -> str:
    """A name that no other attempt of any sandbox has."""
    parts = (tasks_root.resolve(), key.execution, key.node, key.attempt)
    digest = hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:12]
    return f"flyte-{unique_name}-{digest}"


def label_of(tasks_root: Path) -> str:
    """What the containers of a sandbox have in common."""
    return str(tasks_root.resolve())


def begin(tasks_root: Path, directory: Path, name: str) -> None:
    """Note that there may be a container of this name from now on."""
    if not (tasks_root / USED).exists():
        _write(tasks_root / USED, {"label": LABEL})
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / CONTAINER, {"name": name})


def known_name(directory: Path) -> str | None:
    """The name of the attempt's container, if there may be one."""
    found = _read(directory / CONTAINER)
    return found.get("name") if found else None


def mark_started(directory: Path) -> None:
    """Note that it may have been started from now on."""
    _write(directory / records.MARKER, {})


def was_started(directory: Path) -> bool:
    return (directory / records.MARKER).exists()


def write_ending(directory: Path, why: str) -> None:
    """Note why it is ended from outside, unless there is a reason already."""
    if not (directory / ENDING).exists():
        _write(directory / ENDING, {"why": why})


def read_ending(directory: Path) -> str:
    """`aborted`, `timeout` or nothing."""
    found = _read(directory / ENDING)
    return found.get("why", "") if found else ""


def clean(tasks_root: Path, directory: Path) -> None:
    """Remove everything but the log."""
    for name in (CONTAINER, ENDING):
        (directory / name).unlink(missing_ok=True)
    attempts.clean(tasks_root, directory)


def _write(path: Path, document: dict[str, str]) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    beside.write_text(json.dumps(document), encoding="utf-8")
    beside.replace(path)


def _read(path: Path) -> dict[str, str] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return dict(found)
