"""Workflows inside of workflows."""

from __future__ import annotations

import uuid

from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import cell
from tests.conformance.seen import fresh_name, launch, recover, run


@cell("subworkflow", "happy")
def test_subworkflows_are_parents_of_what_is_in_them(backend: Backend) -> None:
    seen = run(backend, "subworkflows.happy", x=3)
    assert seen.output(kind=int) == 12
    outer = seen.node("n0")
    assert (outer.phase, outer.kinds, outer.attempts()) == ("SUCCEEDED", {"is_parent_node"}, [])
    inner = seen.nodes(outer)
    assert [(node.spec_id, node.kinds) for node in inner] == [(f"n{i}", {"is_parent_node"}) for i in (0, 1)]
    for node in inner:
        [task] = seen.nodes(node)
        assert (task.spec_id, task.phase, len(task.attempts())) == ("n0", "SUCCEEDED", 1)
    assert seen.execution.node_executions["n0"].outputs["o0"] == 12


@cell("subworkflow", "retry")
def test_a_task_in_a_subworkflow_is_tried_again_where_it_is(backend: Backend) -> None:
    seen = run(backend, "subworkflows.retry", failures=1)
    assert seen.output(kind=int) == 1
    assert len(seen.nodes()) == len(seen.nodes(seen.node("n0"))) == 1
    assert [one.number for one in seen.node("n0", "n0").attempts()] == [0, 1]


@cell("subworkflow", "fail")
def test_a_failure_inside_is_the_failure_of_all_around_it(backend: Backend) -> None:
    seen = run(backend, "subworkflows.fail", b=0)
    assert seen.phase == "FAILED"
    inner, outer = seen.node("n0", "n0"), seen.node("n0")
    assert (inner.phase, outer.phase) == ("FAILED", "FAILED")
    for error in (inner.error, outer.error, seen.error):
        assert error.kind == core.ExecutionError.USER
        assert "ZeroDivisionError" in error.message
    assert inner.error.code == outer.error.code == seen.error.code


@cell("subworkflow", "abort")
def test_an_abort_reaches_into_subworkflows(backend: Backend) -> None:
    seen = launch(backend, "subworkflows.abort").when_running("n0", "n0").aborted("enough")
    assert seen.phase == "ABORTED"
    assert [node.phase for node in seen.tree()] == ["ABORTED", "ABORTED"]
    assert [one.phase for one in seen.node("n0", "n0").attempts()] == ["ABORTED"]


@cell("subworkflow", "recover")
def test_a_recovery_goes_on_inside_of_a_subworkflow(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "subworkflows.recover", name=doomed, doomed=doomed)
    assert failed.phase == "FAILED"
    seen = recover(failed)
    [stamp] = failed.node("n0", "n0").outputs().values()
    assert seen.output("o0", kind=str) == stamp.scalar.primitive.string_value
    assert seen.output("o1", kind=str) == seen.name
    inside = seen.nodes(seen.node("n0"))
    assert [(node.phase, len(node.attempts())) for node in inside] == [("RECOVERED", 0), ("SUCCEEDED", 1)]


@cell("subworkflow", "cache")
def test_tasks_in_subworkflows_share_the_cache(backend: Backend) -> None:
    key = uuid.uuid4().hex
    first, second = (run(backend, "subworkflows.cache", key=key) for _ in range(2))
    assert first.output(kind=str) == second.output(kind=str)
    inside = [one.node("n0", "n0") for one in (first, second)]
    assert [node.cache_status for node in inside] == ["CACHE_POPULATED", "CACHE_HIT"]
    assert [len(node.attempts()) for node in inside] == [1, 0]
