"""Failure nodes: what a workflow does when it fails."""

from __future__ import annotations

import uuid

from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import cell
from tests.conformance.seen import Node, Seen, fresh_name, launch, recover, run


def failure_node(seen: Seen) -> Node:
    """flytekit calls it `fn0`, after the other nodes."""
    return seen.node("fn0")


@cell("failure node", "happy")
def test_it_is_told_what_failed_and_where(backend: Backend) -> None:
    seen = run(backend, "failure_nodes.happy", b=0)
    assert seen.phase == "FAILED"
    assert "ZeroDivisionError" in seen.error.message
    node = failure_node(seen)
    assert (node.phase, len(node.attempts())) == ("SUCCEEDED", 1)
    [said] = node.outputs().values()
    text = said.scalar.primitive.string_value
    assert text.startswith("b was 0; n1: ")
    assert "ZeroDivisionError" in text


@cell("failure node", "happy")
def test_it_does_not_run_where_nothing_failed(backend: Backend) -> None:
    seen = run(backend, "failure_nodes.happy", b=2)
    assert seen.output(kind=float) == 0.5
    assert [node.spec_id for node in seen.nodes() if node.attempts()] == ["n0", "n1"]


@cell("failure node", "happy")
def test_a_subworkflow_tidies_up_after_itself(backend: Backend) -> None:
    seen = run(backend, "failure_nodes.inside", b=0)
    assert seen.phase == "FAILED"
    assert "ZeroDivisionError" in seen.error.message
    node = seen.node("n0", "fn0")
    assert (node.phase, len(node.attempts())) == ("SUCCEEDED", 1)
    [said] = node.outputs().values()
    assert "n1: " in said.scalar.primitive.string_value


@cell("failure node", "happy")
def test_it_may_be_a_workflow(backend: Backend) -> None:
    seen = run(backend, "failure_nodes.by_a_workflow", b=0)
    assert seen.phase == "FAILED"
    assert "ZeroDivisionError" in seen.error.message
    assert failure_node(seen).phase == "SUCCEEDED"
    inside = seen.nodes(failure_node(seen))
    assert [(node.phase, len(node.attempts())) for node in inside] == [("SUCCEEDED", 1)] * 2


@cell("failure node", "retry")
def test_it_is_tried_again(backend: Backend) -> None:
    seen = run(backend, "failure_nodes.retry", failures=2)
    assert seen.phase == "FAILED"
    assert "ZeroDivisionError" in seen.error.message
    attempts = [(one.number, one.phase) for one in failure_node(seen).attempts()]
    assert attempts == [(0, "FAILED"), (1, "FAILED"), (2, "SUCCEEDED")]


@cell("failure node", "fail")
def test_its_own_failure_is_the_one_that_is_shown(backend: Backend) -> None:
    seen = run(backend, "failure_nodes.fail", b=0)
    assert seen.phase == "FAILED"
    assert "so does the tidying up" in seen.error.message
    assert seen.error.kind == core.ExecutionError.USER
    assert failure_node(seen).phase == "FAILED"
    assert "ZeroDivisionError" in seen.node("n0").error.message


@cell("failure node", "abort")
def test_it_can_be_aborted(backend: Backend) -> None:
    seen = launch(backend, "failure_nodes.abort", seconds=600).when_running("fn0").aborted("enough")
    assert seen.phase == "ABORTED"
    assert [(node.spec_id, node.phase) for node in seen.nodes()] == [("n0", "FAILED"), ("fn0", "ABORTED")]


@cell("failure node", "recover")
def test_it_does_not_run_in_a_recovery_that_succeeds(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "failure_nodes.recover", name=doomed, doomed=doomed)
    assert failed.phase == "FAILED"
    assert failure_node(failed).phase == "SUCCEEDED"
    seen = recover(failed)
    assert seen.output("o1", kind=str) == seen.name
    assert [(node.spec_id, node.phase) for node in seen.nodes()] == [("n0", "RECOVERED"), ("n1", "SUCCEEDED")]


@cell("failure node", "cache")
def test_it_is_cached_like_any_task(backend: Backend) -> None:
    key = uuid.uuid4().hex
    nodes = [failure_node(run(backend, "failure_nodes.cache", key=key)) for _ in range(2)]
    assert [node.cache_status for node in nodes] == ["CACHE_POPULATED", "CACHE_HIT"]
    assert [len(node.attempts()) for node in nodes] == [1, 0]
    assert nodes[0].outputs() == nodes[1].outputs()
