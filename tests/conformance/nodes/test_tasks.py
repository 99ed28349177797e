"""Task nodes."""

from __future__ import annotations

import re
import uuid

from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import DOMAIN, PROJECT, Backend
from tests.conformance.cells import cell
from tests.conformance.seen import fetch, fresh_name, launch, recover, run


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


@cell("task", "happy")
def test_a_task_finds_the_secret_that_it_asks_for(backend: Backend) -> None:
    backend.secret("conformance", "password", "0123456789")
    assert run(backend, "tasks.secret").output(kind=int) == 10


@cell("task", "happy")
def test_a_task_runs_by_pyflyte(backend: Backend) -> None:
    said = backend.pyflyte(
        *("run", "--remote", "-p", PROJECT, "-d", DOMAIN, "remote-task", "projects.parts.add"),
        *("--a", "20", "--b", "22"),
    )
    name = re.search(r"executions/([a-z0-9-]+)", said)
    assert name, said
    assert fetch(backend, name[1]).ended().output(kind=int) == 42


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


@cell("task", "retry")
def test_an_attempt_may_take_its_timeout_and_all_attempts_together_twice_that(backend: Backend) -> None:
    once, again = (run(backend, plan) for plan in ("tasks.late", "tasks.late_again"))
    assert (once.phase, again.phase) == ("FAILED", "FAILED")
    assert once.error.code == "RetriesExhausted|TimeoutExpired"
    assert [one.phase for one in once.node("n0").attempts()] == ["FAILED"]
    assert once.node("n0").phase == "FAILED"
    assert again.error.code == "TimeoutExpired"
    first, *others = again.node("n0").attempts()
    assert first.phase == "FAILED"
    assert {one.phase for one in others} <= {"ABORTED"}
    assert again.node("n0").phase == "TIMED_OUT"


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


@cell("task", "fail")
def test_a_failure_ends_what_runs_beside_it(backend: Backend) -> None:
    seen = run(backend, "tasks.side_by_side", b=0, seconds=600)
    assert seen.phase == "FAILED"
    assert "ZeroDivisionError" in seen.error.message
    assert [seen.node(node).phase for node in ("n0", "n1")] == ["FAILED", "ABORTED"]
    assert [one.phase for one in seen.node("n1").attempts()] in ([], ["ABORTED"])


@cell("task", "fail")
def test_a_patient_workflow_finishes_what_does_not_depend_on_the_failure(backend: Backend) -> None:
    seen = run(backend, "tasks.patient", b=0)
    assert seen.phase == "FAILED"
    assert "ZeroDivisionError" in seen.error.message
    phases = {node.spec_id: node.phase for node in seen.nodes()}
    assert phases.pop("n1", "SKIPPED") == "SKIPPED"
    assert phases == {"n0": "FAILED", "n2": "SUCCEEDED", "n3": "SUCCEEDED"}


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


@cell("task", "recover")
def test_an_aborted_execution_and_a_recovery_can_be_recovered(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "tasks.recover", name=doomed, doomed="c")
    assert failed.phase == "FAILED"
    again = recover(failed)
    assert again.phase == "FAILED"
    [stamp] = failed.node("n0").outputs().values()
    third = recover(again)
    assert [node.phase for node in third.nodes()] == ["RECOVERED", "FAILED"]
    assert list(third.node("n0").outputs().values()) == [stamp]


@cell("task", "cache")
def test_a_kept_value_can_be_computed_anew(backend: Backend) -> None:
    key = uuid.uuid4().hex
    first = run(backend, "tasks.cache", key=key)
    second = launch(backend, "tasks.cache", overwrite_cache=True, key=key).ended()
    third = run(backend, "tasks.cache", key=key)
    values = [one.output(kind=str) for one in (first, second, third)]
    assert values[0] != values[1] == values[2]
    statuses = [one.node("n0").cache_status for one in (first, second, third)]
    assert statuses == ["CACHE_POPULATED", "CACHE_POPULATED", "CACHE_HIT"]


@cell("task", "cache")
def test_of_several_that_want_the_same_value_one_computes_it(backend: Backend) -> None:
    key = uuid.uuid4().hex
    begun = [launch(backend, "tasks.together", key=key) for _ in range(3)]
    ended = [one.ended() for one in begun]
    assert len({one.output(kind=str) for one in ended}) == 1
    assert sorted(len(one.node("n0").attempts()) for one in ended) == [0, 0, 1]
    statuses = sorted(one.node("n0").cache_status for one in ended)
    assert statuses == ["CACHE_HIT", "CACHE_HIT", "CACHE_POPULATED"]


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
