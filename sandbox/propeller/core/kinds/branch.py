"""Branch nodes: one of the cases runs, the others are skipped, and the branch ends as the case does."""

from __future__ import annotations

from sandbox.propeller.core import commands, events
from sandbox.propeller.core.state import Node, State
from sandbox.propeller.core.step import Step


class BranchKind:
    """A node that takes one of several ways."""

    takes_slot = False

    def begin(self, step: Step, node: Node) -> None:
        step.prepare(node)

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        step.run(node)
        taken = step.case_of(node, node.spec.cases[event.case])
        node.child = taken.number
        for index in node.spec.cases:
            case = step.case_of(node, index)
            case.owner = node.number
            if case is taken:
                step.ready(case)
            else:
                step.skip(case)

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        if not isinstance(node.child, int):
            return False
        taken = step.state.nodes[node.child]
        step.abort(taken, reason)
        return taken.number in step.state.scopes[node.scope].live or taken.phase.is_terminal

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        return []
