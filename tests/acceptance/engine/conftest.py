"""One sandbox for the session, with the workflows of `tests/workflows` registered by `pyflyte register`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flytekit.configuration import Config
from flytekit.remote import FlyteRemote

from tests.sandboxes import DOMAIN, PROJECT, Client, Sandbox

_FOLDER = Path(__file__).parents[2] / "workflows"
WORKFLOWS = sorted(path for path in _FOLDER.glob("*.py") if path.stem not in ("__init__", "trivial", "chaos"))
VERSION = "v1"


@contextmanager
def registered(root: Path, name: str) -> Iterator[Sandbox]:
    """A ready one, with the project's environment as default and everything registered as version v1.

    In the end, each of its executions must be what its history says, whatever the tests did to it.
    """
    sandbox = Sandbox(root, name)
    project = sandbox.project(*WORKFLOWS)
    sandbox.start("--source", str(project), "--offload-literals", "1")
    try:
        sandbox.register(VERSION)
        yield sandbox
        sandbox.audit()
    finally:
        sandbox.teardown()


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The one that most tests share."""
    with registered(tmp_path_factory.mktemp("engine"), "engine-tests") as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def remote(sandbox: Sandbox) -> FlyteRemote:
    """The SDK's own client, configured by nothing but the file that `sandbox start` wrote."""
    config = Config.auto(str(sandbox.client_config))
    return FlyteRemote(config, default_project=PROJECT, default_domain=DOMAIN)


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    """The raw stubs."""
    client = Client(sandbox.status()["endpoints"]["target"])
    yield client
    client.close()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A file that tasks append to: what really ran."""
    path = tmp_path / "journal"
    path.touch()
    return path
