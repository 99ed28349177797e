"""Subworkflow nodes: a scope of their own, opened once the inputs are there.

The outputs of a subworkflow are those of its end node, its failure is that of the node that failed in it.
"""

from __future__ import annotations

from sandbox.propeller.core import commands, events
from sandbox.propeller.core.state import Node, ScopePhase, State
from sandbox.propeller.core.step import Step


class SubworkflowKind:
    """A node that runs another workflow of the same closure."""

    takes_slot = False

    def begin(self, step: Step, node: Node) -> None:
        step.prepare(node)

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        step.run(node)
        node.child = len(step.state.scopes)
        closure = step.state.scopes[node.scope].closure
        step.open_scope(closure, node.spec.subworkflow, node.number)

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        if not isinstance(node.child, int):
            return False
        step.abort_scope(step.state.scopes[node.child], reason, ScopePhase.ABORTING)
        return True

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        return []
