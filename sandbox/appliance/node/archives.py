"""Images as files: those of the host, and those inside the node.

An archive is what `docker save` writes, packed with gzip. Loading one that holds more than it should does no
harm: images are found by their tags.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.appliance.node import distributions
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.engine import Engine, errors
from sandbox.appliance.node.errors import ImageUnavailable
from sandbox.appliance.node.execution import check

_CHUNK = 1 << 20
_LEVEL = 1
"""gzip's: an image is packed at some 60 MB a second then, and is a tenth larger than at its best."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image of this program's that is on the host or in a node."""

    reference: str
    size: int
    """Bytes."""
    created: str
    """ISO 8601, or seconds since 1970."""


def on_host(engine: Engine) -> list[Image]:
    """The node images and all others of this program on the host."""
    with errors("Docker does not list its images"):
        found = engine.api.images()
    return sorted(
        (
            Image(tag, int(one["Size"]), str(one["Created"]))
            for one in found
            for tag in one.get("RepoTags") or ()
            if tag.startswith("flyte-sandbox/")
        ),
        key=lambda image: image.reference,
    )


def in_node(engine: Engine, node: Node) -> list[Image]:
    """All images that pods of a node can use without a registry."""
    form = "{{.Repository}}:{{.Tag}}\t{{.ID}}\t{{.CreatedAt}}"
    listed = check(engine, node, ["docker", "image", "ls", "--format", form]).text.splitlines()
    rows = [line.split("\t") for line in listed if "<none>" not in line]
    if not rows:
        return []
    ids = list(dict.fromkeys(row[1] for row in rows))
    inspected = check(
        engine, node, ["docker", "image", "inspect", "--format", "{{.Size}}", *ids]
    ).text.split()
    sizes = dict(zip(ids, (int(size) for size in inspected), strict=True))
    return sorted(
        (Image(tag, sizes[identifier], created) for tag, identifier, created in rows),
        key=lambda image: image.reference,
    )


def node_images(engine: Engine) -> list[str]:
    """The node images of this version that are on the host."""
    known = [distributions.get(name).image for name in distributions.NAMES]
    return [reference for reference in known if engine.has_image(reference)]


def save(engine: Engine, references: Sequence[str], path: Path) -> int:
    """Write images of the host to an archive. Returns its size in bytes. Raises ImageUnavailable."""
    for reference in references:
        if not engine.has_image(reference):
            remedy = "`sandbox images list` shows those that are."
            raise ImageUnavailable(f"there is no image {reference}", "it is not on this machine", remedy)
    return _write(path, engine.save(references))


def load(engine: Engine, path: Path) -> list[str]:
    """Read an archive into the host's engine. Returns what it held."""
    loaded: list[str] = []
    failure = ""
    what = f"the archive {path} can't be loaded"
    with errors(what, "Is it one that `sandbox images save` wrote?"), path.open("rb") as file:
        for line in engine.api.load_image(file):
            failure = str(line.get("error") or failure)
            loaded += _loaded(str(line.get("stream") or ""))
    if failure:
        raise ImageUnavailable(what, failure, "Save it again.")
    return loaded


def save_from_node(engine: Engine, node: Node, references: Sequence[str], path: Path) -> int:
    """Write images of a node to an archive on the host. Returns its size in bytes."""
    partial = path.with_name(path.name + ".partial")
    try:
        with gzip.open(partial, "wb", compresslevel=_LEVEL) as file:
            check(engine, node, ["docker", "image", "save", *references], written=file.write)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path.stat().st_size


def load_into_node(engine: Engine, node: Node, path: Path) -> list[str]:
    """Read an archive of the host into a node: pods can use the images at once. Returns what it held."""
    with path.open("rb") as file:
        output = check(engine, node, ["docker", "image", "load"], stdin=iter(lambda: file.read(_CHUNK), b""))
    return _loaded(output.text)


def copy_into_node(engine: Engine, node: Node, references: Sequence[str]) -> list[str]:
    """Bring images of the host into a node. Returns what came."""
    return _loaded(check(engine, node, ["docker", "image", "load"], stdin=engine.save(references)).text)


def copy_between(
    engine: Engine, source: Node, target: Node, references: Sequence[str], scratch: Path
) -> list[str]:
    """Bring images of one node to another, by way of a file in `scratch`."""
    archive = scratch / f"images-of-{source.spec.container}.tar.gz"
    try:
        save_from_node(engine, source, references, archive)
        return load_into_node(engine, target, archive)
    finally:
        archive.unlink(missing_ok=True)


def _write(path: Path, pieces: Iterable[bytes]) -> int:
    partial = path.with_name(path.name + ".partial")
    try:
        with gzip.open(partial, "wb", compresslevel=_LEVEL) as file:
            for piece in pieces:
                file.write(piece)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path.stat().st_size


def _loaded(text: str) -> list[str]:
    marker = "Loaded image: "
    return [line.removeprefix(marker).strip() for line in text.splitlines() if line.startswith(marker)]
