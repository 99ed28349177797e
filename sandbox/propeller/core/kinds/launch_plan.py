"""Launch-plan nodes: an execution of its own, whose end is the node's.

The child is named after the parent, the node and the attempt, so it is created once however often it is asked
for. Its failure is the node's for good; only a child that took too long is followed by another one.
"""

from __future__ import annotations

from sandbox.propeller.core import commands, deadlines, events, retries
from sandbox.propeller.core.failures import SYSTEM, Failure
from sandbox.propeller.core.kinds.task import ACTIVE_DEADLINE
from sandbox.propeller.core.state import TIMED_OUT, Attempt, Node, NodePhase, State
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
        if not node.attempts:
            node.phase = NodePhase.QUEUED
        step.record(node)
        number = len(node.attempts)
        node.attempts.append(Attempt(number, step.at))
        step.emit(commands.StartChild(node.number, number))
        for timer in deadlines.timers(node, step.at):
            step.emit(timer)

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        if not node.attempts or node.attempt.is_terminal:
            return False
        step.emit(commands.AbortChild(node.number, node.attempt.number, reason))
        return True

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        if not node.attempts or node.attempt.is_terminal:
            return []
        wanted: list[commands.Command] = [commands.StartChild(node.number, node.attempt.number)]
        reason = node.aborting or (node.attempt.failure.message if node.attempt.failure else "")
        if reason:
            wanted.append(commands.AbortChild(node.number, node.attempt.number, reason))
        return wanted + deadlines.timers(node, node.attempt.created_at)

    def started(self, step: Step, node: Node, event: events.ChildStarted) -> None:
        """The child execution exists."""
        node.child = event.name
        node.attempt.phase = "RUNNING"
        node.attempt.started_at = event.at
        if node.phase is NodePhase.RUNNING:  # The second child, or a later one.
            step.record(node)
        else:
            step.run(node)

    def ended(self, step: Step, node: Node, event: events.ChildEnded) -> None:
        """The child execution is over."""
        attempt = node.attempt
        attempt.ended_at = event.at
        attempt.phase = "FAILED" if event.failure else "ABORTED" if event.aborted else "SUCCEEDED"
        if node.aborting is not None:
            step.aborted(node)
        elif attempt.failure is not None and (event.aborted or event.failure is not None):
            self._failed(step, node, attempt.failure)
        elif event.aborted:
            step.fail(
                node, event.failure or Failure("ChildAborted", "the child execution was aborted", SYSTEM)
            )
        elif event.failure is not None:
            step.fail(node, event.failure)
        else:
            node.outputs_uri = event.outputs_uri
            step.succeed(node, outputs=bool(event.outputs_uri))

    def timer(self, step: Step, node: Node, event: events.TimerFired) -> bool:
        """The child, or the node, took too long. False: it does not matter any more."""
        if node.aborting is not None or not node.attempts or node.attempt.is_terminal:
            return False
        if event.timer == ACTIVE_DEADLINE:
            node.reason, node.aborting = TIMED_OUT, deadlines.overdue(node)
            return self.abort(step, node, node.aborting)
        if event.timer != deadlines.of_attempt(node) or node.attempt.failure is not None:
            return False
        node.attempt.failure = deadlines.late(node)
        return self.abort(step, node, node.attempt.failure.message)

    def _failed(self, step: Step, node: Node, failure: Failure) -> None:
        """Nothing runs any more of an attempt that took too long."""
        final = retries.verdict(node, failure, step.state.parameters)
        if final is not None:
            step.fail(node, final)
            return
        node.child, node.recovers = None, ""
        self._launch(step, node)
