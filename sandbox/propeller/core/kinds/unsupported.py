"""Kinds of nodes that this version can't run: they fail at once, and say so."""

from __future__ import annotations

from sandbox.propeller.core import commands, events
from sandbox.propeller.core.failures import USER, Failure
from sandbox.propeller.core.state import Node, State
from sandbox.propeller.core.step import Step


class UnsupportedKind:
    """A node whose kind is not implemented."""

    takes_slot = False

    def __init__(self, what: str) -> None:
        self._what = what

    def begin(self, step: Step, node: Node) -> None:
        message = (
            f"node {node.spec.node_id} is {self._what}, which this version of the sandbox can't run. "
            "Run the workflow locally, or without that node."
        )
        step.fail(node, Failure("Unimplemented", message, USER))

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        """It is never prepared."""

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        return False

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        return []
