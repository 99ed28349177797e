"""Gates through the unmodified SDK: a person looks what is awaited, and answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flyteidl.admin import signal_pb2
from flyteidl.core import execution_pb2 as core_execution
from flytekit.exceptions.user import FlyteInvalidInputException
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests.acceptance.engine.conftest import VERSION
from tests.sandboxes import Client, Sandbox
from tests.waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = core_execution.WorkflowExecution.Phase
NodePhase = core_execution.NodeExecution.Phase


def start(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    """Execute `workflows.gates.WORKFLOW`."""
    plan = remote.fetch_launch_plan(name=f"workflows.gates.{workflow}", version=VERSION)
    return remote.execute(plan, inputs=inputs)


def awaited(remote: FlyteRemote, execution: FlyteWorkflowExecution, *names: str) -> list[signal_pb2.Signal]:
    """The signals of an execution, once they are all there."""

    def found() -> list[signal_pb2.Signal] | None:
        signals = list(remote.list_signals(execution.id.name))
        return signals if {signal.id.signal_id for signal in signals} >= set(names) else None

    return eventually(found, timeout=30)


def wait(remote: FlyteRemote, execution: FlyteWorkflowExecution) -> FlyteWorkflowExecution:
    return remote.wait(execution, timeout=timedelta(seconds=60), poll_interval=timedelta(milliseconds=50))


def output(execution: FlyteWorkflowExecution, kind: type[Any], name: str = "o0") -> Any:
    assert execution.closure.phase == Phase.SUCCEEDED, execution.error
    return execution.outputs.get(name, as_type=kind)


def test_a_title_is_given_and_the_result_approved(remote: FlyteRemote) -> None:
    execution = start(remote, "reviewed", n=4)
    name = execution.id.name
    [title] = awaited(remote, execution, "title")
    assert not title.HasField("value")
    waiting = remote.sync_execution(execution, sync_nodes=True)
    [gate] = [node for node in waiting.node_executions.values() if node.metadata.spec_node_id == "n0"]
    assert gate.closure.phase == NodePhase.RUNNING
    remote.set_signal("title", name, "My title")
    awaited(remote, execution, "title", "review")
    remote.approve("review", name)
    ended = wait(remote, execution)
    assert output(ended, str) == "approved: My title: report 4"
    synced = remote.sync_execution(ended, sync_nodes=True)
    phases = {node.closure.phase for node in synced.node_executions.values()}
    assert phases == {NodePhase.SUCCEEDED}
    given = {signal.id.signal_id: signal.value for signal in remote.list_signals(name)}
    assert given["title"].scalar.primitive.string_value == "My title"
    assert given["review"].scalar.primitive.boolean is True


def test_what_is_rejected_fails_the_execution(remote: FlyteRemote) -> None:
    execution = start(remote, "reviewed", n=4)
    awaited(remote, execution, "title")
    remote.set_signal("title", execution.id.name, "My title")
    awaited(remote, execution, "review")
    remote.reject("review", execution.id.name)
    ended = wait(remote, execution)
    assert ended.closure.phase == Phase.FAILED
    assert ended.error.code == "ReceivedRejectSignal"


def test_an_answer_decides_what_runs_and_what_runs_may_ask_again(remote: FlyteRemote) -> None:
    small, large = start(remote, "chosen"), start(remote, "chosen")
    for execution, x in ((small, 3), (large, 30)):
        awaited(remote, execution, "x")
        remote.set_input("x", execution.id.name, x)
    awaited(remote, large, "inner")
    remote.approve("inner", large.id.name)
    assert output(wait(remote, small), str) == "small: report 1"
    assert output(wait(remote, large), str) == "report 30"


def test_a_dynamic_task_may_ask(remote: FlyteRemote) -> None:
    names = [f"q{number}" for number in range(5)]
    execution = start(remote, "asked", names=names)
    awaited(remote, execution, *names)
    for number, name in enumerate(names):
        remote.set_signal(name, execution.id.name, number)
    assert output(wait(remote, execution), int) == 10


def test_values_of_many_types_are_taken_and_others_refused(remote: FlyteRemote) -> None:
    execution = start(remote, "typed")
    name = execution.id.name
    awaited(remote, execution, "list", "flag", "number", "moment")
    wrong: list[Callable[[], None]] = [
        lambda: remote.set_signal("flag", name, 1),
        lambda: remote.set_signal("number", name, "one"),
        lambda: remote.set_signal("list", name, ["a"], python_type=list[str]),
        lambda: remote.approve("moment", name),
        lambda: remote.set_signal("no such signal", name, 1),
        lambda: remote.set_signal("flag", "no-such-execution", True),
    ]
    for attempt in wrong:
        with pytest.raises(FlyteInvalidInputException):
            attempt()
    moment = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    remote.set_signal("list", name, [1, 2], python_type=list[int])
    remote.set_signal("flag", name, True)
    remote.set_signal("number", name, 2.5)
    remote.set_signal("moment", name, moment)
    ended = wait(remote, execution)
    assert output(ended, list[int]) == [1, 2]
    assert output(ended, bool, "o1") is True
    assert output(ended, float, "o2") == 2.5
    assert output(ended, datetime, "o3") == moment
    remote.set_signal("flag", name, False)  # Too late, but no error: as in Flyte.
    assert remote.fetch_execution(name=name).closure.phase == Phase.SUCCEEDED


def test_a_sleep_holds_back_what_comes_after_it(remote: FlyteRemote) -> None:
    ended = wait(remote, start(remote, "slept", n=1))
    assert output(ended, str) == "slept: report 1"
    assert ended.closure.duration >= timedelta(seconds=1)


def test_a_gate_that_nobody_answers_in_time_fails_and_says_so(remote: FlyteRemote) -> None:
    ended = wait(remote, start(remote, "impatient"))
    assert ended.closure.phase == Phase.FAILED
    assert ended.error.code == "RetriesExhausted|TimeoutExpired"
    assert "'hurry'" in ended.error.message


def test_a_waiting_execution_can_be_aborted(remote: FlyteRemote) -> None:
    execution = start(remote, "reviewed", n=1)
    awaited(remote, execution, "title")
    remote.terminate(execution, "nobody knows a title")
    ended = wait(remote, execution)
    assert ended.closure.phase == Phase.ABORTED
    synced = remote.sync_execution(ended, sync_nodes=True)
    assert synced.node_executions["n0"].closure.phase == NodePhase.ABORTED


def test_gates_go_on_waiting_when_the_control_plane_is_killed(remote: FlyteRemote, sandbox: Sandbox) -> None:
    waiting, sleeping = start(remote, "reviewed", n=2), start(remote, "slept", n=2)
    awaited(remote, waiting, "title")
    sandbox.kill("control-plane")
    sandbox.start()
    remote.set_signal("title", waiting.id.name, "After")
    awaited(remote, waiting, "review")
    remote.approve("review", waiting.id.name)
    assert output(wait(remote, waiting), str) == "approved: After: report 2"
    assert output(wait(remote, sleeping), str) == "slept: report 2"


def test_a_signal_is_heard_at_once(remote: FlyteRemote, client: Client) -> None:
    execution = start(remote, "asked", names=["now"])
    awaited(remote, execution, "now")
    begun = time.monotonic()
    remote.set_signal("now", execution.id.name, 1)
    client.wait(execution.id.to_flyte_idl(), timeout=30)
    assert time.monotonic() - begun < 3, "the engine looked for it only with its next look at everything"
