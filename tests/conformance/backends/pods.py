"""The profile `sandbox`: every task a pod, in the image that is for tasks."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flytekit.remote import FlyteRemote

from sandbox.testing import commands
from sandbox.testing.running import FlyteSandbox
from tests.boxes import Box
from tests.conformance.backends import DOMAIN, PROJECT, VERSION
from tests.sandboxes import CommandFailed

_DOCKERFILE = """\
FROM {base}
RUN pip install pandas pyarrow pydantic
COPY --chown=flyte:flyte {name} /root/{name}
"""


class Pods:
    """See `Backend`."""

    width = 4
    patience = 600.0
    capabilities = frozenset[str]()

    def __init__(self, flyte: FlyteSandbox, folder: Path) -> None:
        self.endpoint = flyte.endpoint
        self.client_config = flyte.client_config
        self.image = f"conformance:{VERSION}"
        self._flyte = flyte
        self._folder = folder
        self._mine = threading.local()

    def remote(self) -> FlyteRemote:
        if not hasattr(self._mine, "remote"):
            self._mine.remote = self._flyte.remote(PROJECT, DOMAIN)
        remote: FlyteRemote = self._mine.remote
        return remote

    def register(self, folder: Path) -> None:
        """The code is in the image: a pod that downloads it first imports flytekit twice, which is most of
        what a small task takes. What cases give to `pyflyte run --remote` is downloaded."""
        there = self._folder / folder.name
        shutil.copytree(folder, there, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        (self._folder / "Dockerfile").write_text(_DOCKERFILE.format(base=self._flyte.image, name=folder.name))
        words = ("build", str(self._folder), "--tag", self.image, "--name", self._flyte.name)
        commands.run(*words, environ=commands.environ(None))
        place = ("-p", PROJECT, "-d", DOMAIN, "--version", VERSION)
        self.pyflyte("register", *place, "--copy", "none", "--image", self.image, folder.name)

    def pyflyte(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("pyflyte")), *arguments],
            env={**commands.environ(None), **self._flyte.variables},
            capture_output=True,
            text=True,
            timeout=600,
            cwd=self._folder,
            check=False,
        )
        if check and done.returncode != 0:
            raise CommandFailed(f"pyflyte {' '.join(arguments)}: {done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def secret(self, group: str, key: str, value: str) -> None:
        words = ("secret", "set", group, key, "--value", value, "--name", self._flyte.name)
        commands.run(*words, environ=commands.environ(None))


@contextmanager
def opened(folder: Path, request: pytest.FixtureRequest) -> Iterator[Pods]:
    """See `Opener`."""
    box: Box = request.getfixturevalue("box")
    yield Pods(box.flyte, folder)
