"""Array nodes over a launch plan, through the real database: each element is an execution of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from flyteidl.admin import execution_pb2 as admin_execution_pb2
from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import execution_pb2, literals_pb2, tasks_pb2

from sandbox.executors.api import AttemptUpdate, TaskRequest
from sandbox.idl.identifiers import ExecutionId
from sandbox.store import executions
from tests.integration.propeller.house import House, failed
from tests.integration.propeller.test_crashes import dying_engine
from tests.unit.propeller.building import array_of_plans, run, several, task, workflow
from tests.waiting import eventually

PYTHON = task("python", type="python-task")
Phase = execution_pb2.TaskExecution


def register(
    house: House, values: Sequence[int], *, template: tasks_pb2.TaskTemplate = PYTHON, **more: Any
) -> int:
    """A workflow that maps the launch plan `child`, which runs one task."""
    house.register(workflow("child", [run("n0", template=template)], "n0"), [template])
    nodes = [array_of_plans("n0", several(values), "child", **more), run("n1", 7, after=["n0"])]
    return house.register(workflow("mapping", nodes, "n1"), plans=["child"])


def value_of(request: TaskRequest) -> int:
    return int(request.inputs.literals["x"].scalar.primitive.integer)


def failing(house: House, *values: int) -> None:
    """Children that are given one of these fail; the others give ten more."""

    def behave(request: TaskRequest) -> AttemptUpdate:
        if value_of(request) in values:
            return failed(request, recoverable=False)
        return house.scripted.echo(request, plus=10)

    house.scripted.behave = behave


def outputs_of(house: House, execution: ExecutionId) -> list[int | None]:
    closure = node_execution_pb2.NodeExecutionClosure.FromString(house.nodes(execution)["n0"].closure)
    outputs = literals_pb2.LiteralMap.FromString(house.objects.get(closure.output_uri))
    return [
        None if item.scalar.WhichOneof("value") == "none_type" else item.scalar.primitive.integer
        for item in outputs.literals["x"].collection.literals
    ]


def told(house: House, execution: ExecutionId) -> list[Any]:
    """What the array's task execution says of its elements."""
    [attempt] = house.attempts(execution, "n0")
    closure = task_execution_pb2.TaskExecutionClosure.FromString(attempt.closure)
    return list(closure.metadata.external_resources)


def children(house: House) -> list[executions.Execution]:
    sql = "SELECT execution_name FROM executions WHERE parent_node_execution_id IS NOT NULL ORDER BY id"
    with house.database.reading() as connection:
        names = [row[0] for row in connection.exec_driver_sql(sql)]
        return [executions.get(connection, ExecutionId("flytesnacks", "development", name)) for name in names]


def test_each_element_is_an_execution_and_the_outputs_become_a_list(house: House) -> None:
    failing(house)
    row = register(house, [3, 1, 2])
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == [13, 11, 12]
    launched = children(house)
    assert [child.phase for child in launched] == ["SUCCEEDED"] * 3
    assert {child.parent_node.node for child in launched if child.parent_node} == {"n0"}
    spec = admin_execution_pb2.ExecutionSpec.FromString(launched[0].spec)
    assert spec.metadata.parent_node_execution.node_id == "n0"
    assert [one.phase for one in told(house, execution)] == [Phase.SUCCEEDED] * 3
    named = [one.workflow_node_metadata.execution_id.name for one in told(house, execution)]
    assert sorted(named) == sorted(child.execution.name for child in launched)
    metadata = node_execution_pb2.NodeExecutionMetaData.FromString(house.nodes(execution)["n0"].metadata)
    assert (metadata.is_array, metadata.is_parent_node) == (True, False)


def test_an_empty_list_launches_nothing_and_gives_an_empty_list(house: House) -> None:
    row = register(house, [])
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == []
    assert children(house) == []


@pytest.mark.parametrize(
    ("more", "bad", "phase"),
    [
        ({}, [2], "FAILED"),
        ({"min_success_ratio": 0.5}, [2, 4], "SUCCEEDED"),
        ({"min_successes": 3}, [2, 4], "FAILED"),
        ({"min_successes": 0}, [1, 2, 3, 4], "SUCCEEDED"),
    ],
)
def test_enough_children_must_succeed(house: House, more: dict[str, Any], bad: list[int], phase: str) -> None:
    failing(house, *bad)
    row = register(house, [1, 2, 3, 4], **more)
    with house.engine():
        execution = house.launch(row)
        ended = house.wait(execution)
    assert ended.phase == phase
    if phase == "SUCCEEDED":
        assert outputs_of(house, execution) == [None if x in bad else x + 10 for x in (1, 2, 3, 4)]
    else:
        error = execution_pb2.ExecutionError.FromString(ended.error or b"")
        assert "[1]: " in error.message
        assert "it went boom" in error.message


def test_no_more_children_run_at_once_than_the_array_allows(house: House) -> None:
    house.scripted.behave = lambda request: None
    row = register(house, list(range(5)), parallelism=2)
    with house.engine():
        execution = house.launch(row)
        for ended in range(5):
            expected = min(5, ended + 2)
            eventually(lambda: len(house.scripted.started) == expected)  # noqa: B023
            assert len(children(house)) == expected
            house.scripted.end(house.scripted.echo(house.scripted.requests[house.scripted.started[ended]]))
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == [0, 1, 2, 3, 4]


def test_an_abort_takes_the_children_along(house: House) -> None:
    house.scripted.behave = lambda request: None
    row = register(house, [1, 2, 3, 4], parallelism=3)
    with house.engine():
        execution = house.launch(row)
        eventually(lambda: len(house.scripted.started) == 3)
        with house.database.transaction() as connection:
            executions.request_abort(connection, execution, cause="enough", principal="me")
        assert house.wait(execution).phase == "ABORTED"
    assert [child.phase for child in children(house)] == ["ABORTED"] * 3
    assert "cascading abort" in children(house)[0].abort_cause
    assert [one.phase for one in told(house, execution)] == [Phase.ABORTED] * 3 + [Phase.UNDEFINED]


def test_a_child_that_makes_success_impossible_ends_the_others(house: House) -> None:
    house.scripted.behave = lambda request: (
        failed(request, recoverable=False) if value_of(request) == 3 else None
    )
    row = register(house, [1, 2, 3])
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "FAILED"
    assert sorted(child.phase for child in children(house)) == ["ABORTED", "ABORTED", "FAILED"]
    assert [one.phase for one in told(house, execution)] == [Phase.ABORTED, Phase.ABORTED, Phase.FAILED]


def test_a_child_that_someone_aborts_is_an_element_that_failed(house: House) -> None:
    house.scripted.behave = lambda request: None if value_of(request) == 2 else house.scripted.echo(request)
    row = register(house, [1, 2, 3], min_successes=2)
    with house.engine():
        execution = house.launch(row)
        eventually(lambda: sum(child.terminal for child in children(house)) == 2)
        [live] = [child for child in children(house) if not child.terminal]
        with house.database.transaction() as connection:
            executions.request_abort(connection, live.execution, cause="not this one", principal="me")
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == [1, None, 3]


def test_engines_that_die_launch_no_child_twice(house: House) -> None:
    house.scripted.behave = lambda request: None
    row = register(house, [1, 2, 3, 4])
    with dying_engine(house):
        execution = house.launch(row)
        eventually(lambda: len(house.scripted.started) >= 2)
    with dying_engine(house):
        eventually(lambda: len(house.scripted.started) == 4)
        house.scripted.end(house.scripted.echo(house.scripted.requests[house.scripted.started[0]]))
    house.scripted.behave = house.scripted.echo
    with house.engine():
        eventually(lambda: house.scripted.sink is not None)
        for key in list(house.scripted.started):
            house.scripted.end(house.scripted.echo(house.scripted.requests[key]))
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == [1, 2, 3, 4]
    assert len(children(house)) == len(house.scripted.started) == 4


def test_children_of_one_array_may_be_driven_by_several_engines(house: House) -> None:
    row = register(house, list(range(20)), template=task())  # The scripted executor serves one engine.
    with house.engine(owner="one", max_executions=8), house.engine(owner="two", max_executions=8):
        execution = house.launch(row)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == list(range(20))


def test_a_recovery_launches_only_what_failed_and_that_goes_on_where_it_failed(house: House) -> None:
    house.register(workflow("child", [run("n0", template=PYTHON), run("n1", "n0", PYTHON)], "n1"), [PYTHON])
    node = array_of_plans("n0", several([1, 2, 3]), "child", run_all_sub_nodes=True)
    row = house.register(workflow("mapping", [node, run("n1", 7, after=["n0"])], "n1"), plans=["child"])
    broken = {2}

    def behave(request: TaskRequest) -> AttemptUpdate:
        if request.key.node == "n1" and value_of(request) in broken:
            return failed(request, recoverable=False)
        return house.scripted.echo(request)

    house.scripted.behave = behave
    with house.engine():
        first = house.launch(row)
        assert house.wait(first).phase == "FAILED"
        broken.clear()
        house.scripted.started.clear()
        second = house.recover(first)
        assert house.wait(second).phase == "SUCCEEDED"
    assert outputs_of(house, second) == [1, 2, 3]
    assert [key.node for key in house.scripted.started] == ["n1"]
    assert len(children(house)) == 4


def test_only_the_executions_that_failed_are_recovered(house: House) -> None:
    failing(house, 2)
    row = register(house, [1, 2, 3], run_all_sub_nodes=True)
    with house.engine():
        first = house.launch(row)
        assert house.wait(first).phase == "FAILED"
        failing(house)
        second = house.recover(first)
        assert house.wait(second).phase == "SUCCEEDED"
        third = house.recover(second)
        assert house.wait(third).phase == "SUCCEEDED"
    assert outputs_of(house, second) == outputs_of(house, third) == [11, 12, 13]
    *before, recovered = children(house)
    assert len(before) == 3
    assert recovered.mode == admin_execution_pb2.ExecutionMetadata.RECOVERED
    assert recovered.source == before[1].execution
    assert [value_of(house.scripted.requests[key]) for key in house.scripted.started[3:]] == [2]
    shown = [one.workflow_node_metadata.execution_id.name for one in told(house, second)]
    assert shown == [before[0].execution.name, recovered.execution.name, before[2].execution.name]
    assert {one.phase for one in told(house, second)} == {Phase.SUCCEEDED}
