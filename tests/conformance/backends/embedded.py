"""The embedded profile: processes of this machine, tasks in the environment that the tests run in."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flytekit.configuration import Config
from flytekit.remote import FlyteRemote

from tests.conformance.backends import DOMAIN, PROJECT, VERSION
from tests.sandboxes import Sandbox


class Embedded:
    """See `Backend`."""

    image = None
    width = 6
    patience = 120.0
    capabilities = frozenset[str]()

    def __init__(self, sandbox: Sandbox, *, endpoint: str) -> None:
        self.endpoint = endpoint
        self.client_config = sandbox.client_config
        self._sandbox = sandbox
        self._mine = threading.local()

    def remote(self) -> FlyteRemote:
        if not hasattr(self._mine, "remote"):
            config = Config.auto(str(self.client_config))
            self._mine.remote = FlyteRemote(config, default_project=PROJECT, default_domain=DOMAIN)
        remote: FlyteRemote = self._mine.remote
        return remote

    def register(self, folder: Path) -> None:
        there = self._sandbox.folder / "project" / folder.name
        shutil.copytree(folder, there, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        self.pyflyte("register", "-p", PROJECT, "-d", DOMAIN, "--version", VERSION, folder.name)

    def pyflyte(self, *arguments: str, check: bool = True) -> str:
        done = self._sandbox.pyflyte(*arguments, check=check)
        return done.stdout + done.stderr

    def secret(self, group: str, key: str, value: str) -> None:
        self._sandbox.run("secret", "set", group, key, "--value", value, "--name", self._sandbox.name)


@contextmanager
def opened(folder: Path, request: pytest.FixtureRequest) -> Iterator[Embedded]:
    """See `Opener`."""
    project = folder / "project"
    project.mkdir()
    (project / ".venv").symlink_to(sys.prefix)
    sandbox = Sandbox(folder, "conformance")
    try:
        started = sandbox.start("--source", str(project))
        yield Embedded(sandbox, endpoint=started["endpoints"]["target"])
    finally:
        sandbox.teardown()
