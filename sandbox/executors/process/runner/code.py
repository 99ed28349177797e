"""The code a task runs: an image's snapshot and a fast-registered distribution, in the working directory.

A distribution is fetched and unpacked once into the executor's cache; every attempt has a working directory
of its own in which it appears. Nothing is written where the template says `/root` or any other destination:
there, the working directory stands in for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tarfile
import typing

from . import s3

_BYTECODE = "__pycache__"
_MODULES = (".py", ".pyc", ".so")
_TOOLS = frozenset({"node_modules", "site-packages", "build", "dist"})


class CodeError(Exception):
    """The task's code could not be brought to where it runs."""


def overlay(target: str, *sources: str) -> None:
    """Make the entries of `sources` appear in the empty `target`, later ones on top; folders are merged.

    Packages and modules are linked, since nobody writes to them; other files are copied, so that a task that
    changes one changes its own, and one that hands one out as its output does not hand out a link.
    """
    _lay(target, sources, _Budget())


def fetch(uri: str, cache: str, store: s3.Store) -> str:
    """The directory with a distribution's content, fetched and unpacked if it is not in the cache yet."""
    version = store.version(uri)
    if version is None:
        raise CodeError(f"task execution code was not found at {uri}: register the project again")
    name = hashlib.sha256(f"{uri}\n{version}".encode()).hexdigest()[:24]
    directory = os.path.join(cache, name)
    if os.path.isdir(directory):
        return directory
    os.makedirs(cache, exist_ok=True)
    with open(directory + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(directory):
            _fetch_into(uri, directory, store)
    return directory


def unpack(archive: str, directory: str) -> None:
    """Unpack a tar file, never writing outside of `directory`: what points outside is refused."""
    links: list[tarfile.TarInfo] = []
    with tarfile.open(archive) as tar:
        for member in tar:
            place = _inside(directory, member.name)
            if member.isdir():
                os.makedirs(place, exist_ok=True)
            elif member.isreg():
                _write(tar.extractfile(member), place, member.mode)
            elif member.issym() or member.islnk():
                links.append(member)
    # Last, so that no file of the archive is ever written through a link of the archive.
    for member in links:
        _link(directory, member)


def _fetch_into(uri: str, directory: str, store: s3.Store) -> None:
    beside = f"{directory}.{os.getpid()}"
    shutil.rmtree(beside, ignore_errors=True)
    os.makedirs(beside)
    name = os.path.basename(uri)
    archive = os.path.join(beside, name)
    store.get(uri, archive)
    if name.endswith((".tar.gz", ".tgz", ".tar")):
        try:
            unpack(archive, beside)
        except (tarfile.TarError, EOFError, OSError) as exc:
            raise CodeError(f"the distribution {uri} cannot be unpacked: {exc}") from exc
        os.unlink(archive)
    if any(entry.endswith(".py") for entry in os.listdir(beside)):
        # These are imported through links: without this, their bytecode would stay with each attempt.
        os.makedirs(os.path.join(beside, _BYTECODE), exist_ok=True)
    os.rename(beside, directory)


class _Budget:
    """How much may still be copied for one attempt; what is beyond is linked.

    Small, since every attempt pays: creating a file costs a file system far more than the bytes in it.
    """

    entries = 100
    size = 16 << 20


def _lay(target: str, folders: typing.Iterable[str], budget: _Budget) -> None:
    found: dict[str, list[os.DirEntry[str]]] = {}
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                found.setdefault(entry.name, []).append(entry)
    for name, layers in found.items():
        _place(layers, os.path.join(target, name), budget)


def _place(entries: list[os.DirEntry[str]], place: str, budget: _Budget) -> None:
    """Put the last of entries of one name at its place, merged with those below it where they are folders."""
    entry = entries[-1]
    budget.entries -= 1
    layers = _layers(entries)
    if entry.name == _BYTECODE or entry.name.endswith(_MODULES):
        os.symlink(entry.path, place)
    elif len(layers) > 1:
        os.mkdir(place)
        _lay(place, layers, budget)
    elif budget.entries < 0:
        os.symlink(entry.path, place)
    elif entry.is_dir():
        if _is_left_alone(entry):
            os.symlink(entry.path, place)
        else:
            os.mkdir(place)
            _lay(place, layers, budget)
    elif entry.is_file() and entry.stat().st_size <= budget.size:
        budget.size -= entry.stat().st_size
        shutil.copy2(entry.path, place)
    else:
        os.symlink(entry.path, place)


def _layers(entries: list[os.DirEntry[str]]) -> list[str]:
    """The folders to be merged, the uppermost last: without those of which nothing would be seen."""
    layers: list[str] = []
    for entry in reversed(entries):
        if not entry.is_dir():
            break
        if not any(_covers(upper, entry.path) for upper in layers):
            layers.append(entry.path)
    return layers[::-1]


def _covers(upper: str, lower: str) -> bool:
    """Whether a folder has everything that another one has."""
    names = frozenset(os.listdir(upper))
    with os.scandir(lower) as entries:
        for entry in entries:
            if entry.name == _BYTECODE:
                continue
            if entry.name not in names:
                return False
            above = os.path.join(upper, entry.name)
            if entry.is_dir() and os.path.isdir(above) and not _covers(above, entry.path):
                return False
    return True


def _is_left_alone(folder: os.DirEntry[str]) -> bool:
    """Whether a task has no business writing there: packages, environments, what tools keep."""
    if folder.name.startswith(".") or folder.name in _TOOLS:
        return True
    return any(os.path.exists(os.path.join(folder.path, name)) for name in ("__init__.py", "pyvenv.cfg"))


def _inside(directory: str, name: str) -> str:
    place = os.path.normpath(os.path.join(directory, name.lstrip("/")))
    if place != directory and not place.startswith(directory + os.sep):
        raise CodeError(f"the distribution holds {name!r}, which lies outside of it")
    return place


def _write(content: typing.IO[bytes] | None, place: str, mode: int) -> None:
    if content is None:
        return
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "wb") as file:
        shutil.copyfileobj(content, file)
    os.chmod(place, 0o600 | (mode & 0o755))


def _link(directory: str, member: tarfile.TarInfo) -> None:
    place = _inside(directory, member.name)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    if os.path.isdir(place) and not os.path.islink(place):
        raise CodeError(f"the distribution holds {member.name!r} both as a link and as a folder")
    if os.path.lexists(place):
        os.unlink(place)
    if member.issym():
        os.symlink(member.linkname, place)
    else:
        os.link(_inside(directory, member.linkname), place)
