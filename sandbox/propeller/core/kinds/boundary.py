"""The start and the end of a workflow: nodes that run nothing.

The start node's outputs are the workflow's inputs, so it succeeds by beginning. The end node's inputs are the
workflow's outputs, so it succeeds by being prepared.
"""

from __future__ import annotations

from sandbox.propeller.core import commands, events
from sandbox.propeller.core.state import Node, State
from sandbox.propeller.core.step import Step


class StartKind:
    """`start-node`."""

    takes_slot = False

    def begin(self, step: Step, node: Node) -> None:
        node.started_at = step.at
        step.succeed(node, outputs=True)

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        """It is never prepared."""

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        return False

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        return []


class EndKind:
    """`end-node`."""

    takes_slot = False

    def begin(self, step: Step, node: Node) -> None:
        node.started_at = step.at
        step.prepare(node)

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        step.succeed(node, outputs=event.outputs)

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        return False

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        return []
