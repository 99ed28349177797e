"""Subworkflow nodes: a scope of their own, opened once the inputs are there.

The outputs of a subworkflow are those of its end node, its failure is that of the node that failed in it: it
is not tried again, the nodes inside had their retries. Only one that took too long is, in another scope.
"""

from __future__ import annotations

from sandbox.propeller.core import commands, deadlines, events, retries
from sandbox.propeller.core.kinds.task import ACTIVE_DEADLINE
from sandbox.propeller.core.state import LATE, TIMED_OUT, Attempt, Node, ScopePhase, State
from sandbox.propeller.core.step import Step


class SubworkflowKind:
    """A node that runs another workflow of the same closure."""

    takes_slot = False

    def begin(self, step: Step, node: Node) -> None:
        step.prepare(node)

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        step.run(node)
        self._enter(step, node)

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        if not isinstance(node.child, int):
            return False
        step.abort_scope(step.state.scopes[node.child], reason, ScopePhase.ABORTING)
        return True

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        return deadlines.timers(node, node.attempt.started_at if node.attempts else node.started_at)

    def timer(self, step: Step, node: Node, event: events.TimerFired) -> bool:
        """An attempt, or the node, took too long. False: it does not matter any more."""
        if node.aborting is not None or not isinstance(node.child, int):
            return False
        if event.timer == ACTIVE_DEADLINE:
            node.reason, node.aborting = TIMED_OUT, deadlines.overdue(node)
            return self.abort(step, node, node.aborting)
        if event.timer != deadlines.of_attempt(node) or node.reason == LATE:
            return False
        node.reason = LATE
        return self.abort(step, node, deadlines.late(node).message)

    def closed(self, step: Step, node: Node, phase: str) -> None:
        """Its scope is at its end, in this phase of an attempt. The first attempt is only written down when
        there is a second one.
        """
        if node.attempts:
            node.attempt.phase = phase
            node.attempt.ended_at = step.at

    def late(self, step: Step, node: Node) -> None:
        """Nothing runs any more of an attempt that took too long."""
        if not node.attempts:
            node.attempts.append(Attempt(0, node.created_at, started_at=node.started_at))
        self.closed(step, node, "FAILED")
        node.attempt.failure = failure = deadlines.late(node)
        node.reason = ""
        final = retries.verdict(node, failure, step.state.parameters)
        if final is not None:
            step.fail(node, final)
            return
        node.attempts.append(Attempt(len(node.attempts), step.at, phase="RUNNING", started_at=step.at))
        self._enter(step, node)

    def _enter(self, step: Step, node: Node) -> None:
        node.child = len(step.state.scopes)
        closure = step.state.scopes[node.scope].closure
        step.open_scope(closure, node.spec.subworkflow, node.number)
        for timer in deadlines.timers(node, step.at):
            step.emit(timer)
