"""Launch plans, mapped."""

from __future__ import annotations

import uuid

from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import cell
from tests.conformance.nodes.test_maps import the_attempt
from tests.conformance.seen import Seen, fetch, fresh_name, launch, recover, run
from tests.waiting import eventually

Phase = core.TaskExecution


def elements(seen: Seen) -> list[core.TaskExecution.Phase.ValueType]:
    """The phases of the elements."""
    return [one.phase for one in the_attempt(seen).elements]


def children(seen: Seen) -> list[Seen]:
    """The executions of the elements, in the order of the elements."""
    names = [one.workflow_node_metadata.execution_id.name for one in the_attempt(seen).elements]
    return [fetch(seen.backend, name) for name in names if name]


@cell("map of launch plans", "happy")
def test_each_element_is_an_execution(backend: Backend) -> None:
    seen = run(backend, "plan_maps.happy", xs=[1, 2, 3])
    assert seen.output(kind=list[int]) == [4, 8, 12]
    assert elements(seen) == [Phase.SUCCEEDED] * 3
    assert [child.output(kind=int) for child in children(seen)] == [4, 8, 12]
    assert {child.proto.spec.metadata.parent_node_execution.node_id for child in children(seen)} == {"n0"}


@cell("map of launch plans", "retry")
def test_tasks_are_tried_again_in_their_execution(backend: Backend) -> None:
    seen = run(backend, "plan_maps.retry", failures=[0, 2])
    assert seen.output(kind=list[int]) == [0, 2]
    assert [len(child.node("n0").attempts()) for child in children(seen)] == [1, 3]


@cell("map of launch plans", "fail")
def test_a_failed_execution_fails_the_map_with_its_error(backend: Backend) -> None:
    seen = run(backend, "plan_maps.fail", bs=[1, 0])
    assert seen.phase == "FAILED"
    assert seen.error.kind == core.ExecutionError.USER
    assert "[1]" in seen.error.message
    assert "ZeroDivisionError" in seen.error.message
    assert elements(seen)[1] == Phase.FAILED


@cell("map of launch plans", "fail")
def test_executions_may_fail_where_enough_succeed(backend: Backend) -> None:
    seen = run(backend, "plan_maps.tolerate", bs=[0, 2])
    assert seen.output(kind=list[float | None]) == [None, 0.5]
    assert [child.phase for child in children(seen)] == ["FAILED", "SUCCEEDED"]


@cell("map of launch plans", "abort")
def test_an_abort_cascades_to_the_elements(backend: Backend) -> None:
    seen = launch(backend, "plan_maps.abort", seconds=[600, 601]).when_running("n0")

    def both_run() -> bool:
        return [[node.phase for node in child.nodes()] for child in children(seen)] == [["RUNNING"]] * 2

    eventually(both_run, backend.patience, interval=0.3)
    seen = seen.aborted("enough")
    assert (seen.phase, seen.node("n0").phase) == ("ABORTED", "ABORTED")
    for child in children(seen):
        ended = child.ended()
        assert ended.phase == "ABORTED"
        assert "enough" in ended.proto.closure.abort_metadata.cause


@cell("map of launch plans", "recover")
def test_executions_that_failed_are_recovered_and_the_others_left(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "plan_maps.recover", name=doomed, doomed=["nobody", doomed])
    assert failed.phase == "FAILED"
    seen = recover(failed)
    first, second = seen.output(kind=list[str])
    assert first.startswith(doomed)
    assert second.startswith(seen.name)
    [before] = [child for child in children(failed) if child.phase == "FAILED"]
    [after] = [child for child in children(seen) if child.name.startswith(seen.name)]
    assert after.proto.spec.metadata.reference_execution.name == before.name
    assert [node.phase for node in after.nodes()] == ["RECOVERED", "SUCCEEDED"]


@cell("map of launch plans", "cache")
def test_tasks_of_the_executions_share_the_cache(backend: Backend) -> None:
    keys = [uuid.uuid4().hex for _ in range(2)]
    first, second = (run(backend, "plan_maps.cache", keys=keys) for _ in range(2))
    assert first.output(kind=list[str]) == second.output(kind=list[str])
    statuses = [child.node("n0").cache_status for one in (first, second) for child in children(one)]
    assert statuses == ["CACHE_POPULATED"] * 2 + ["CACHE_HIT"] * 2
