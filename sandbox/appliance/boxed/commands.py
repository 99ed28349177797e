"""`sandbox exec` and `sandbox build` of a sandbox in a container: both happen inside the node, whose Docker
engine runs the pods, so that an image that is built there is there for them at once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import docker.utils.build as docker_build

from sandbox.appliance.boxed.opened import opened
from sandbox.appliance.building.errors import BuildFailed
from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.node import execution
from sandbox.appliance.node.specification import SOURCE

_PIECE = 1 << 20
_LAST_LINES = 25


def execute(name: str, words: Sequence[str]) -> int:
    """Run a command in the node, in the mounted source if there is one, with this process's input and output;
    its exit code. Raises NotFound, NotRunning, ApplianceError."""
    with opened(name) as box:
        directory = SOURCE if box.node.spec.source is not None else "/"
        lookup = execution.run(
            box.docker, box.node, ["sh", "-c", 'command -v -- "$0"', words[0]], directory=directory
        )
        if lookup.code != 0:
            raise ApplianceError(
                f"there is no command {words[0]!r} in the node",
                "`sandbox exec` runs in the sandbox's container, beside Docker and Kubernetes",
                "What is your project's own, such as pyflyte, runs on this machine, in its environment: the "
                "client config leads it to the sandbox.",
            )
        return execution.interact(box.docker, box.node, list(words), directory=directory)


def build(
    name: str,
    path: Path,
    tag: str,
    *,
    dockerfile: str = "Dockerfile",
    arguments: Sequence[str] = (),
    told: Callable[[bytes], None],
) -> None:
    """Build an image from the Dockerfile in a folder of this machine; pods can use it at once.

    `told` gets what Docker prints, as it comes. Raises BuildFailed.
    """
    if not (path / dockerfile).is_file():
        raise BuildFailed(
            f"{tag} can't be built",
            f"there is no {path / dockerfile}" if path.is_dir() else f"{path} is not a folder",
            "A sandbox in a container builds images from a Dockerfile; `FROM python:3.11-slim` needs no "
            "registry.",
        )
    said = _Tail(told)
    with opened(name) as box, tempfile.TemporaryFile() as file:
        _pack(path, file, dockerfile)
        file.seek(0)
        command = ["docker", "build", "--tag", tag, "--file", dockerfile]
        command += [word for argument in arguments for word in ("--build-arg", argument)]
        done = execution.run(
            box.docker, box.node, [*command, "-"], stdin=iter(lambda: file.read(_PIECE), b""), printed=said
        )
    if done.code != 0:
        cause = said.text() or f"docker build ended with {done.code}"
        raise BuildFailed(f"{tag} can't be built", cause, "Mend what it says.")


class _Tail:
    """Hands output on, and remembers its end."""

    def __init__(self, told: Callable[[bytes], None]) -> None:
        self._told = told
        self._end = b""

    def __call__(self, data: bytes) -> None:
        self._end = (self._end + data)[-16384:]
        self._told(data)

    def text(self) -> str:
        return "\n".join(self._end.decode(errors="replace").strip().splitlines()[-_LAST_LINES:])


def _pack(path: Path, file: BinaryIO, dockerfile: str) -> None:
    """The folder as Docker's client would send it: without what .dockerignore excludes.

    Packed: Docker tells a plain archive by its first block alone, and fails at one that begins with an
    extended header.
    """
    ignored = path / ".dockerignore"
    lines = ignored.read_text("utf-8", "replace").splitlines() if ignored.is_file() else []
    excluded = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    docker_build.tar(str(path), exclude=excluded, dockerfile=(dockerfile, None), fileobj=file, gzip=True)
