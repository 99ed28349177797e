"""What pyflyte writes: `flyte-package.tgz`, or the same files in a folder.

    0_<task>_1.pb  1_<workflow>_2.pb  2_<launch plan>_3.pb  fast<hash>.tar.gz

The number before the extension tells the kind; the order of the names is the order in which dependencies
come first. The archive inside the archive is the source code of a fast registration. Nothing is unpacked to
the disk.
"""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2
from google.protobuf.message import DecodeError

from sandbox.appliance.registering.errors import PackageUnreadable

ARCHIVES = (".tgz", ".tar.gz", ".tar")
SIZE_LIMIT = 1024**3
"""Bytes, unpacked; more is a mistake or an attack."""
_KIND = re.compile(r"_([123])\.pb$")

Spec: TypeAlias = task_pb2.TaskSpec | workflow_pb2.WorkflowSpec | launch_plan_pb2.LaunchPlan
_KINDS: dict[str, type[Spec]] = {
    "1": task_pb2.TaskSpec,
    "2": workflow_pb2.WorkflowSpec,
    "3": launch_plan_pb2.LaunchPlan,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a package."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Package:
    """The files to register, dependencies first, and the source code of a fast registration."""

    specs: tuple[Entry, ...]
    source: Entry | None


def is_archive(path: Path) -> bool:
    """Whether the name is an archive's, and not that of the source code beside the specs."""
    return path.name.endswith(ARCHIVES) and not _is_source(path.name)


def read(paths: Iterable[Path]) -> Package:
    """All files of archives, folders and single files together; raises PackageUnreadable."""
    entries = [entry for path in paths for entry in _entries(path)]
    sources = [entry for entry in entries if _is_source(entry.name)]
    specs = sorted(
        (entry for entry in entries if entry.name.endswith(".pb")), key=lambda entry: _order(entry.name)
    )
    if not specs:
        raise PackageUnreadable(
            "there is nothing to register",
            "none of the files ends in .pb",
            "Make a package with `pyflyte --pkgs PACKAGE package --image IMAGE`, and give its path.",
        )
    return Package(tuple(specs), sources[-1] if sources else None)


def parse(entry: Entry) -> Spec:
    """The spec in a file: by the number in its name, otherwise the first kind that it can be."""
    match = _KIND.search(entry.name)
    first = [_KINDS[match[1]]] if match else []
    for kind in [*first, *(kind for kind in _KINDS.values() if kind not in first)]:
        spec = kind()
        try:
            spec.ParseFromString(entry.content)
        except DecodeError:
            continue
        if identifier(spec).name:
            return spec
    raise PackageUnreadable(
        f"{entry.name} can't be read",
        "it is no task, workflow or launch plan that pyflyte wrote",
        "Make the package again.",
    )


def identifier(spec: Spec) -> identifier_pb2.Identifier:
    """The entity's own id."""
    return spec.id if isinstance(spec, launch_plan_pb2.LaunchPlan) else spec.template.id


def _entries(path: Path) -> Iterator[Entry]:
    if path.is_dir():
        for child in sorted(path.iterdir()):
            if child.is_file():
                yield Entry(str(child), child.read_bytes())
    elif not path.exists():
        raise PackageUnreadable(
            f"{path} does not exist", "", "Make it with `pyflyte --pkgs PACKAGE package --image IMAGE`."
        )
    elif is_archive(path):
        yield from _unpacked(path)
    elif path.name.endswith(".pb") or _is_source(path.name):
        yield Entry(str(path), path.read_bytes())
    else:
        raise PackageUnreadable(
            f"{path} can't be registered",
            "it is neither a .tgz, .tar.gz or .tar archive nor a .pb file",
            "Give the flyte-package.tgz that `pyflyte package` writes.",
        )


def _unpacked(path: Path) -> Iterator[Entry]:
    total = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if not member.isfile():
                    continue
                total += member.size
                if total > SIZE_LIMIT:
                    raise PackageUnreadable(
                        f"{path} is too large", "unpacked it has over 1 GiB", "Package less, or by pieces."
                    )
                file = archive.extractfile(member)
                if file is not None:
                    yield Entry(member.name.removeprefix("./"), file.read())
    except (tarfile.TarError, EOFError, zlib.error, OSError) as exc:
        raise PackageUnreadable(
            f"the archive {path} is broken",
            str(exc) or type(exc).__name__,
            "Make it again with `pyflyte --pkgs PACKAGE package --image IMAGE`, or copy it again.",
        ) from exc


def _is_source(name: str) -> bool:
    base = name.rsplit("/", 1)[-1]
    return base.startswith("fast") and base.endswith(".tar.gz")


def _order(name: str) -> tuple[int, int | float, str]:
    """By kind first: tasks, workflows, launch plans; then by pyflyte's running number, which is
    topological."""
    base = name.rsplit("/", 1)[-1]
    number = re.match(r"(\d+)_", base)
    return (0 if number else 1, int(number[1]) if number else 0, base)
