"""A node for the tests of this folder: a container with a real Kubernetes, made once and removed at the end.

The node's image is built when it is not there, which takes a quarter of an hour for `debian`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.appliance.node import building, distributions, engine
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.errors import DockerUnavailable
from tests.cluster import nodes
from tests.cluster.nodes import Cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--distribution", choices=distributions.NAMES, default="debian", help="of the nodes that tests start"
    )


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    """This machine's Docker engine."""
    try:
        connection = engine.connect()
    except DockerUnavailable as error:
        pytest.skip(f"no Docker, no cluster: {error.cause}")
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def distribution(request: pytest.FixtureRequest, docker: Engine) -> str:
    """The name of the distribution, whose image is there then."""
    name = str(request.config.getoption("--distribution"))
    building.ensure(docker, distributions.get(name), print)
    return name


@pytest.fixture(scope="session")
def cluster(docker: Engine, distribution: str) -> Iterator[Cluster]:
    """A node for all tests; those that stop or break it start their own."""
    with nodes.started(docker, distribution, "tests") as running:
        yield running
