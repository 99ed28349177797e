"""Gate nodes in the pure machine: what they ask for, what ends them, and what they don't care about."""

from __future__ import annotations

import pytest
from flyteidl.core import workflow_pb2

from sandbox.propeller.core import commands, events, graph, machine
from sandbox.propeller.core.failures import USER, Failure
from sandbox.propeller.core.state import ExecutionPhase, Node, NodePhase, Parameters, State, snapshot
from sandbox.propeller.timers import Timers
from tests.unit.propeller.building import approve, compile, run, sleep, wait_for_input, workflow
from tests.unit.propeller.world import EXECUTION

SECOND = 1_000_000
START = 100 * SECOND


class Drive:
    """A workflow whose first gate is `n0`, under the test's hand."""

    def __init__(self, *nodes: workflow_pb2.Node, result: str | int = 1, max_parallelism: int = 25) -> None:
        self.graph = graph.build(compile(workflow("gated", list(nodes), result)))
        self.parameters = Parameters(EXECUTION, max_parallelism)
        self.state = State(self.graph, self.parameters)
        self.history: list[events.Event] = []

    def apply(self, event: events.Event) -> list[commands.Command]:
        before = self.state.applied
        wanted = machine.apply(self.state, event)
        if self.state.applied > before:
            self.history.append(event)
        return wanted

    def begin(self, at: int = START) -> list[commands.Command]:
        """Until `n0` waits; what it asked for."""
        self.apply(events.ExecutionStarted(at))
        return durable(self.apply(events.NodePrepared(at, self.node("n0").number)))

    def node(self, name: str) -> Node:
        return next(node for node in self.state.nodes if node.spec.node_id == name)

    def fire(self, timer: str, at: int) -> list[commands.Command]:
        return durable(self.apply(events.TimerFired(at, self.node("n0").number, timer)))

    def give(self, failure: Failure | None = None, at: int = START + 1) -> None:
        self.apply(events.SignalGiven(at, self.node("n0").number, failure))

    def restarted(self) -> State:
        return machine.fold(self.graph, self.parameters, self.history)


def durable(wanted: list[commands.Command]) -> list[commands.Command]:
    return [command for command in wanted if isinstance(command, commands.AwaitSignal | commands.SetTimer)]


def test_a_gate_waits_for_its_signal_and_runs_meanwhile() -> None:
    drive = Drive(wait_for_input("n0", timeout=60), result="n0")
    asked = drive.begin()
    number = drive.node("n0").number
    assert asked == [
        commands.AwaitSignal(number),
        commands.SetTimer(number, "attempt 0", START + 60 * SECOND),
        commands.SetTimer(number, "active", START + 120 * SECOND),
    ]
    assert drive.node("n0").phase is NodePhase.RUNNING
    assert machine.outstanding(drive.restarted()) == asked
    drive.give()
    assert drive.node("n0").phase is NodePhase.SUCCEEDED
    assert drive.node("n0").outputs


def test_a_refused_gate_fails_once_and_for_all() -> None:
    drive = Drive(approve("n0", 1), result="n0")
    drive.begin()
    drive.give(Failure("ReceivedRejectSignal", "no", USER))
    assert drive.state.phase is ExecutionPhase.FAILED
    assert drive.node("n0").failure == Failure("ReceivedRejectSignal", "no", USER)


def test_a_second_answer_and_one_that_comes_too_late_change_nothing() -> None:
    drive = Drive(approve("n0", 1, timeout=60), run("n1", "n0"), result="n1")
    drive.begin()
    drive.give()
    before = snapshot(drive.state)
    drive.give(Failure("ReceivedRejectSignal", "no", USER))
    drive.fire("attempt 0", START + 60 * SECOND)
    drive.fire("active", START + 120 * SECOND)
    assert snapshot(drive.state) == before


def test_a_gate_that_nobody_answers_fails_as_any_node_whose_attempts_are_used_up() -> None:
    drive = Drive(wait_for_input("n0", "go", timeout=60), result="n0")
    drive.begin()
    drive.fire("attempt 0", START + 60 * SECOND)
    failure = drive.node("n0").failure
    assert failure is not None
    assert (failure.code, failure.kind) == ("RetriesExhausted|TimeoutExpired", USER)
    assert "[1/1]" in failure.message
    assert "'go'" in failure.message
    assert "task execution timeout [60s] expired" in failure.message


def test_a_gate_with_retries_waits_again_until_twice_its_timeout_is_over() -> None:
    drive = Drive(wait_for_input("n0", timeout=60, retries=5), result="n0")
    drive.begin()
    later = START + 61 * SECOND
    assert drive.fire("attempt 0", later) == [commands.SetTimer(1, "attempt 1", later + 60 * SECOND)]
    assert drive.fire("attempt 0", later) == []
    assert drive.node("n0").phase is NodePhase.RUNNING
    drive.fire("active", START + 120 * SECOND)
    assert drive.node("n0").phase is NodePhase.TIMED_OUT
    assert drive.state.phase is ExecutionPhase.FAILED
    assert drive.state.failure is not None
    assert "task active timeout [120s] expired" in drive.state.failure.message


def test_a_sleep_counts_from_its_start_also_after_a_restart_and_has_no_timeout() -> None:
    drive = Drive(sleep("n0", 7200, timeout=3600), run("n1", 1, after=["n0"]), result="n1")
    asked = drive.begin()
    assert asked == [commands.SetTimer(1, "sleep", START + 7200 * SECOND)]
    assert machine.outstanding(drive.restarted()) == asked
    drive.give()
    drive.fire("active", START + 7200 * SECOND)
    assert drive.node("n0").phase is NodePhase.RUNNING
    drive.fire("sleep", START + 7200 * SECOND)
    assert drive.node("n0").phase is NodePhase.SUCCEEDED
    assert not drive.node("n0").outputs
    assert drive.node("n1").phase is NodePhase.PREPARING


def test_an_abort_ends_a_waiting_gate_at_once() -> None:
    drive = Drive(approve("n0", 1), sleep("n1", 60), wait_for_input("n2"), result="n0")
    drive.begin()
    drive.apply(events.AbortRequested(START + 1, "enough"))
    assert drive.state.phase is ExecutionPhase.ABORTED
    assert {drive.node(name).phase for name in ("n0", "n1", "n2")} == {NodePhase.ABORTED}
    assert machine.outstanding(drive.restarted()) == [commands.CloseExecution()]


def test_waiting_gates_hold_no_task_back() -> None:
    drive = Drive(wait_for_input("n0"), wait_for_input("n1"), run("n2", 1), result="n2", max_parallelism=1)
    drive.begin()
    assert drive.state.slots_used == 1
    assert drive.node("n2").phase is NodePhase.PREPARING


@pytest.mark.parametrize("seconds", [10.0, 86_400.0 * 365 * 10_000])
def test_a_deadline_in_ten_thousand_years_can_be_waited_for(seconds: float) -> None:
    timers = Timers()
    timers.at(int(seconds * SECOND), lambda: None)
    left = timers.seconds_left(0)
    assert left is not None
    assert left <= 86_400
