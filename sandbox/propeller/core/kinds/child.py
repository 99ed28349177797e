"""Elements of array nodes over a launch plan: each is an execution of its own, counted by its array.

Like other elements they take no slot of `max_parallelism`: their array has one, and a limit of its own.
"""

from __future__ import annotations

from sandbox.propeller.core.kinds.launch_plan import LaunchPlanKind
from sandbox.propeller.core.state import Node
from sandbox.propeller.core.step import Step


class ChildKind(LaunchPlanKind):
    """An element of an array node that launches an execution."""

    takes_slot = False

    def begin(self, step: Step, node: Node) -> None:
        if step.state.parameters.recovers:
            step.prepare(node)
            return
        node.prepared = True
        self._launch(step, node)
