"""The sandboxes that the suite can run against: `Backend` is all that a case knows of one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest
from flytekit.remote import FlyteRemote

PROJECT, DOMAIN, VERSION = "flytesnacks", "development", "conformance"


class Backend(Protocol):
    """A ready sandbox. Its methods may be called by several threads at once."""

    @property
    def endpoint(self) -> str:
        """Where the admin API answers, `host:port`, without TLS."""

    @property
    def client_config(self) -> Path:
        """The configuration file that flytekit, pyflyte and flytectl are given."""

    @property
    def image(self) -> str | None:
        """What tasks run in, as `pyflyte register --image` takes it; None: the backend's own default."""

    @property
    def width(self) -> int:
        """How many cases may run at the same time."""

    @property
    def patience(self) -> float:
        """Seconds that one execution of a case may take."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What not every sandbox can do; a case that needs one says so by `needs`."""

    def remote(self) -> FlyteRemote:
        """The SDK's client, configured by nothing but `client_config`; one for each thread."""

    def register(self, folder: Path) -> None:
        """Everything in the package at `folder` by `pyflyte register`, as version `VERSION`.

        Entities are named after the package: `<folder's name>.<module>.<function>`.
        """

    def pyflyte(self, *arguments: str, check: bool = True) -> str:
        """What `pyflyte ARGUMENTS` says, run where the registered packages lie. Raises `CommandFailed`."""

    def secret(self, group: str, key: str, value: str) -> None:
        """Make a secret known to tasks that ask for it."""


class Opener(Protocol):
    """Starts a backend in an empty folder, and leaves nothing of it behind. What it shares with other suites
    are fixtures of the request."""

    def __call__(self, folder: Path, request: pytest.FixtureRequest) -> AbstractContextManager[Backend]: ...
