"""Workflows that are made while they run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import cell
from tests.conformance.seen import Node, Seen, fresh_name, launch, recover, run


@cell("dynamic", "happy")
def test_what_a_dynamic_task_made_is_inside_of_its_node(backend: Backend) -> None:
    seen = run(backend, "dynamics.happy", n=4)
    assert seen.output(kind=int) == 12
    node = seen.node("n0")
    assert (node.phase, node.kinds) == ("SUCCEEDED", {"is_parent_node", "is_dynamic"})
    assert [(one.number, one.phase) for one in node.attempts()] == [(0, "SUCCEEDED")]
    inside = seen.nodes(node)
    assert [(child.phase, len(child.attempts())) for child in inside] == [("SUCCEEDED", 1)] * 5
    synced = seen.execution.node_executions["n0"]
    assert len(synced.subworkflow_node_executions) >= 5
    assert synced.outputs["o0"] == 12


@cell("dynamic", "retry")
def test_a_dynamic_task_is_tried_again_until_it_makes_a_workflow(backend: Backend) -> None:
    seen = run(backend, "dynamics.retry", failures=2)
    assert seen.output(kind=list[int]) == [1, 2]
    node = seen.node("n0")
    attempts = [(one.number, one.phase) for one in node.attempts()]
    assert attempts == [(0, "FAILED"), (1, "FAILED"), (2, "SUCCEEDED")]
    assert sorted(len(child.attempts()) for child in seen.nodes(node)) == [1, 2]


@cell("dynamic", "fail")
def test_a_failure_inside_is_final_for_the_dynamic_node(backend: Backend) -> None:
    seen = run(backend, "dynamics.fail", b=0)
    assert seen.phase == "FAILED"
    node = seen.node("n0")
    assert (node.phase, len(node.attempts())) == ("FAILED", 1)
    [inside] = seen.nodes(node)
    for error in (inside.error, node.error, seen.error):
        assert error.kind == core.ExecutionError.USER
        assert "ZeroDivisionError" in error.message


@cell("dynamic", "abort")
def test_an_abort_reaches_what_a_dynamic_task_made(backend: Backend) -> None:
    seen = launch(backend, "dynamics.abort").when_running("n0", "dn0").aborted("enough")
    assert seen.phase == "ABORTED"
    assert seen.node("n0").phase == "ABORTED"
    assert seen.node("n0", "dn0").phase == "ABORTED"
    assert [one.phase for one in seen.node("n0", "dn0").attempts()] == ["ABORTED"]


@cell("dynamic", "recover")
def test_a_recovery_goes_on_in_the_workflow_that_was_made(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "dynamics.recover", name=doomed, doomed=doomed)
    assert failed.phase == "FAILED"
    seen = recover(failed)
    made, first, second = seen.output(kind=list[str])
    [stamp] = failed.node("n0", "dn0").outputs().values()
    assert first == stamp.scalar.primitive.string_value
    assert second == seen.name
    assert made
    node = seen.node("n0")
    assert node.kinds == {"is_parent_node", "is_dynamic"}
    inside = seen.nodes(node)
    assert [(one.phase, len(one.attempts())) for one in inside] == [("RECOVERED", 0), ("SUCCEEDED", 1)]


@cell("dynamic", "recover")
def test_a_recovery_reaches_into_whatever_a_dynamic_task_made(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "dynamics.deep", name=doomed, doomed=doomed, marks=["", doomed, ""])
    assert failed.phase == "FAILED"
    seen = recover(failed)
    child, inside, mapped = seen.output(kind=list[list[str]])
    assert child[1].startswith(seen.name)
    assert inside[1] == seen.name
    assert mapped[1].startswith(seen.name)
    # What ended first aborted the others, so what had succeeded by then differs from time to time.
    before, after = dict(tasks(failed)), dict(tasks(seen))
    assert before.keys() <= after.keys()
    for place, node in before.items():
        if node.phase == "SUCCEEDED":
            assert (after[place].phase, after[place].attempts()) == ("RECOVERED", [])
            assert after[place].outputs() == node.outputs()
        elif node.phase == "FAILED" and not node.kinds:
            assert len(after[place].attempts()) == 1
    for array in (node for node in before.values() if "is_array" in node.kinds):
        for attempt in array.attempts():
            for element, value in zip(attempt.elements, mapped, strict=True):
                done = element.phase == core.TaskExecution.SUCCEEDED
                assert value.startswith(doomed if done else seen.name)


def tasks(seen: Seen, place: str = "") -> Iterator[tuple[str, Node]]:
    """All nodes of tasks by where they are, those of child executions included."""
    for node in seen.tree():
        if node.proto.closure.HasField("workflow_node_metadata"):
            yield from tasks(node.child(), f"{place}{node.id}/")
        elif not node.kinds or "is_array" in node.kinds:
            yield f"{place}{node.id}", node


@cell("dynamic", "cache")
def test_a_dynamic_task_is_cached_with_all_that_it_made(backend: Backend) -> None:
    key = uuid.uuid4().hex
    first, second = (run(backend, "dynamics.cache", key=key) for _ in range(2))
    assert first.output(kind=list[str]) == second.output(kind=list[str])
    nodes = [one.node("n0") for one in (first, second)]
    assert [node.cache_status for node in nodes] == ["CACHE_POPULATED", "CACHE_HIT"]
    assert [node.kinds for node in nodes] == [{"is_parent_node", "is_dynamic"}, set()]
    assert [len(one.nodes(node)) for one, node in zip((first, second), nodes, strict=True)] == [1, 0]
