"""A node for the tests of this folder: a container with a real Kubernetes, made once and removed at the end.

The node's image is built when it is not there, which takes a quarter of an hour for `debian`. Tests that need
nothing but an API server take the one of SANDBOX_TEST_KUBECONFIG, if it is set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.appliance.node import building, distributions, engine
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.errors import DockerUnavailable
from sandbox.executors.kubernetes import connections
from sandbox.executors.kubernetes.client import Client
from tests.cluster import nodes
from tests.cluster.nodes import Cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--distribution", choices=distributions.NAMES, default="debian", help="of the nodes that tests start"
    )
    parser.addoption(
        "--sandbox", metavar="NAME", help="try a sandbox that runs, in place of one of the tests' own"
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


@pytest.fixture(scope="session")
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Speaks to the API server as an administrator."""
    given = os.environ.get("SANDBOX_TEST_KUBECONFIG")
    path = Path(given) if given else tmp_path_factory.mktemp("kube") / "config"
    if not given:
        # Late: with a cluster of one's own, none is started.
        cluster: Cluster = request.getfixturevalue("cluster")
        path.write_text(json.dumps(cluster.kubeconfig()), encoding="utf-8")
    found = Client(connections.by_kubeconfig(path, None, os.environ))
    yield found
    found.close()
