"""A project's files, copied as they are now: what `COPY . /root` would put into an image.

What a `.dockerignore` names stays out; a project without one, what its `.gitignore` names. Version control,
virtual environments and caches never go in.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sandbox.appliance.building import ignores
from sandbox.appliance.building.errors import ProjectUnusable

SIZE_LIMIT = 2 * 1024**3
"""Bytes; a larger project is a mistake, such as a home directory or a data lake."""

_VERSION_CONTROL = frozenset((".git", ".hg", ".svn"))
_CACHES = frozenset(
    (".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", "__pycache__")
)
_INSTALLED = frozenset((".venv", "node_modules", ".flyte"))
_NEVER = _VERSION_CONTROL | _CACHES | _INSTALLED


def files(project: Path) -> Iterator[str]:
    """The project's files, relative to it, in order."""
    rules = _rules(project)
    yield from _walk(project, "", rules)


def digest(project: Path) -> str:
    """Names and contents of all files, as a short hash."""
    sha = hashlib.sha256()
    total = 0
    for name in files(project):
        path = project / name
        status = path.lstat()
        total += status.st_size
        if total > SIZE_LIMIT:
            raise ProjectUnusable(
                f"{project} is too large to be a project",
                f"it has over {SIZE_LIMIT // 1024**3} GiB; the largest folder is {_largest(project)}",
                "Name what does not belong to it in a .dockerignore, or choose the folder with the code.",
            )
        sha.update(f"{name}\0{status.st_mode & 0o111:o}\0".encode("utf-8", "surrogateescape"))
        sha.update(_content_digest(path))
    return sha.hexdigest()[:16]


def take(project: Path, target: Path) -> None:
    """Copy the project's files to `target`, which must not exist; all or nothing."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        for name in files(project):
            destination = temporary / name
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, destination, follow_symlinks=False)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _rules(project: Path) -> ignores.Ignores:
    for name, parse in ((".dockerignore", ignores.parse_docker), (".gitignore", ignores.parse_git)):
        path = project / name
        if path.is_file():
            return parse(path.read_text(encoding="utf-8", errors="replace").splitlines())
    return ignores.Ignores()


def _walk(project: Path, folder: str, rules: ignores.Ignores) -> Iterator[str]:
    with os.scandir(project / folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{folder}{entry.name}"
        is_directory = entry.is_dir(follow_symlinks=False)
        excluded = rules.excludes(name, is_directory=is_directory)
        if is_directory:
            if entry.name in _NEVER or (Path(entry.path) / "pyvenv.cfg").exists():
                continue
            if not excluded or rules.takes_back:
                yield from _inside(project, name, rules, excluded)
        elif not excluded and not entry.name.endswith(".pyc") and (entry.is_file() or entry.is_symlink()):
            yield name


def _inside(project: Path, folder: str, rules: ignores.Ignores, excluded: bool) -> Iterator[str]:
    """The files of a folder; of an excluded one only those that a later rule takes back."""
    for name in _walk(project, f"{folder}/", rules):
        if not excluded or _taken_back(name, folder, rules):
            yield name


def _taken_back(name: str, folder: str, rules: ignores.Ignores) -> bool:
    parts = name[len(folder) + 1 :].split("/")
    for depth in range(1, len(parts) + 1):
        path = "/".join([folder, *parts[:depth]])
        is_directory = depth < len(parts)
        for rule in rules.rules:
            if (
                not rule.excludes
                and rule.pattern.fullmatch(path)
                and (is_directory or not rule.directories_only)
            ):
                return True
    return False


def _content_digest(path: Path) -> bytes:
    if path.is_symlink():
        return hashlib.sha256(os.fsencode(os.readlink(path))).digest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _largest(project: Path) -> str:
    sizes: dict[str, int] = {}
    for name in files(project):
        top = name.split("/", 1)[0]
        sizes[top] = sizes.get(top, 0) + (project / name).lstat().st_size
    return max(sizes, key=lambda top: sizes[top])
