"""What components and tasks printed: the files, and following them while they grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.state import SandboxState
from sandbox.executors.process.runner import records

POLL = 0.1
"""Seconds between two looks at a growing file."""


class NoLog(ApplianceError):
    """There is no such log."""


@dataclass(frozen=True, slots=True)
class Source:
    """One log."""

    title: str
    """`postgres`, or `a7f… n0 attempt 0`."""
    path: Path


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a log, in whole lines where possible."""

    source: Source
    data: bytes


def components(name: str, component: str | None = None) -> list[Source]:
    """The logs of one component, or of all; raises NotFound, NoLog."""
    state = SandboxState.locate(name)
    state.load()
    found = [Source(path.stem, path) for path in sorted(state.logs.glob("*.log"))]
    if component is None:
        return found
    chosen = [source for source in found if _same(source.title, component)]
    if not chosen:
        known = ", ".join(source.title for source in found) or "none yet"
        raise NoLog(
            f"there is no log of {component!r}",
            f"it is neither a component ({known}) nor an execution that ran a task here",
            "For a task: sandbox logs EXECUTION NODE.",
        )
    return chosen


def is_component(name: str, word: str) -> bool:
    """Whether a word names a component's log, rather than an execution."""
    state = SandboxState.locate(name)
    return any(_same(path.stem, word) for path in state.logs.glob("*.log"))


def attempts(name: str, execution: str, node: str | None = None, attempt: int | None = None) -> list[Source]:
    """The logs of an execution's tasks: the last attempt of each node, or the one asked for; raises NoLog.

    The execution may be written `project/domain/name` when its name alone is not unique.
    """
    state = SandboxState.locate(name)
    state.load()
    folders = _execution_folders(state, execution)
    nodes = [child for folder in folders for child in sorted(folder.iterdir()) if node in (None, child.name)]
    found = [source for child in nodes if (source := _attempt(child, execution, attempt)) is not None]
    if not found:
        raise NoLog(*_why_not(execution, folders, node))
    return found


def ended(sources: Sequence[Source]) -> bool:
    """Whether nothing will be added to the logs of these attempts.

    A marker is there from before an attempt's first line until its result is; both go when it is forgotten.
    """
    return all(
        (source.path.parent / records.RESULT).exists() or not (source.path.parent / records.MARKER).exists()
        for source in sources
    )


def read(sources: Sequence[Source], *, tail: int | None = None) -> Iterator[Chunk]:
    """What the logs hold now; `tail` is a number of lines for each."""
    for source in sources:
        try:
            data = source.path.read_bytes()
        except FileNotFoundError:
            continue
        if tail is not None:
            lines = data.splitlines(keepends=True)
            data = b"".join(lines[-tail:] if tail else [])
        yield Chunk(source, data)


def follow(
    sources: Sequence[Source], *, tail: int | None = None, until: Callable[[], bool] = lambda: False
) -> Iterator[Chunk]:
    """What the logs hold, then whatever is added, until `until` says so."""
    offsets: dict[Path, int] = {}
    for chunk in read(sources, tail=tail):
        offsets[chunk.source.path] = chunk.source.path.stat().st_size
        yield chunk
    while True:
        last = until()
        for source in sources:
            data = _added(source.path, offsets)
            if data:
                yield Chunk(source, data)
        if last:
            return
        time.sleep(POLL)


def _added(path: Path, offsets: dict[Path, int]) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            begin = offsets.get(path, 0)
            if size < begin:
                begin = 0  # it was begun anew
            file.seek(begin)
            data = file.read()
    except FileNotFoundError:
        return b""
    offsets[path] = begin + len(data)
    return data


def _same(stem: str, word: str) -> bool:
    return stem.replace("_", "-") == word.replace("_", "-")


def _execution_folders(state: SandboxState, execution: str) -> list[Path]:
    parts = execution.split("/")
    root = state.tasks / "attempts"
    if len(parts) == 3:
        return [root.joinpath(*parts)] if root.joinpath(*parts).is_dir() else []
    return [path for path in sorted(root.glob(f"*/*/{parts[0]}")) if path.is_dir()] if len(parts) == 1 else []


def _attempt(node: Path, execution: str, attempt: int | None) -> Source | None:
    numbers = sorted(int(child.name) for child in node.iterdir() if child.name.isdigit())
    numbers = [number for number in numbers if attempt in (None, number)]
    for number in reversed(numbers):
        path = node / str(number) / records.LOG
        if path.is_file():
            return Source(f"{execution} {node.name} attempt {number}", path)
    return None


def _why_not(execution: str, folders: Sequence[Path], node: str | None) -> tuple[str, str, str]:
    if not folders:
        return (
            f"the execution {execution!r} has no logs",
            "it does not exist, or none of its tasks ran: cached nodes print nothing",
            "Look at its nodes in the console; `sandbox console` opens it.",
        )
    known = ", ".join(sorted(child.name for folder in folders for child in folder.iterdir()))
    return (
        f"the node {node!r} of {execution} has no log",
        f"those that have one are {known}",
        "Name one of them.",
    )
