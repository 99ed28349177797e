"""Folders as tar archives for a container's root, and archives of a container's folder back to files.

What comes out of a container is not trusted: nothing is written outside of the folder, and a link is replaced
by what it points to inside of the archive.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO

_FOLDER_MODE = 0o777
"""The container's user is not known: it may be anybody."""
_FILE_MODE = 0o666
_SECRET_MODE = 0o644


class BadArchive(Exception):
    """The archive holds what can't be files here."""


def add_folder(tar: tarfile.TarFile, folder: Path | None, place: PurePosixPath) -> None:
    """Everything in a folder at an absolute place; `None`: an empty folder there."""
    _add_directory(tar, place)
    for path in sorted(folder.rglob("*")) if folder is not None else ():
        inside = place / path.relative_to(folder).as_posix() if folder is not None else place
        if path.is_dir():
            _add_directory(tar, inside)
        else:
            with path.open("rb") as file:
                _add_file(tar, inside, file, path.stat().st_size, _FILE_MODE)


def add_files(tar: tarfile.TarFile, files: Mapping[str, bytes], place: PurePosixPath) -> None:
    """These files at their relative paths below an absolute place, which only the reading is for."""
    _add_directory(tar, place)
    for name, content in files.items():
        for parent in reversed(PurePosixPath(name).parents[:-1]):
            _add_directory(tar, place / parent)
        _add_file(tar, place / name, io.BytesIO(content), len(content), _SECRET_MODE)


def unpack(archive: IO[bytes], folder: Path) -> None:
    """An archive of one folder, without that folder's own name. Raises BadArchive."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(fileobj=archive) as tar:
            for member in tar:
                parts = PurePosixPath(member.name).parts[1:]
                if not parts:
                    continue
                if ".." in parts:
                    raise BadArchive(f"{member.name!r} lies outside of its folder")
                _unpack_member(tar, member, folder.joinpath(*parts))
    except (tarfile.TarError, EOFError) as exc:
        raise BadArchive(f"the container's files can't be read: {exc}") from exc


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    if not (member.isreg() or member.issym() or member.islnk()):
        return  # sockets, pipes and devices are no data
    try:
        content = tar.extractfile(member)
    except KeyError as exc:
        raise BadArchive(
            f"{path.name!r} is a link to {member.linkname!r}, which is not among the outputs"
        ) from exc
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with content, path.open("wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)


def _add_directory(tar: tarfile.TarFile, place: PurePosixPath) -> None:
    member = tarfile.TarInfo(str(place).lstrip("/"))
    member.type = tarfile.DIRTYPE
    member.mode = _FOLDER_MODE
    tar.addfile(member)


def _add_file(tar: tarfile.TarFile, place: PurePosixPath, content: IO[bytes], size: int, mode: int) -> None:
    member = tarfile.TarInfo(str(place).lstrip("/"))
    member.size = size
    member.mode = mode
    tar.addfile(member, content)
