"""A node for the tests of this folder: a container with a real Kubernetes, made once and removed at the end.

Tests that need nothing but an API server take the one of SANDBOX_TEST_KUBECONFIG, if it is set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.appliance.node.engine import Engine
from sandbox.executors.kubernetes import connections
from sandbox.executors.kubernetes.client import Client
from tests.cluster import nodes
from tests.cluster.nodes import Cluster


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
