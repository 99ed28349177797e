"""What the steps of a boot in a container share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from sandbox.appliance.boxed.wishes import Wish
from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.errors import TimedOut
from sandbox.appliance.manifests.cluster import KubeconfigCluster
from sandbox.appliance.manifests.rendering import Manifests
from sandbox.appliance.manifests.values import Values
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.distribution import Distribution
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.specification import NodeSpec
from sandbox.appliance.options import StartOptions
from sandbox.appliance.profiles import Profile
from sandbox.appliance.progress import Progress
from sandbox.appliance.state import SandboxState


@dataclass(slots=True)
class BoxedContext:
    """One `start` in progress. Steps read what earlier ones set."""

    options: StartOptions
    profile: Profile
    progress: Progress
    engine: Engine
    distribution: Distribution
    spec: NodeSpec
    """As the node is to be."""
    before: Node | None
    """The node as it was found; None: there was none."""
    deadline: float
    """Monotonic. Making images is not counted: a step that does so moves it."""
    node: Node | None = None
    cluster: KubeconfigCluster | None = None
    images: dict[str, str] = field(default_factory=dict)
    """Name → reference, of the components' images in the node."""
    wishes: tuple[Wish, ...] = ()
    """What this start and earlier ones were told of the manifests."""
    values: Values | None = None
    manifests: Manifests | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def was_running(self) -> bool:
        """A failure must not stop what others use."""
        return self.before is not None and self.before.status in ("running", "paused")

    @property
    def state(self) -> SandboxState:
        """The place that an embedded sandbox of this name would have: it names the client's config file."""
        return SandboxState.locate(self.options.name)

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints.of(self.spec.ports)

    def note(self, message: str) -> None:
        """A sentence for the person who started this."""
        self.notes.append(message)
        self.progress.note(message)

    def remaining(self, what: str) -> float:
        """Seconds until the deadline; raises TimedOut when it has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimedOut(
                f"gave up waiting for {what}",
                "the time that --timeout allows is over",
                "Start again with a longer --timeout; --retain keeps what there is, to be looked at.",
            )
        return left

    def running_node(self) -> Node:
        """The node, once its step is over."""
        if self.node is None:
            raise RuntimeError("the node's step comes first")
        return self.node

    def running_cluster(self) -> KubeconfigCluster:
        """Its API, once that step is over."""
        if self.cluster is None:
            raise RuntimeError("the step of the API comes first")
        return self.cluster
