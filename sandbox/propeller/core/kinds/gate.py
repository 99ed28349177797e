"""Gate nodes: nothing runs in them. They wait until a person approves or gives a value, or for a time.

A gate for a person waits in attempts, as a task runs in them: an attempt that nobody answered within the
node's timeout fails, and there is another one if the node has retries; the node as a whole may take twice its
timeout (`flytepropeller/pkg/controller/nodes/executor.go`). A gate that sleeps has no timeout: flytekit gives
all gates one of an hour, which would end every longer sleep.

Whatever answers a signal is remembered by the shell, not here: the event only says that it came, and whether
the node may go on.
"""

from __future__ import annotations

from flyteidl.core import types_pb2

from sandbox.propeller.core import commands, events, retries
from sandbox.propeller.core.failures import USER, Failure
from sandbox.propeller.core.kinds.task import ACTIVE_DEADLINE
from sandbox.propeller.core.state import TIMED_OUT, Attempt, Node, State
from sandbox.propeller.core.step import Step

SLEEP = "sleep"
_DEADLINE = "attempt"


class GateKind:
    """A node that waits for a person or for a time."""

    takes_slot = False

    def begin(self, step: Step, node: Node) -> None:
        step.prepare(node)

    def prepared(self, step: Step, node: Node, event: events.NodePrepared) -> None:
        self._wait(step, node)
        for command in _waits_for(node):
            step.emit(command)

    def abort(self, step: Step, node: Node, reason: str) -> bool:
        self._end(step, node, "ABORTED")
        return False

    def outstanding(self, state: State, node: Node) -> list[commands.Command]:
        return _waits_for(node)

    def given(self, step: Step, node: Node, event: events.SignalGiven) -> None:
        """Someone gave the signal."""
        if event.failure is not None:
            self._end(step, node, "FAILED")
            step.fail(node, event.failure)
            return
        self._end(step, node, "SUCCEEDED")
        step.succeed(node, outputs=True)

    def timer(self, step: Step, node: Node, event: events.TimerFired) -> bool:
        """A time that it waited for, or that it may take, has passed. False: it does not matter."""
        if not node.attempts:
            return False
        if sleeps(node):
            return self._awake(step, node, event)
        if event.timer == ACTIVE_DEADLINE:
            node.reason = TIMED_OUT
            node.aborting = f"{_unanswered(node)}: task active timeout [{2 * _seconds(node):g}s] expired"
            self._end(step, node, "ABORTED")
            step.aborted(node)
            return True
        if event.timer == _deadline_of(node.attempt):
            self._attempt_timed_out(step, node)
            return True
        return False

    def _awake(self, step: Step, node: Node, event: events.TimerFired) -> bool:
        if event.timer != SLEEP:
            return False
        self._end(step, node, "SUCCEEDED")
        step.succeed(node, outputs=False)
        return True

    def _attempt_timed_out(self, step: Step, node: Node) -> None:
        message = f"{_unanswered(node)}: task execution timeout [{_seconds(node):g}s] expired"
        failure = Failure("TimeoutExpired", message, USER, recoverable=True)
        final = retries.verdict(node, failure, step.state.parameters)
        self._end(step, node, "FAILED")
        if final is not None:
            step.fail(node, final)
            return
        self._wait(step, node)
        step.emit(_attempt_deadline(node))

    def _wait(self, step: Step, node: Node) -> None:
        number = len(node.attempts)
        node.attempts.append(Attempt(number, step.at, phase="RUNNING", started_at=step.at))
        step.run(node)

    def _end(self, step: Step, node: Node, phase: str) -> None:
        if node.attempts and not node.attempt.is_terminal:
            node.attempt.phase = phase
            node.attempt.ended_at = step.at


def sleeps(node: Node) -> bool:
    """Whether the gate waits for a time, not for a person."""
    return bool(node.spec.proto.gate_node.WhichOneof("condition") == "sleep")


def signal_of(node: Node) -> str:
    """The name of the signal that the gate waits for; empty if it sleeps."""
    gate = node.spec.proto.gate_node
    match gate.WhichOneof("condition"):
        case "approve":
            return str(gate.approve.signal_id)
        case "signal":
            return str(gate.signal.signal_id)
        case _:
            return ""


def signal_type(node: Node) -> types_pb2.LiteralType:
    """What must be given: whether it is approved, or a value of the gate's own type."""
    gate = node.spec.proto.gate_node
    if gate.WhichOneof("condition") == "signal":
        wanted: types_pb2.LiteralType = gate.signal.type
        return wanted
    return types_pb2.LiteralType(simple=types_pb2.BOOLEAN)


def _waits_for(node: Node) -> list[commands.Command]:
    if not node.attempts or node.attempt.is_terminal:
        return []
    if sleeps(node):
        duration = int(node.spec.proto.gate_node.sleep.duration.ToMicroseconds())
        return [commands.SetTimer(node.number, SLEEP, node.attempt.started_at + duration)]
    wanted: list[commands.Command] = [commands.AwaitSignal(node.number)]
    if node.spec.timeout:
        active = node.created_at + 2 * node.spec.timeout
        wanted.append(_attempt_deadline(node))
        wanted.append(commands.SetTimer(node.number, ACTIVE_DEADLINE, active))
    return wanted


def _attempt_deadline(node: Node) -> commands.SetTimer:
    attempt = node.attempt
    return commands.SetTimer(node.number, _deadline_of(attempt), attempt.started_at + node.spec.timeout)


def _deadline_of(attempt: Attempt) -> str:
    return f"{_DEADLINE} {attempt.number}"


def _seconds(node: Node) -> float:
    return node.spec.timeout / 1e6


def _unanswered(node: Node) -> str:
    return f"nobody gave the signal {signal_of(node)!r} in time"
