"""All images that sandboxes are made of as one file, to be carried to a machine that can't build or pull
them.

The file is a tar archive: an index, the node's images as `docker save` writes them, and what the cache
keeps of the control plane's. Both come packed with gzip. Loading brings the first into this machine's
engine and puts the second into the cache, from where the next node takes them.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import sandbox
from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.images import cache
from sandbox.appliance.node import archives, container, engine
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.progress import Progress, step

_INDEX = "index.json"
_NODE = "node.tar.gz"
_KEPT = re.compile(r"cache/([a-z-]+-[0-9a-f]{12}\.tar)\.gz")
_LEVEL = 1


class ArchiveUnusable(ApplianceError):
    """The file is none that `sandbox images save` wrote."""


@dataclass(frozen=True, slots=True)
class Found:
    """An image, and where it is."""

    reference: str
    place: str
    """`machine`, `cache`, or `node <name>`."""
    size: int
    """Bytes."""


def every(name: str) -> list[Found]:
    """Images of this machine's engine, of the cache, and of the sandbox of that name if it runs."""
    docker = engine.connect()
    try:
        found = [Found(image.reference, "machine", image.size) for image in archives.on_host(docker)]
        found += [Found(path.stem, "cache", path.stat().st_size) for path in cache.archives()]
        node = container.find(docker, name)
        if node is not None and node.running:
            inside = archives.in_node(docker, node)
            found += [Found(image.reference, f"node {name}", image.size) for image in inside]
        return found
    finally:
        docker.close()


def save(path: Path, progress: Progress) -> list[str]:
    """Write the archive, all or nothing. Returns what is in it. Raises ApplianceError."""
    docker = engine.connect()
    try:
        references = archives.node_images(docker)
        kept = cache.archives()
        if not references and not kept:
            raise ApplianceError(
                "there are no images to save",
                "no sandbox in a container was started on this machine",
                "Start one first: `sandbox start --profile sandbox`.",
            )
        with tempfile.TemporaryDirectory(prefix=".flyte-sandbox-", dir=path.absolute().parent) as scratch:
            unfinished = Path(scratch) / "archive.tar"
            with tarfile.open(unfinished, "w") as archive:
                _add_index(archive, [*references, *(one.stem for one in kept)])
                if references:
                    with step(progress, "node", "Node image"):
                        archives.save(docker, references, Path(scratch) / _NODE)
                        archive.add(Path(scratch) / _NODE, _NODE)
                for one in kept:
                    with step(progress, "image", one.stem):
                        packed = _packed(one, Path(scratch))
                        archive.add(packed, f"cache/{one.name}.gz")
                        packed.unlink()
            unfinished.replace(path)
    finally:
        docker.close()
    return [*references, *(one.stem for one in kept)]


def load(path: Path, progress: Progress) -> list[str]:
    """Read an archive. Returns what was in it. Raises ArchiveUnusable."""
    loaded: list[str] = []
    try:
        with tarfile.open(path, "r:") as archive:
            _check_index(archive, path, progress)
            for member in archive:
                if member.name == _NODE:
                    with step(progress, "node", "Node image"):
                        loaded += _load_node(archive, member)
                elif match := _KEPT.fullmatch(member.name):
                    with step(progress, "image", Path(match[1]).stem):
                        _keep(archive, member, cache.folder() / match[1])
                        loaded.append(Path(match[1]).stem)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as exc:
        raise _unusable(path, str(exc)) from exc
    return loaded


def _add_index(archive: tarfile.TarFile, names: list[str]) -> None:
    content = json.dumps({"version": sandbox.__version__, "images": names}).encode()
    member = tarfile.TarInfo(_INDEX)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _check_index(archive: tarfile.TarFile, path: Path, progress: Progress) -> None:
    first = archive.next()
    content = archive.extractfile(first) if first is not None and first.name == _INDEX else None
    if content is None:
        raise _unusable(path, f"it does not begin with {_INDEX}")
    version = json.loads(content.read())["version"]
    if version != sandbox.__version__:
        progress.note(
            f"The archive is of version {version}, this is {sandbox.__version__}: some may be made anew."
        )


def _load_node(archive: tarfile.TarFile, member: tarfile.TarInfo) -> list[str]:
    docker: Engine = engine.connect()
    try:
        with tempfile.NamedTemporaryFile(prefix="flyte-sandbox-", suffix=".tar.gz") as file:
            shutil.copyfileobj(_content(archive, member), file)
            file.flush()
            return archives.load(docker, Path(file.name))
    finally:
        docker.close()


def _keep(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Into the cache, all or nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.loading")
    try:
        with gzip.open(_content(archive, member)) as source, unfinished.open("wb") as file:
            shutil.copyfileobj(source, file)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _packed(path: Path, scratch: Path) -> Path:
    packed = scratch / f"{path.name}.gz"
    with path.open("rb") as source, gzip.open(packed, "wb", compresslevel=_LEVEL) as file:
        shutil.copyfileobj(source, file)
    return packed


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> io.BufferedReader:
    content = archive.extractfile(member)
    if not isinstance(content, io.BufferedReader):
        raise tarfile.ReadError(f"{member.name} is no file")
    return content


def _unusable(path: Path, cause: str) -> ArchiveUnusable:
    return ArchiveUnusable(
        f"{path} is no archive of images",
        cause,
        "Write one with `sandbox images save FILE` on another machine.",
    )
