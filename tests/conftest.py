"""What holds for all tests, and the sandbox in a container that several suites share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.scheduler.protocol import Scheduling

    from sandbox.appliance.node.engine import Engine
    from tests.boxes import Box

# How long an example may take says more about the machine than about the program.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


_OWN_BOXES = ("test_demo", "test_teardown")
"""Files whose tests start sandboxes in containers of their own."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--distribution", choices=("debian", "k3s"), default="debian", help="of the nodes that tests start"
    )
    parser.addoption(
        "--sandbox", metavar="NAME", help="try a sandbox that runs, in place of one of the tests' own"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Side by side, tests that share something dear run in one process: it is made once."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - one process at a time needs none

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(Path(nodeid.partition("::")[0]).relative_to("tests"))

    return ByGroup(config, log)


def _group(path: Path) -> str:
    """What a test shares: a sandbox in a container, a bare node, or what its file makes."""
    if path.parts[0] == "conformance" or path.parts[:2] == ("cluster", "sandbox"):
        return "alone: " + path.stem if path.stem in _OWN_BOXES else "box"
    return "node" if path.parts[0] == "cluster" else str(path)


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    """This machine's Docker engine."""
    from sandbox.appliance.node import engine, errors  # noqa: PLC0415 - most tests need none

    try:
        connection = engine.connect()
    except errors.DockerUnavailable as error:
        pytest.skip(f"no Docker, no cluster: {error.cause}")
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def distribution(request: pytest.FixtureRequest, docker: Engine) -> str:
    """The name of the distribution, whose node's image is there then: building `debian`'s takes a quarter of
    an hour."""
    from sandbox.appliance.node import building, distributions  # noqa: PLC0415 - as above

    name = str(request.config.getoption("--distribution"))
    building.ensure(docker, distributions.get(name), print)
    return name


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The diabetes example, copied to where a user would have it."""
    folder = tmp_path_factory.mktemp("projects") / "diabetes"
    ignored = shutil.ignore_patterns("__pycache__", "flyte-package.tgz")
    shutil.copytree(Path(__file__).resolve().parents[1] / "examples" / "diabetes", folder, ignore=ignored)
    return folder


@pytest.fixture(scope="session")
def box(request: pytest.FixtureRequest, example: Path) -> Iterator[Box]:
    """A ready sandbox of the profile `sandbox`; the example is its source. Tests that break it mend it."""
    from tests import boxes  # noqa: PLC0415 - most tests need no container

    there = request.config.getoption("--sandbox")
    if there:
        made = boxes.running(there, example.parent / "clients")
    else:
        made = boxes.started(request.getfixturevalue("distribution"), example)
    with made as box:
        yield box
