"""Launch-plan nodes: an execution of its own, whose end is the node's.

The child is named after the parent, the node and the attempt, so it is created once however often it is asked
for.
"""

from __future__ import annotations

from sandbox.propeller.core import commands, events
from sandbox.propeller.core.failures import SYSTEM, Failure
from sandbox.propeller.core.state import Attempt, Node, NodePhase, State
from sandbox.propeller.core.step import Step


class LaunchPlanKind:
    """A node that launches another execution."""

    takes_slot = True

    def begin(self, step: Step, node: Node) -> None:
        step.prepare(node)

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        node.recovers = event.child
        self._launch(step, node)

    def _launch(self, step: Step, node: Node) -> None:
        node.phase = NodePhase.QUEUED
        step.record(node)
        node.attempts.append(Attempt(0, step.at))
        step.emit(commands.StartChild(node.number, 0))

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        if not node.attempts or node.attempt.is_terminal:
            return False
        step.emit(commands.AbortChild(node.number, node.attempt.number, reason))
        return True

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        if not node.attempts or node.attempt.is_terminal:
            return []
        wanted: list[commands.Command] = [commands.StartChild(node.number, node.attempt.number)]
        if node.aborting is not None:
            wanted.append(commands.AbortChild(node.number, node.attempt.number, node.aborting))
        return wanted

    def started(self, step: Step, node: Node, event: events.ChildStarted) -> None:
        """The child execution exists."""
        node.child = event.name
        node.attempt.phase = "RUNNING"
        node.attempt.started_at = event.at
        step.run(node)

    def ended(self, step: Step, node: Node, event: events.ChildEnded) -> None:
        """The child execution is over."""
        attempt = node.attempt
        attempt.ended_at = event.at
        attempt.phase = "SUCCEEDED" if event.failure is None else "FAILED"
        if node.aborting is not None:
            step.aborted(node)
        elif event.aborted:
            step.fail(
                node, event.failure or Failure("ChildAborted", "the child execution was aborted", SYSTEM)
            )
        elif event.failure is not None:
            step.fail(node, event.failure)
        else:
            node.outputs_uri = event.outputs_uri
            step.succeed(node, outputs=bool(event.outputs_uri))
