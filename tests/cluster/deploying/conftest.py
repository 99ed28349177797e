"""A plain cluster of two nodes that knows nothing of the sandbox; images are all that was brought there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.appliance.images import cache, contexts, providing
from sandbox.appliance.images.nodes import NodeDocker
from sandbox.appliance.node import container, execution, readiness
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.engine import Engine
from tests.cluster import nodes
from tests.cluster.nodes import Cluster
from tests.waiting import eventually

_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Pair:
    """Two nodes that are ready, and what they have."""

    cluster: Cluster
    second: Node
    control_plane: str
    """The image's name."""
    task: str

    def tag(self, image: str, name: str) -> None:
        """Another name of an image, on both nodes."""
        for node in (self.cluster.node, self.second):
            execution.check(self.cluster.engine, node, ["docker", "tag", image, name])


@pytest.fixture(scope="package")
def pair(docker: Engine, distribution: str) -> Iterator[Pair]:
    """For all tests of this folder."""
    with nodes.started(docker, distribution, "pair") as cluster:
        second = container.join(docker, cluster.node, 1)
        images = {
            name: _provide(cluster, [cluster.node, second], name)
            for name in (contexts.CONTROL_PLANE, contexts.TASK)
        }
        api = readiness.ApiServer(cluster.kubeconfig())
        eventually(lambda: readiness.missing(api, [second.spec.container]) == "", 120, interval=0.5)
        yield Pair(cluster, second, images[contexts.CONTROL_PLANE], images[contexts.TASK])


def _provide(cluster: Cluster, members: list[Node], name: str) -> str:
    """The image, on all nodes; only the first one builds it."""
    context = contexts.of(name, ca_bundle=_CA_BUNDLE.read_bytes() if _CA_BUNDLE.exists() else b"")
    for node in members:
        providing.provide(NodeDocker(cluster.engine, node), context, cache=cache.folder())
    return context.reference
