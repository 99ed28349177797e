"""Brings our images into a Docker engine whose images pods can use: they are there, or they are loaded from
the cache, or they are built, and then kept in the cache for the next node.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.images.contexts import Context

Printed = Callable[[bytes], None]
"""Gets what a command prints, as it comes."""
_CHUNK = 1 << 20
_LAST_LINES = 25


class ImageNotBuilt(ApplianceError):
    """An image could not be built."""


class DockerFailed(Exception):
    """`docker …` ended with another exit code than 0; says what it printed."""


class Docker(Protocol):
    """A Docker engine, by its command line."""

    def run(
        self, arguments: Sequence[str], *, stdin: Iterable[bytes] = (), printed: Printed | None = None
    ) -> bytes:
        """`docker ARGUMENTS`, to its end: what it wrote to stdout, unless `printed` gets it as it comes.
        Raises DockerFailed."""


@dataclass(frozen=True, slots=True)
class Provided:
    """An image that is there now."""

    reference: str
    how: str
    """`present`, `loaded` or `built`."""
    seconds: float


def provide(
    docker: Docker, context: Context, *, cache: Path | None = None, printed: Printed | None = None
) -> Provided:
    """Have the image of `context` under its tag, and under its alias; raises ImageNotBuilt.

    `cache`: a folder for archives of images; None: neither look for one nor keep one.
    """
    began = time.monotonic()
    archive = cache / f"{context.name}-{context.digest}.tar" if cache else None
    if is_there(docker, context.reference):
        how = "present"
    elif archive is not None and archive.is_file() and _load(docker, archive, context.reference):
        how = "loaded"
    else:
        build(docker, context, printed=printed)
        how = "built"
        if archive is not None:
            keep(docker, context, archive)
    docker.run(["tag", context.reference, context.alias])
    return Provided(context.reference, how, time.monotonic() - began)


def is_there(docker: Docker, reference: str) -> bool:
    """Whether the engine has the image."""
    return bool(docker.run(["images", "--quiet", reference]).strip())


def build(docker: Docker, context: Context, *, printed: Printed | None = None) -> None:
    """Build the image, with the network of the engine's own host; raises ImageNotBuilt."""
    lines = _Lines(printed)
    arguments = [f"--build-arg={name}={value}" for name, value in context.arguments.items()]
    command = ["build", "--network=host", f"--tag={context.reference}", *arguments, "-"]
    try:
        docker.run(command, stdin=_pieces(context.archive()), printed=lines)
    except DockerFailed as exc:
        raise ImageNotBuilt(
            f"the image {context.alias} could not be built",
            lines.last() or str(exc),
            "It needs Debian's and Python's package archives: look at network, proxy and --ca-bundle, then "
            "start again.",
        ) from exc


def keep(docker: Docker, context: Context, archive: Path) -> None:
    """Write the image to `archive`, all or nothing, and remove those of older contents. A full disk is no
    failure: the next node builds it again."""
    with contextlib.suppress(OSError):
        archive.parent.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_name(f"{archive.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                docker.run(["save", context.reference], printed=lambda data: _write(file.write, data))
            unfinished.replace(archive)
        finally:
            unfinished.unlink(missing_ok=True)
        for old in archive.parent.glob(f"{context.name}-*.tar"):
            if old != archive:
                old.unlink()


def _write(write: Callable[[bytes], object], data: bytes) -> None:
    write(data)


def _load(docker: Docker, archive: Path, reference: str) -> bool:
    """False for an archive that is of no use."""
    try:
        with archive.open("rb") as file:
            docker.run(["load", "--quiet"], stdin=iter(lambda: file.read(_CHUNK), b""))
    except (OSError, DockerFailed):
        archive.unlink(missing_ok=True)
        return False
    return is_there(docker, reference)


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]


class _Lines:
    """Keeps the last of what is printed, and hands it on."""

    def __init__(self, printed: Printed | None) -> None:
        self._printed = printed
        self._kept = b""

    def __call__(self, data: bytes) -> None:
        self._kept = (self._kept + data)[-8192:]
        if self._printed:
            self._printed(data)

    def last(self) -> str:
        """The last lines, for an error."""
        return "\n".join(self._kept.decode("utf-8", "replace").splitlines()[-_LAST_LINES:]).strip()
