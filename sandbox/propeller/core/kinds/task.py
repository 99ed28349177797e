"""Task nodes: attempts, retries, cache hits, deadlines, and the workflows that dynamic tasks make.

A node's attempts are numbered from 0. Each is started at most once: the number only grows, and it grows in an
event. The executor enforces one attempt's timeout; the node as a whole may take twice that time from being
queued, as in Flyte (`flytepropeller/pkg/compiler/transformers/k8s/node.go`).

An attempt may end well with a workflow instead of outputs. Then the node is *dynamic*: it goes on as that
workflow does, in a scope of its own, and ends as it ends; a failure in there is not retried. A node of an
execution that recovers another one may go on with the workflow that was made there, without an attempt.
"""

from __future__ import annotations

from flyteidl.core import catalog_pb2

from sandbox.propeller.core import commands, events, retries
from sandbox.propeller.core.failures import SYSTEM, Failure
from sandbox.propeller.core.state import TIMED_OUT, Attempt, Node, NodePhase, ScopePhase, State
from sandbox.propeller.core.step import Step

ACTIVE_DEADLINE = "active"
_RETRY = "retry-"
"""And the number of the attempt that begins then."""
WAITING = "WAITING_FOR_RESOURCES"
"""The phase of an attempt that was not given to an executor, since there is no room for it now. QUEUED again,
it is to be started."""
_ORDER = {"QUEUED": 0, WAITING: 0, "INITIALIZING": 1, "RUNNING": 2}


class TaskKind:
    """A node that runs a task."""

    takes_slot = True

    def begin(self, step: Step, node: Node) -> None:
        step.prepare(node)
        if node.spec.timeout:
            step.emit(commands.SetTimer(node.number, ACTIVE_DEADLINE, step.at + 2 * node.spec.timeout))

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        node.cache = event.cache
        node.catalog = event.catalog
        if event.cache == catalog_pb2.CACHE_HIT:
            node.started_at = step.at
            step.succeed(node, outputs=event.outputs)
            return
        node.checkpoint = event.checkpoint
        if event.unfolds:
            node.started_at = step.at
            step.unfold(node, event.unfolds)
            return
        node.phase = NodePhase.QUEUED
        step.record(node)
        self._start(step, node)

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        if isinstance(node.child, int):
            return _abort_inner(step, node.child, reason)
        if not node.attempts or node.attempt.is_terminal:
            return False
        step.emit(commands.AbortAttempt(node.number, node.attempt.number, reason))
        return True

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        wanted: list[commands.Command] = []
        if node.retry_at:
            wanted.append(self._retry_timer(node))
        if isinstance(node.child, int) and state.scopes[node.child].phase is ScopePhase.CLOSED:
            wanted.append(commands.ConcludeDynamic(node.number, node.inner_attempt))
        if node.attempts and not node.attempt.is_terminal:
            wanted.append(commands.StartAttempt(node.number, node.attempt.number))
            if node.aborting is not None:
                wanted.append(commands.AbortAttempt(node.number, node.attempt.number, node.aborting))
        return wanted

    def updated(self, step: Step, node: Node, event: events.AttemptUpdated) -> None:
        """The attempt moved on: phases only go forward, a version only grows within its phase."""
        attempt = node.attempt
        if event.phase != attempt.phase:
            if attempt.phase == WAITING and event.phase == "QUEUED":
                step.emit(commands.StartAttempt(node.number, attempt.number))
            attempt.phase = event.phase
            if event.phase == "RUNNING":
                attempt.started_at = event.at
                step.run(node)
        attempt.version = event.version
        attempt.logs = event.logs or attempt.logs
        attempt.info = event.info or attempt.info
        if event.reason:
            attempt.reasons.append((event.at, event.reason))
        step.record_attempt(node)

    def finished(self, step: Step, node: Node, event: events.AttemptFinished) -> None:
        """The attempt ended, and its outputs or its error were read."""
        attempt = node.attempt
        attempt.phase = "SUCCEEDED" if event.failure is None else "FAILED"
        attempt.failure = event.failure
        attempt.outputs = event.outputs
        attempt.deck = event.deck
        attempt.peak_memory = event.peak_memory
        attempt.memory_limit = event.memory_limit
        attempt.info = event.info or attempt.info
        self._ended(step, node, event)
        if event.cache >= 0:
            node.cache = event.cache
            node.catalog = event.catalog or node.catalog
        if not node.started_at:
            node.started_at = attempt.started_at
        if node.aborting is not None:
            step.aborted(node)
        elif event.unfolds:
            step.unfold(node, event.unfolds)
        elif event.failure is None:
            step.succeed(node, outputs=event.outputs)
        else:
            self._failed(step, node, event.failure)

    def aborted(self, step: Step, node: Node, event: events.AttemptAborted) -> None:
        """The attempt was ended from outside: by us, or by someone who had no business to."""
        attempt = node.attempt
        attempt.phase = "ABORTED"
        self._ended(step, node, event)
        if node.aborting is not None:
            step.aborted(node)
            return
        message = event.reason or "the attempt was ended from outside"
        attempt.failure = Failure("Interrupted", message, SYSTEM, recoverable=True)
        self._failed(step, node, attempt.failure)

    def timer(self, step: Step, node: Node, event: events.TimerFired) -> bool:
        """The node's active deadline passed, or the pause before a retry. False: it no longer matters."""
        if node.retry_at and event.timer == self._retry_timer(node).timer:
            self._start(step, node)
            return True
        if event.timer != ACTIVE_DEADLINE or node.aborting is not None:
            return False
        if node.phase is NodePhase.PREPARING:
            return False
        node.reason = TIMED_OUT
        node.aborting = f"task active timeout [{2 * node.spec.timeout / 1e6:g}s] expired"
        if not self.abort(step, node, node.aborting):
            step.aborted(node)
        return True

    def concluded(self, step: Step, node: Node, event: events.DynamicConcluded) -> None:
        """The workflow that it made succeeded, and its outputs are the node's."""
        if node.attempts:
            node.attempt.outputs = event.outputs
            step.record_attempt(node)
            step.emit(commands.ForgetAttempt(node.number, node.attempt.number))
        if event.cache >= 0:
            node.cache = event.cache
            node.catalog = event.catalog or node.catalog
        step.succeed(node, outputs=event.outputs)

    def _start(self, step: Step, node: Node) -> None:
        state = step.state
        default = state.scopes[0].graph.template.metadata_defaults.interruptible
        node.retry_at = 0
        number = len(node.attempts)
        attempt = Attempt(number, step.at)
        attempt.interruptible = retries.interruptible(node, default, state.parameters)
        node.attempts.append(attempt)
        step.record_attempt(node)
        step.emit(commands.StartAttempt(node.number, number))

    def _ended(self, step: Step, node: Node, event: events.AttemptFinished | events.AttemptAborted) -> None:
        attempt = node.attempt
        attempt.ended_at = event.at
        attempt.started_at = attempt.started_at or event.at
        attempt.logs = event.logs or attempt.logs
        if event.reason:
            attempt.reasons.append((event.at, event.reason))
        step.record_attempt(node)
        step.emit(commands.ForgetAttempt(node.number, attempt.number))

    def _failed(self, step: Step, node: Node, failure: Failure) -> None:
        final = retries.verdict(node, failure, step.state.parameters)
        if failure.kind == SYSTEM:
            node.system_failures += 1
        if final is not None:
            step.fail(node, final)
            return
        pause = retries.delay(node, failure, step.state.parameters)
        if not pause:
            self._start(step, node)
            return
        node.retry_at = step.at + pause
        node.attempt.reasons.append((step.at, f"another attempt begins in {pause / 1e6:g} s"))
        step.emit(self._retry_timer(node))

    def _retry_timer(self, node: Node) -> commands.SetTimer:
        return commands.SetTimer(node.number, f"{_RETRY}{len(node.attempts)}", node.retry_at)


def _abort_inner(step: Step, number: int, reason: str) -> bool:
    scope = step.state.scopes[number]
    step.abort_scope(scope, reason, ScopePhase.ABORTING)
    return scope.phase is not ScopePhase.CLOSED


def moves_on(attempt: Attempt, event: events.AttemptUpdated) -> bool:
    """Whether an update says something new."""
    now, then = _ORDER.get(event.phase, -1), _ORDER.get(attempt.phase, 3)
    return now > then or (now == then and event.version > attempt.version)
