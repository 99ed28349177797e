"""Workflows that are put together by calls."""

from __future__ import annotations

import uuid

from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import cell
from tests.conformance.seen import fresh_name, launch, recover, run


@cell("imperative", "happy")
def test_tasks_subworkflows_and_launch_plans_are_put_together(backend: Backend) -> None:
    seen = run(backend, "imperatives.happy", x=3)
    assert seen.output("inside", kind=int) == 12
    assert seen.output("both", kind=list[int]) == [12, 24]
    nodes = [seen.node(f"n{number}") for number in range(3)]
    assert [node.phase for node in nodes] == ["SUCCEEDED"] * 3
    assert [len(node.attempts()) for node in nodes] == [1, 0, 0]
    assert nodes[1].kinds == {"is_parent_node"}
    assert nodes[2].child().phase == "SUCCEEDED"


@cell("imperative", "retry")
def test_their_tasks_are_tried_again(backend: Backend) -> None:
    seen = run(backend, "imperatives.retry", failures=1)
    assert seen.output("attempt", kind=int) == 1
    assert [one.phase for one in seen.node("n0").attempts()] == ["FAILED", "SUCCEEDED"]


@cell("imperative", "fail")
def test_a_failure_is_handled_and_what_comes_after_it_is_never_begun(backend: Backend) -> None:
    seen = run(backend, "imperatives.fail", b=0)
    assert seen.phase == "FAILED"
    assert seen.error.kind == core.ExecutionError.USER
    assert "ZeroDivisionError" in seen.error.message
    assert seen.node("n0").phase == "FAILED"
    assert [node for node in seen.nodes() if node.spec_id == "n1" and node.attempts()] == []
    [said] = seen.node("efn").outputs().values()
    assert said.scalar.primitive.string_value.startswith("b was 0; n0: ")


@cell("imperative", "abort")
def test_they_can_be_aborted(backend: Backend) -> None:
    seen = launch(backend, "imperatives.abort").when_running("n0").aborted("enough")
    assert (seen.phase, seen.node("n0").phase) == ("ABORTED", "ABORTED")
    assert [one.phase for one in seen.node("n0").attempts()] == ["ABORTED"]


@cell("imperative", "recover")
def test_they_go_on_where_they_failed(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "imperatives.recover", name=doomed, doomed=doomed)
    assert failed.phase == "FAILED"
    seen = recover(failed)
    assert seen.output("first", kind=str).split()[0] == doomed
    assert seen.output("second", kind=str) == seen.name
    assert [node.phase for node in seen.nodes()] == ["RECOVERED", "SUCCEEDED"]


@cell("imperative", "cache")
def test_their_tasks_are_cached(backend: Backend) -> None:
    key = uuid.uuid4().hex
    first, second = (run(backend, "imperatives.cache", key=key) for _ in range(2))
    assert first.output("value", kind=str) == second.output("value", kind=str)
    statuses = [one.node("n0").cache_status for one in (first, second)]
    assert statuses == ["CACHE_POPULATED", "CACHE_HIT"]
