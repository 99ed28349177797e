"""The Docker engine inside a node, as the place that images are made in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sandbox.appliance.images.providing import DockerFailed, Printed
from sandbox.appliance.node import execution
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.errors import CommandFailed


class NodeDocker:
    """`docker …` in a node; images that it makes are there for pods at once."""

    def __init__(self, engine: Engine, node: Node) -> None:
        self._engine = engine
        self._node = node

    def run(
        self, arguments: Sequence[str], *, stdin: Iterable[bytes] = (), printed: Printed | None = None
    ) -> bytes:
        """As `providing.Docker` says."""
        try:
            return execution.check(
                self._engine, self._node, ["docker", *arguments], stdin=stdin, printed=printed
            ).stdout
        except CommandFailed as exc:
            raise DockerFailed(exc.cause or str(exc)) from exc
