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


def overlay(target: str, source: str) -> None:
    """Make the entries of `source` appear in `target`, over those that are there; folders are merged.

    Packages and modules are linked, since nobody writes to them; other files are copied, so that a task that
    changes one changes its own, and one that hands one out as its output does not hand out a link.
    """
    _overlay(target, source, _Budget())


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
    # Top-level modules are imported through links: without this, their bytecode would stay with each attempt.
    os.makedirs(os.path.join(beside, _BYTECODE), exist_ok=True)
    os.rename(beside, directory)


class _Budget:
    """How much may still be copied for one attempt; what is beyond is linked.

    Small, since every attempt pays: creating a file costs a file system far more than the bytes in it.
    """

    entries = 100
    size = 16 << 20


def _overlay(target: str, source: str, budget: _Budget) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            place = os.path.join(target, entry.name)
            if entry.is_dir() and os.path.isdir(place):
                _open_up(place, budget)
                _overlay(place, entry.path, budget)
                continue
            if os.path.lexists(place):
                os.unlink(place)
            _place(entry, place, budget)


def _place(entry: os.DirEntry[str], place: str, budget: _Budget) -> None:
    budget.entries -= 1
    if budget.entries < 0 or entry.name == _BYTECODE or entry.name.endswith(_MODULES):
        os.symlink(entry.path, place)
    elif entry.is_dir():
        if _is_left_alone(entry):
            os.symlink(entry.path, place)
        else:
            os.mkdir(place)
            _overlay(place, entry.path, budget)
    elif entry.is_file() and entry.stat().st_size <= budget.size:
        budget.size -= entry.stat().st_size
        shutil.copy2(entry.path, place)
    else:
        os.symlink(entry.path, place)


def _is_left_alone(folder: os.DirEntry[str]) -> bool:
    """Whether a task has no business writing there: packages, environments, what tools keep."""
    if folder.name.startswith(".") or folder.name in _TOOLS:
        return True
    return any(os.path.exists(os.path.join(folder.path, name)) for name in ("__init__.py", "pyvenv.cfg"))


def _open_up(place: str, budget: _Budget) -> None:
    """Turn a link to a folder into a folder, so that another can be laid over it."""
    if os.path.islink(place):
        below = os.path.realpath(place)
        os.unlink(place)
        os.mkdir(place)
        _overlay(place, below, budget)


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
