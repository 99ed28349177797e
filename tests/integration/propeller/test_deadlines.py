"""Timeouts of subworkflow and launch-plan nodes, through the real database and a real object directory."""

from __future__ import annotations

from flyteidl.admin import node_execution_pb2
from flyteidl.core import execution_pb2

from sandbox.executors.api import AttemptUpdate, TaskRequest
from sandbox.store import executions
from tests.integration.propeller.house import House, failed
from tests.unit.propeller.building import launch_plan, run, subworkflow, task, workflow

PYTHON = task("python", type="python-task")
INNER = workflow("inner", [run("n0", template=PYTHON), run("n1", "n0", PYTHON)], "n1")


def error_of(ended: executions.Execution) -> execution_pb2.ExecutionError:
    return execution_pb2.ExecutionError.FromString(ended.error or b"")


def never_first(house: House) -> None:
    """The second task of the first attempt goes on for ever, everything else adds one."""

    def behave(request: TaskRequest) -> AttemptUpdate | None:
        return None if request.key.node == "n0-0-n1" else house.scripted.echo(request, plus=1)

    house.scripted.behave = behave


def test_a_subworkflow_that_takes_too_long_is_tried_again_from_its_beginning(house: House) -> None:
    never_first(house)
    nodes = [subworkflow("n0", "start-node", "inner", retries=1, timeout=2), run("n1", "n0", PYTHON)]
    row = house.register(workflow("outer", nodes, "n1"), [PYTHON], [INNER])
    with house.engine():
        ended = house.wait(house.launch(row, x=1))
    assert ended.phase == "SUCCEEDED"
    assert house.output(ended.execution) == 4
    assert house.ran(ended.execution) == ["n0-0-n0/0", "n0-0-n1/0", "n0-1-n0/0", "n0-1-n1/0", "n1/0"]
    assert house.phases(ended.execution) == {
        "n0": "SUCCEEDED",
        "n0-0-n0": "SUCCEEDED",
        "n0-0-n1": "ABORTED",
        "n0-1-n0": "SUCCEEDED",
        "n0-1-n1": "SUCCEEDED",
        "n1": "SUCCEEDED",
    }


def test_a_subworkflow_without_retries_fails_when_it_takes_too_long(house: House) -> None:
    never_first(house)
    node = subworkflow("n0", "start-node", "inner", timeout=0.3)
    row = house.register(workflow("outer", [node], "n0"), [PYTHON], [INNER])
    with house.engine():
        ended = house.wait(house.launch(row, x=1))
    assert (ended.phase, error_of(ended).code) == ("FAILED", "RetriesExhausted|TimeoutExpired")
    assert error_of(ended).message == (
        "[1/1] currentAttempt done. Last Error: USER::task execution timeout [0.3s] expired"
    )


def test_a_failure_inside_is_no_reason_to_try_a_subworkflow_again(house: House) -> None:
    house.scripted.behave = lambda request: failed(request, recoverable=False)
    node = subworkflow("n0", "start-node", "inner", retries=3, timeout=60)
    row = house.register(workflow("outer", [node], "n0"), [PYTHON], [INNER])
    with house.engine():
        ended = house.wait(house.launch(row, x=1))
    assert (ended.phase, error_of(ended).code) == ("FAILED", "Boom")
    assert house.ran(ended.execution) == ["n0-0-n0/0"]


def children_of(house: House, parent: executions.Execution) -> list[executions.Execution]:
    with house.database.reading() as connection:
        return executions.children(connection, house.nodes(parent.execution)["n0"].id)


def test_a_child_that_takes_too_long_is_followed_by_another(house: House) -> None:
    def behave(request: TaskRequest) -> AttemptUpdate | None:
        first = len([key for key in house.scripted.started if key.node == "n1"]) == 1
        is_slow = request.key.node == "n1" and first
        return None if is_slow else house.scripted.echo(request, plus=1)

    house.scripted.behave = behave
    house.register(INNER, [PYTHON])
    node = launch_plan("n0", "start-node", "inner", retries=1, timeout=3)
    row = house.register(workflow("outer", [node], "n0"), plans=["inner"])
    with house.engine():
        ended = house.wait(house.launch(row, x=1))
    assert ended.phase == "SUCCEEDED"
    assert house.output(ended.execution) == 3
    late, second = children_of(house, ended)
    assert (late.phase, second.phase) == ("ABORTED", "SUCCEEDED")
    assert "task execution timeout [3s] expired" in late.abort_cause
    assert second.execution.name != late.execution.name
    closure = node_execution_pb2.NodeExecutionClosure.FromString(house.nodes(ended.execution)["n0"].closure)
    assert closure.workflow_node_metadata.executionId.name == second.execution.name


def test_a_child_without_retries_fails_its_node_when_it_takes_too_long(house: House) -> None:
    house.scripted.behave = lambda request: None
    house.register(INNER, [PYTHON])
    node = launch_plan("n0", "start-node", "inner", timeout=0.5)
    row = house.register(workflow("outer", [node], "n0"), plans=["inner"])
    with house.engine():
        ended = house.wait(house.launch(row, x=1))
    assert (ended.phase, error_of(ended).code) == ("FAILED", "RetriesExhausted|TimeoutExpired")
    [child] = children_of(house, ended)
    assert child.phase == "ABORTED"


def test_a_child_that_fails_is_not_followed_by_another(house: House) -> None:
    house.scripted.behave = lambda request: failed(request, recoverable=False)
    house.register(INNER, [PYTHON])
    node = launch_plan("n0", "start-node", "inner", retries=3, timeout=60)
    row = house.register(workflow("outer", [node], "n0"), plans=["inner"])
    with house.engine():
        ended = house.wait(house.launch(row, x=1))
    assert (ended.phase, error_of(ended).code) == ("FAILED", "Boom")
    assert len(children_of(house, ended)) == 1
