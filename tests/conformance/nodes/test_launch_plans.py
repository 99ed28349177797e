"""Launch plans as nodes."""

from __future__ import annotations

import uuid

from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import cell
from tests.conformance.seen import begin_recovery, fetch, fresh_name, launch, recover, run


@cell("launch plan", "happy")
def test_each_launch_plan_node_begins_an_execution_with_the_plans_inputs(backend: Backend) -> None:
    seen = run(backend, "launch_plans.happy", x=3)
    assert [seen.output(name, kind=int) for name in ("o0", "o1")] == [12, 8]
    for node in seen.nodes():
        assert (node.phase, node.kinds, node.attempts()) == ("SUCCEEDED", set(), [])
        child = node.child()
        assert child.phase == "SUCCEEDED"
        metadata = child.proto.spec.metadata
        assert metadata.mode == execution_pb2.ExecutionMetadata.CHILD_WORKFLOW
        assert metadata.parent_node_execution == node.proto.id
        assert metadata.nesting == 1
    synced = seen.execution.node_executions["n0"]
    assert [one.id.name for one in synced.workflow_executions] == [seen.node("n0").child().name]
    assert synced.outputs["o0"] == 12


@cell("launch plan", "retry")
def test_a_childs_task_is_tried_again_in_the_child(backend: Backend) -> None:
    seen = run(backend, "launch_plans.retry", failures=2)
    assert seen.output(kind=int) == 2
    child = seen.node("n0").child()
    assert [one.number for one in child.node("n0").attempts()] == [0, 1, 2]


@cell("launch plan", "fail")
def test_a_failed_child_fails_its_node_with_its_own_error(backend: Backend) -> None:
    seen = run(backend, "launch_plans.fail")
    assert seen.phase == "FAILED"
    node = seen.node("n0")
    child = node.child()
    assert (node.phase, child.phase) == ("FAILED", "FAILED")
    for error in (child.error, node.error, seen.error):
        assert error.kind == core.ExecutionError.USER
        assert "ZeroDivisionError" in error.message
        assert "return a / b" in error.message


@cell("launch plan", "fail")
def test_a_child_that_somebody_aborted_fails_its_node(backend: Backend) -> None:
    seen = launch(backend, "launch_plans.abort").when_running("n0")
    child = seen.node("n0").child().when_running("n0")
    assert child.aborted("not this one").phase == "ABORTED"
    seen = seen.ended()
    assert (seen.phase, seen.node("n0").phase) == ("FAILED", "FAILED")
    for error in (seen.node("n0").error, seen.error):
        assert error.code == "RemoteChildWorkflowExecutionFailed"
        assert error.kind == core.ExecutionError.USER
        assert child.name in error.message
        assert "not this one" in error.message


@cell("launch plan", "abort")
def test_an_abort_cascades_to_children_and_their_children(backend: Backend) -> None:
    seen = launch(backend, "launch_plans.abort").when_running("n0")
    child = seen.node("n0").child().when_running("n0")
    grandchild = child.node("n0").child().when_running("n0")
    assert seen.aborted("enough").phase == "ABORTED"
    ended = [one.ended() for one in (child, grandchild)]
    assert [one.phase for one in ended] == ["ABORTED", "ABORTED"]
    cause = ended[0].proto.closure.abort_metadata.cause
    assert "cascading abort as parent execution id" in cause
    assert f'name:"{seen.name}"' in cause.replace(" ", "") or seen.name in cause
    assert "enough" in cause
    assert [one.phase for one in ended[1].node("n0").attempts()] == ["ABORTED"]


@cell("launch plan", "recover")
def test_a_failed_child_is_recovered_and_not_begun_afresh(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "launch_plans.recover", name=doomed, doomed=doomed)
    assert failed.phase == "FAILED"
    seen = recover(failed)
    before, after = failed.node("n0").child(), seen.node("n0").child()
    assert after.name != before.name
    assert after.proto.spec.metadata.reference_execution.name == before.name
    assert [node.phase for node in after.nodes()] == ["RECOVERED", "SUCCEEDED"]
    [stamp] = before.node("n0").outputs().values()
    assert seen.output("o0", kind=str) == stamp.scalar.primitive.string_value
    assert seen.output("o1", kind=str) == after.name


@cell("launch plan", "recover")
def test_a_child_that_was_aborted_with_its_parent_goes_on_in_a_recovery(backend: Backend) -> None:
    begun = launch(backend, "launch_plans.interrupted").when_running("n0")
    child = begun.node("n0").child().when_running("n1")
    aborted = begun.aborted("enough")
    before = child.ended()
    assert [node.phase for node in before.nodes()] == ["SUCCEEDED", "ABORTED"]
    again = fetch(backend, begin_recovery(aborted)).when_running("n0")
    after = again.node("n0").child().when_running("n1")
    assert after.node("n0").phase == "RECOVERED"
    assert after.node("n0").outputs() == before.node("n0").outputs()
    assert again.aborted("enough again").phase == "ABORTED"


@cell("launch plan", "cache")
def test_tasks_of_children_share_the_cache(backend: Backend) -> None:
    key = uuid.uuid4().hex
    first, second = (run(backend, "launch_plans.cache", key=key) for _ in range(2))
    assert first.output(kind=str) == second.output(kind=str)
    children = [one.node("n0").child() for one in (first, second)]
    assert [child.node("n0").cache_status for child in children] == ["CACHE_POPULATED", "CACHE_HIT"]
    assert [len(child.node("n0").attempts()) for child in children] == [1, 0]
