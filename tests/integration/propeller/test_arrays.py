"""Array nodes, through the real database and a real object directory."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2, execution_pb2, literals_pb2, tasks_pb2
from google.protobuf import wrappers_pb2

from sandbox.executors.api import AttemptPhase, AttemptUpdate, TaskRequest
from sandbox.idl.identifiers import ExecutionId
from sandbox.store import executions
from tests.integration.propeller.house import House, failed
from tests.integration.propeller.test_crashes import dying_engine
from tests.unit.propeller.building import array, mapped, run, several, task, workflow
from tests.waiting import eventually

PYTHON = task("python", type="python-task")
Cache = catalog_pb2.CatalogCacheStatus
Phase = execution_pb2.TaskExecution


def mapping(type: str = "python-task", **more: Any) -> tasks_pb2.TaskTemplate:
    return mapped("mapped", type=type, **more)


def register(house: House, values: list[int], template: tasks_pb2.TaskTemplate, **more: Any) -> int:
    nodes = [array("n0", several(values), template, **more), run("n1", 7, PYTHON, after=["n0"])]
    return house.register(workflow("mapping", nodes, "n1"), [template, PYTHON])


def answer(house: House, request: TaskRequest) -> AttemptUpdate:
    """Ten times what the element was given."""
    if request.array_index is None:
        return house.scripted.echo(request)
    value = request.inputs.literals["x"].scalar.primitive.integer
    outputs = literals_pb2.LiteralMap(literals={"x": literal(10 * value)})
    house.objects.put(f"{request.output_prefix}/outputs.pb", outputs.SerializeToString())
    return AttemptUpdate(request.key, AttemptPhase.SUCCEEDED, datetime.now(UTC))


def literal(value: int) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=value)))


def outputs_of(house: House, execution: ExecutionId) -> list[int | None]:
    closure = node_execution_pb2.NodeExecutionClosure.FromString(house.nodes(execution)["n0"].closure)
    outputs = literals_pb2.LiteralMap.FromString(house.objects.get(closure.output_uri))
    return [
        None if item.scalar.WhichOneof("value") == "none_type" else item.scalar.primitive.integer
        for item in outputs.literals["x"].collection.literals
    ]


def closure_of(house: House, execution: ExecutionId) -> task_execution_pb2.TaskExecutionClosure:
    [attempt] = house.attempts(execution, "n0")
    return task_execution_pb2.TaskExecutionClosure.FromString(attempt.closure)


def test_the_outputs_of_all_elements_become_lists(house: House) -> None:
    house.scripted.behave = lambda request: answer(house, request)
    row = register(house, [3, 1, 2], mapping())
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == [30, 10, 20]
    assert set(house.nodes(execution)) == {"start-node", "n0", "n1"}
    metadata = node_execution_pb2.NodeExecutionMetaData.FromString(house.nodes(execution)["n0"].metadata)
    assert (metadata.is_array, metadata.is_parent_node) == (True, False)
    closure = closure_of(house, execution)
    assert (closure.task_type, closure.metadata.plugin_identifier) == ("container_array", "k8s-array")
    told = closure.metadata.external_resources
    assert [(one.index, one.phase, one.external_id) for one in told] == [
        (index, Phase.SUCCEEDED, f"{execution.name}-n0-0-n{index}-0") for index in range(3)
    ]
    requests = sorted(
        (request for request in house.scripted.requests.values() if request.array_index is not None),
        key=lambda request: request.array_index or 0,
    )
    root = f"s3://my-s3-bucket/metadata/propeller/flytesnacks-development-{execution.name}/n0/data"
    assert [request.inputs_uri for request in requests] == [f"{root}/inputs.pb"] * 3
    assert [request.output_prefix for request in requests] == [f"{root}/0/{index}/0" for index in range(3)]
    whole = literals_pb2.LiteralMap.FromString(house.objects.get(requests[0].inputs_uri))
    assert len(whole.literals["x"].collection.literals) == 3


def test_an_empty_list_gives_an_empty_list(house: House) -> None:
    house.scripted.behave = lambda request: answer(house, request)
    row = register(house, [], mapping())
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == []


@pytest.mark.parametrize(
    ("criterion", "failing", "phase"),
    [
        ({"min_success_ratio": 0.6}, {1, 2}, "SUCCEEDED"),
        ({"min_success_ratio": 0.6}, {0, 1, 2}, "FAILED"),
        ({"min_successes": 4}, {4}, "SUCCEEDED"),
        ({"min_successes": 4}, {3, 4}, "FAILED"),
        ({"min_success_ratio": 1.0}, {3}, "FAILED"),
        ({}, {3}, "FAILED"),
    ],
)
def test_enough_elements_must_succeed(
    house: House, criterion: dict[str, Any], failing: set[int], phase: str
) -> None:
    house.scripted.behave = lambda request: (
        failed(request, recoverable=False) if request.array_index in failing else answer(house, request)
    )
    row = register(house, [0, 1, 2, 3, 4], mapping(), **criterion)
    with house.engine():
        execution = house.launch(row)
        ended = house.wait(execution)
    assert ended.phase == phase
    if phase == "SUCCEEDED":
        assert outputs_of(house, execution) == [None if i in failing else 10 * i for i in range(5)]
        return
    error = execution_pb2.ExecutionError.FromString(ended.error or b"")
    assert f"[{min(failing)}]: it went boom" in error.message
    assert closure_of(house, execution).phase == Phase.FAILED


def test_each_element_has_its_own_retries(house: House) -> None:
    house.scripted.behave = lambda request: (
        failed(request) if request.array_index == 1 and request.key.attempt < 2 else answer(house, request)
    )
    row = register(house, [1, 2, 3], mapping(retries=2))
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == [10, 20, 30]
    assert [one.retry_attempt for one in closure_of(house, execution).metadata.external_resources] == [
        0,
        2,
        0,
    ]
    prefixes = {
        request.output_prefix.partition("/n0/data/")[2] for request in house.scripted.requests.values()
    }
    assert {"0/1/0", "0/1/1", "0/1/2"} <= prefixes


def test_no_more_elements_run_at_once_than_the_array_allows(house: House) -> None:
    house.scripted.behave = lambda request: (
        None if request.array_index is not None else answer(house, request)
    )
    row = register(house, list(range(7)), mapping(), parallelism=2)
    with house.engine():
        execution = house.launch(row)
        for ended in range(7):
            expected = min(7, ended + 2)
            eventually(lambda: len(house.scripted.started) == expected)  # noqa: B023
            key = house.scripted.started[ended]
            house.scripted.end(answer(house, house.scripted.requests[key]))
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == [10 * i for i in range(7)]


def test_lists_of_different_lengths_are_refused(house: House) -> None:
    template = mapping()
    for kind in (template.interface.inputs, template.interface.outputs):
        kind.variables["y"].CopyFrom(kind.variables["x"])
    bindings = several([1, 2])
    bindings.append(several([1, 2, 3])[0])
    bindings[1].var = "y"
    nodes = [array("n0", bindings, template), run("n1", 7, after=["n0"])]
    row = house.register(workflow("mapping", nodes, "n1"), [template])
    with house.engine():
        ended = house.wait(house.launch(row))
    error = execution_pb2.ExecutionError.FromString(ended.error or b"")
    assert (ended.phase, error.code) == ("FAILED", "InvalidArrayLength")
    assert "[x] has 2, [y] has 3" in error.message


def test_elements_are_cached_one_by_one(house: House) -> None:
    house.scripted.behave = lambda request: answer(house, request)
    template = mapping(cache=True)
    row = register(house, [1, 2], template)
    with house.engine():
        first = house.launch(row)
        assert house.wait(first).phase == "SUCCEEDED"
        nodes = [array("n0", several([5, 2, 1]), template), run("n1", 7, PYTHON, after=["n0"])]
        longer = house.register(workflow("longer", nodes, "n1"), [template, PYTHON])
        second = house.launch(longer)
        assert house.wait(second).phase == "SUCCEEDED"
    assert outputs_of(house, second) == [50, 20, 10]
    statuses = [
        [one.cache_status for one in closure_of(house, execution).metadata.external_resources]
        for execution in (first, second)
    ]
    assert statuses == [
        [Cache.CACHE_POPULATED] * 2,
        [Cache.CACHE_POPULATED, Cache.CACHE_HIT, Cache.CACHE_HIT],
    ]


def test_a_restarted_engine_starts_no_element_twice_and_gathers_all(house: House) -> None:
    house.scripted.behave = lambda request: (
        None if request.array_index is not None else answer(house, request)
    )
    row = register(house, [1, 2, 3], mapping())
    with dying_engine(house):
        execution = house.launch(row)
        eventually(lambda: len(house.scripted.started) == 3)
        first = house.scripted.requests[house.scripted.started[0]]
        house.scripted.end(answer(house, first))
        eventually(lambda: house.scripted.forgotten)
    with house.engine():
        eventually(lambda: len(house.scripted.started) == 3 and house.scripted.sink is not None)
        for key in house.scripted.started[1:3]:
            house.scripted.end(answer(house, house.scripted.requests[key]))
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == [10, 20, 30]
    assert len([key for key in house.scripted.started if "-n" in key.node]) == 3


def test_what_elements_do_is_told_while_they_run(house: House) -> None:
    house.scripted.behave = lambda request: answer(house, request) if request.array_index != 1 else None
    row = register(house, [1, 2, 3], mapping())

    def phases(execution: ExecutionId) -> list[int]:
        return [one.phase for one in closure_of(house, execution).metadata.external_resources]

    with house.engine():
        execution = house.launch(row)
        eventually(lambda: "n0" in house.nodes(execution) and house.attempts(execution, "n0"))
        eventually(lambda: phases(execution) == [Phase.SUCCEEDED, Phase.RUNNING, Phase.SUCCEEDED])
        [attempt] = house.attempts(execution, "n0")
        assert (attempt.phase, attempt.phase_version > 0) == ("RUNNING", True)
        [waiting] = [key for key in house.scripted.started if key.node == "n0-0-n1"]
        house.scripted.end(answer(house, house.scripted.requests[waiting]))
        assert house.wait(execution).phase == "SUCCEEDED"
    assert math.prod(outputs_of(house, execution)) == 6000  # type: ignore[type-var]


def test_a_task_with_an_interface_of_its_own_gets_inputs_of_its_own(house: House) -> None:
    house.scripted.behave = lambda request: house.scripted.echo(request, plus=1)
    original = wrappers_pb2.BoolValue(value=True)
    row = register(house, [4, 5], PYTHON, is_original_sub_node_interface=original)
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "SUCCEEDED"
    assert outputs_of(house, execution) == [5, 6]
    [second] = [request for key, request in house.scripted.requests.items() if key.node == "n0-0-n1"]
    assert second.array_index is None
    assert second.inputs_uri.endswith("/n0/data/0/1/inputs.pb")
    inputs = literals_pb2.LiteralMap.FromString(house.objects.get(second.inputs_uri))
    assert inputs.literals["x"].scalar.primitive.integer == 5


def test_an_aborted_array_aborts_all_its_elements(house: House) -> None:
    house.scripted.behave = lambda request: None
    row = register(house, [1, 2, 3, 4], mapping(), parallelism=3)
    with house.engine():
        execution = house.launch(row)
        eventually(lambda: len(house.scripted.started) == 3)
        with house.database.transaction() as connection:
            executions.request_abort(connection, execution, cause="enough", principal="me")
        assert house.wait(execution).phase == "ABORTED"
    assert len(house.scripted.started) == len(house.scripted.aborted) == 3
    assert house.nodes(execution)["n0"].phase == "ABORTED"
    closure = closure_of(house, execution)
    assert closure.phase == Phase.ABORTED
    told = [one.phase for one in closure.metadata.external_resources]
    assert told == [Phase.ABORTED] * 3 + [Phase.UNDEFINED]


def test_an_element_that_makes_success_impossible_aborts_the_others(house: House) -> None:
    house.scripted.behave = lambda request: (
        failed(request, recoverable=False) if request.array_index == 2 else None
    )
    row = register(house, [1, 2, 3], mapping())
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "FAILED"
    told = [one.phase for one in closure_of(house, execution).metadata.external_resources]
    assert told == [Phase.ABORTED, Phase.ABORTED, Phase.FAILED]
    assert sorted(key.node for key in house.scripted.aborted) == ["n0-0-n0", "n0-0-n1"]


def test_all_elements_run_on_if_the_array_says_so(house: House) -> None:
    house.scripted.behave = lambda request: (
        failed(request, recoverable=False) if request.array_index == 0 else answer(house, request)
    )
    row = register(house, [1, 2, 3], mapping(), run_all_sub_nodes=True, parallelism=1)
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "FAILED"
    assert [key.node for key in house.scripted.started] == ["n0-0-n0", "n0-0-n1", "n0-0-n2"]
    assert not house.scripted.aborted
