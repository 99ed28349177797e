"""Elements of array nodes: like tasks, with attempts and budgets of their own, but counted by their array.

They take no slot of `max_parallelism` (their array has one, and a limit of its own), and an element that
waits for an executor is not late: only an attempt that runs has a deadline, which the executor keeps.
"""

from __future__ import annotations

from sandbox.propeller.core.kinds.task import TaskKind
from sandbox.propeller.core.state import Node, NodePhase
from sandbox.propeller.core.step import Step


class ElementKind(TaskKind):
    """An element of an array node."""

    takes_slot = False

    def begin(self, step: Step, node: Node) -> None:
        if node.spec.needs_preparing or step.state.parameters.recovers:
            step.prepare(node)
            return
        node.prepared = True
        node.phase = NodePhase.QUEUED
        self._start(step, node)
