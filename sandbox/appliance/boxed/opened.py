"""A sandbox in a container, for a command: Docker, the node, and the cluster in it if it is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.appliance.boxed import cluster as clusters
from sandbox.appliance.errors import NotFound, NotRunning, command
from sandbox.appliance.manifests.cluster import KubeconfigCluster
from sandbox.appliance.node import container, engine, kubeconfig
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.state import SandboxState

NAMESPACE = "flyte"
"""Of the control plane."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a command works with."""

    docker: Engine
    node: Node

    def cluster(self) -> KubeconfigCluster:
        """Its API; raises ClusterUnreachable, NodeError."""
        return clusters.connect(kubeconfig.of_node(self.docker, self.node))


@contextlib.contextmanager
def opened(name: str, *, running: bool = True) -> Iterator[Opened]:
    """The sandbox of that name. Raises NotFound; with `running`, NotRunning if it is stopped or paused."""
    SandboxState.locate(name)  # refuses impossible names
    with contextlib.closing(engine.connect()) as docker:
        node = container.find(docker, name)
        if node is None:
            raise NotFound.named(name)
        if running and node.status == "paused":
            raise NotRunning(
                f"the sandbox {name!r} is paused",
                "its processes are frozen",
                f"Let them go on with `{command('resume', name)}`.",
            )
        if running and not node.running:
            raise NotRunning.named(name)
        yield Opened(docker, node)
