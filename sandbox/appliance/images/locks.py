"""Parts of a locked requirements file: what one package needs, with versions and hashes as they were locked.
Pure.

The file is one that `uv pip compile` wrote: each requirement begins in the first column, its hashes and the
names of those that need it (`# via …`) are indented below.
"""

from __future__ import annotations

import re
from collections.abc import Collection

PROJECT = "(the project)"
"""Stands for the project in the place of a package that needs others."""
_NAME = re.compile(r"^([A-Za-z0-9._-]+)")


def closure(text: str, roots: Collection[str]) -> str:
    """The requirements `roots` and all that they need; raises KeyError for a root that is not in the file."""
    entries = _entries(text)
    missing = set(roots) - entries.keys()
    if missing:
        raise KeyError(", ".join(sorted(missing)))
    wanted: set[str] = set()
    found = set(roots)
    while found:
        wanted |= found
        found = {name for name, (_, needed_by) in entries.items() if needed_by & wanted} - wanted
    return "".join(entry for name, (entry, _) in entries.items() if name in wanted)


def direct(text: str) -> set[str]:
    """The requirements that the project itself asks for."""
    return {name for name, (_, needed_by) in _entries(text).items() if PROJECT in needed_by}


def _entries(text: str) -> dict[str, tuple[str, set[str]]]:
    """Name → the lines of a requirement, and the names of those that need it."""
    entries: dict[str, tuple[str, set[str]]] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if match := _NAME.match(line):
            name = match.group(1)
            entries[name] = (line, set())
        elif name and line.startswith(" "):
            entry, needed_by = entries[name]
            comment = line.strip().removeprefix("#").strip().removeprefix("via").strip()
            if not line.strip().startswith("#"):
                entry += line
            elif comment:
                who, _, where = comment.partition(" ")
                needed_by = needed_by | {PROJECT if where.startswith("(pyproject.toml") else who}
            entries[name] = (entry, needed_by)
    return {
        name: (entry.rstrip("\n").removesuffix("\\").rstrip() + "\n", needed_by)
        for name, (entry, needed_by) in entries.items()
    }
