"""Task nodes."""

from __future__ import annotations

import uuid

from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import cell
from tests.conformance.seen import fresh_name, launch, recover, run


@cell("task", "happy")
def test_a_task_runs_once_and_shows_what_came_in_and_out(backend: Backend) -> None:
    seen = run(backend, "tasks.happy")
    assert seen.output(kind=str) == "hello, world"
    node = seen.node("n0")
    assert (node.phase, node.kinds) == ("SUCCEEDED", set())
    assert [(one.number, one.phase) for one in node.attempts()] == [(0, "SUCCEEDED")]
    assert node.cache_status == "CACHE_DISABLED"
    synced = seen.execution.node_executions["n0"]
    assert synced.inputs["parts"] == ["hello", "world"]
    assert synced.outputs["o0"] == "hello, world"


@cell("task", "retry")
def test_a_recoverable_error_is_tried_again(backend: Backend) -> None:
    seen = run(backend, "tasks.retry", failures=2)
    assert seen.output(kind=int) == 2
    attempts = seen.node("n0").attempts()
    assert [(one.number, one.phase) for one in attempts] == [(0, "FAILED"), (1, "FAILED"), (2, "SUCCEEDED")]
    for number, one in enumerate(attempts[:2]):
        assert "FlyteRecoverableException" in one.error.message
        assert f"attempt {number} of 2 that fail" in one.error.message
        assert one.error.kind == core.ExecutionError.USER


@cell("task", "retry")
def test_an_error_that_outlives_all_retries_says_so(backend: Backend) -> None:
    seen = run(backend, "tasks.retry", failures=9)
    assert seen.phase == "FAILED"
    node = seen.node("n0")
    assert [(one.number, one.phase) for one in node.attempts()] == [(n, "FAILED") for n in range(3)]
    for error in (node.error, seen.error):
        assert error.code.startswith("RetriesExhausted|")
        assert error.kind == core.ExecutionError.USER
        assert "[3/3] currentAttempt done. Last Error: USER::" in error.message
        assert "attempt 2 of 9 that fail" in error.message


@cell("task", "fail")
def test_an_error_of_the_users_code_is_not_tried_again_and_has_its_traceback(backend: Backend) -> None:
    seen = run(backend, "tasks.fail", b=0)
    assert seen.phase == "FAILED"
    node = seen.node("n0")
    [attempt] = node.attempts()
    assert (node.phase, attempt.phase) == ("FAILED", "FAILED")
    for error in (attempt.error, node.error, seen.error):
        assert error.kind == core.ExecutionError.USER
        assert "ZeroDivisionError: division by zero" in error.message
        assert "return a / b" in error.message
        assert not error.code.startswith("RetriesExhausted")
    assert "ZeroDivisionError" in seen.execution.error.message


@cell("task", "abort")
def test_an_aborted_execution_ends_its_task_and_tells_the_cause(backend: Backend) -> None:
    seen = launch(backend, "tasks.abort").when_running("n0").aborted("changed my mind")
    assert seen.phase == "ABORTED"
    assert seen.proto.closure.abort_metadata.cause == "changed my mind"
    node = seen.node("n0")
    assert node.phase == "ABORTED"
    assert [one.phase for one in node.attempts()] == ["ABORTED"]


@cell("task", "recover")
def test_what_succeeded_is_not_run_again_in_a_recovery(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "tasks.recover", name=doomed, doomed=doomed)
    assert failed.phase == "FAILED"
    seen = recover(failed)
    [stamp] = failed.node("n0").outputs().values()
    assert seen.output("o0", kind=str) == stamp.scalar.primitive.string_value
    assert seen.output("o1", kind=str) == seen.name
    found = [(node.phase, len(node.attempts())) for node in seen.nodes()]
    assert found == [("RECOVERED", 0), ("SUCCEEDED", 1)]
    assert seen.proto.spec.metadata.reference_execution.name == doomed
    assert seen.proto.spec.metadata.mode == type(seen.proto.spec.metadata).RECOVERED


@cell("task", "cache")
def test_the_same_inputs_are_computed_once(backend: Backend) -> None:
    key = uuid.uuid4().hex
    first = run(backend, "tasks.cache", key=key)
    second = run(backend, "tasks.cache", key=key)
    other = run(backend, "tasks.cache", key=f"not {key}")
    assert first.output(kind=str) == second.output(kind=str) != other.output(kind=str)
    statuses = [one.node("n0").cache_status for one in (first, second, other)]
    assert statuses == ["CACHE_POPULATED", "CACHE_HIT", "CACHE_POPULATED"]
    hit = second.node("n0")
    assert (hit.phase, hit.attempts()) == ("SUCCEEDED", [])
    catalog = hit.proto.closure.task_node_metadata.catalog_key
    assert catalog.dataset_id.name == "flyte_task-projects.parts.remembered"
    assert catalog.artifact_tag.name.startswith("flyte_cached-")
    assert catalog.source_task_execution.node_execution_id.execution_id.name == first.name
