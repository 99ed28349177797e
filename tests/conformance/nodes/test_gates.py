"""Gates: approvals, values that somebody gives, sleeps."""

from __future__ import annotations

from datetime import timedelta

from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import cell
from tests.conformance.seen import Seen, begin_recovery, fetch, fresh_name, launch, recover, run
from tests.waiting import eventually


def when_awaited(seen: Seen, signal: str) -> Seen:
    """Wait until the execution asks for a signal."""
    remote = seen.backend.remote()

    def asks() -> bool:
        return signal in {one.id.signal_id for one in remote.list_signals(seen.name)}

    eventually(asks, seen.backend.patience, interval=0.2)
    return seen


@cell("gate", "happy")
def test_an_approval_lets_its_value_through(backend: Backend) -> None:
    stamp, gate, after = "n0", "n1", "n2"
    seen = when_awaited(launch(backend, "gates.approval"), "review").when_running(gate)
    assert after not in {node.spec_id for node in seen.nodes() if node.phase != "NOT_YET_STARTED"}
    backend.remote().approve("review", seen.name)
    seen = seen.ended()
    [value] = seen.node(stamp).outputs().values()
    assert seen.output(kind=str) == f"{value.scalar.primitive.string_value}, approved"
    node = seen.node(gate)
    assert (node.phase, node.kinds, node.attempts()) == ("SUCCEEDED", set(), [])


@cell("gate", "happy")
def test_a_value_that_is_given_goes_to_those_that_wait_for_it(backend: Backend) -> None:
    seen = when_awaited(launch(backend, "gates.value"), "answer")
    [asked] = backend.remote().list_signals(seen.name)
    assert not asked.HasField("value")
    backend.remote().set_input("answer", seen.name, 41)
    assert seen.ended().output(kind=int) == 42
    [given] = backend.remote().list_signals(seen.name)
    assert given.value.scalar.primitive.integer == 41


@cell("gate", "happy")
def test_a_sleep_takes_its_time(backend: Backend) -> None:
    seen = run(backend, "gates.pause")
    assert seen.phase == "SUCCEEDED"
    assert seen.node("n0").proto.closure.duration.ToTimedelta() >= timedelta(seconds=1)
    assert len(seen.node("n1").attempts()) == 1


@cell("gate", "fail")
def test_what_is_rejected_fails_for_good(backend: Backend) -> None:
    seen = when_awaited(launch(backend, "gates.approval"), "review")
    backend.remote().reject("review", seen.name)
    seen = seen.ended()
    assert seen.phase == "FAILED"
    assert seen.node("n1").phase == "FAILED"
    for error in (seen.node("n1").error, seen.error):
        assert error.code == "ReceivedRejectSignal"
        assert error.kind == core.ExecutionError.USER


@cell("gate", "fail")
def test_a_gate_that_nobody_answers_fails_when_its_time_is_up(backend: Backend) -> None:
    seen = run(backend, "gates.impatient")
    assert seen.phase == "FAILED"
    for error in (seen.node("n0").error, seen.error):
        assert error.code == "RetriesExhausted|TimeoutExpired"


@cell("gate", "abort")
def test_an_abort_ends_the_waiting(backend: Backend) -> None:
    seen = when_awaited(launch(backend, "gates.value"), "answer").aborted("nobody knows")
    assert seen.phase == "ABORTED"
    assert seen.node("n0").phase == "ABORTED"


@cell("gate", "recover")
def test_what_was_decided_is_not_asked_again_in_a_recovery(backend: Backend) -> None:
    doomed = fresh_name()
    failed = when_awaited(launch(backend, "gates.recover", name=doomed, doomed=doomed), "answer")
    backend.remote().set_input("answer", doomed, 42)
    failed = failed.ended()
    assert failed.phase == "FAILED"
    seen = recover(failed)
    assert seen.output("o0", kind=int) == 42
    assert seen.output("o1", kind=str) == seen.name
    assert [node.phase for node in seen.nodes()] == ["RECOVERED", "SUCCEEDED"]


@cell("gate", "recover")
def test_what_was_not_decided_is_asked_again_in_a_recovery(backend: Backend) -> None:
    aborted = when_awaited(launch(backend, "gates.approval"), "review").aborted("tomorrow")
    again = when_awaited(fetch(backend, begin_recovery(aborted)), "review")
    backend.remote().approve("review", again.name)
    again = again.ended()
    assert again.output(kind=str).startswith(aborted.name)
    assert [node.phase for node in again.nodes()] == ["RECOVERED", "SUCCEEDED", "SUCCEEDED"]
