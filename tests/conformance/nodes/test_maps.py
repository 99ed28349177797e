"""Map tasks."""

from __future__ import annotations

import uuid

from flyteidl.core import catalog_pb2
from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import Backend
from tests.conformance.cells import cell
from tests.conformance.seen import Attempt, Seen, fresh_name, launch, recover, run
from tests.waiting import eventually

Phase = core.TaskExecution


def the_attempt(seen: Seen, *path: str) -> Attempt:
    """The one task execution that an array node has."""
    node = seen.node(*(path or ("n0",)))
    assert node.kinds == {"is_array"}
    attempts = node.attempts()
    assert [one.number for one in attempts] == [0]
    return attempts[0]


@cell("map task", "happy")
def test_a_map_task_is_one_node_whose_attempt_tells_of_its_elements(backend: Backend) -> None:
    seen = run(backend, "maps.happy", xs=[1, 2, 3], factor=10)
    assert seen.output(kind=list[int]) == [10, 20, 30]
    attempt = the_attempt(seen)
    assert attempt.phase == "SUCCEEDED"
    assert [(one.index, one.phase) for one in attempt.elements] == [(i, Phase.SUCCEEDED) for i in range(3)]
    synced = seen.execution.node_executions["n0"]
    assert synced.inputs["x"] == [1, 2, 3]
    assert synced.outputs["o0"] == [10, 20, 30]


@cell("map task", "happy")
def test_a_dynamic_task_decides_how_many_elements_there_are(backend: Backend) -> None:
    for n in (5, 0):
        seen = run(backend, "maps.in_a_dynamic", n=n)
        assert seen.output(kind=list[int]) == [2 * x for x in range(n)]
        assert len(the_attempt(seen, "n0", "dn0").elements) == n


@cell("map task", "retry")
def test_an_element_that_outlives_all_retries_fails_the_map(backend: Backend) -> None:
    seen = run(backend, "maps.exhausted", failures=[0, 9])
    assert seen.phase == "FAILED"
    attempt = the_attempt(seen)
    assert [(one.phase, one.retry_attempt) for one in attempt.elements] == [
        (Phase.SUCCEEDED, 0),
        (Phase.FAILED, 2),
    ]
    assert "RetriesExhausted|" in seen.error.code
    assert "attempt 2 of 9 that fail" in seen.error.message


@cell("map task", "retry")
def test_each_element_is_tried_again_by_itself(backend: Backend) -> None:
    seen = run(backend, "maps.retry", failures=[0, 2, 1])
    assert seen.output(kind=list[int]) == [0, 2, 1]
    assert [one.retry_attempt for one in the_attempt(seen).elements] == [0, 2, 1]


@cell("map task", "fail")
def test_an_element_that_fails_fails_the_map_and_is_named(backend: Backend) -> None:
    seen = run(backend, "maps.fail", xs=[1, 0, 2])
    assert seen.phase == "FAILED"
    attempt = the_attempt(seen)
    assert attempt.phase == "FAILED"
    assert attempt.elements[1].phase == Phase.FAILED
    for error in (seen.node("n0").error, seen.error):
        assert error.kind == core.ExecutionError.USER
        assert "[1]" in error.message
        assert "ZeroDivisionError" in error.message


@cell("map task", "fail")
def test_elements_may_fail_where_enough_succeed(backend: Backend) -> None:
    seen = run(backend, "maps.tolerate", xs=[1, 0, 2])
    assert seen.output(kind=list[float | None]) == [1.0, None, 0.5]
    phases = [one.phase for one in the_attempt(seen).elements]
    assert phases == [Phase.SUCCEEDED, Phase.FAILED, Phase.SUCCEEDED]


@cell("map task", "abort")
def test_an_abort_reaches_the_elements(backend: Backend) -> None:
    seen = launch(backend, "maps.abort", seconds=[600, 601]).when_running("n0").aborted("enough")
    assert seen.phase == "ABORTED"
    assert seen.node("n0").phase == "ABORTED"
    attempt = the_attempt(seen)
    assert attempt.phase == "ABORTED"
    assert {one.phase for one in attempt.elements} == {Phase.ABORTED}


@cell("map task", "recover")
def test_elements_that_succeeded_are_not_run_again_in_a_recovery(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "maps.recover", name=doomed, doomed=["", doomed])
    assert failed.phase == "FAILED"
    seen = recover(failed)
    first, second = seen.output(kind=list[str])
    assert first.split()[0] == doomed
    assert second.split()[0] == seen.name


@cell("map task", "recover")
def test_an_aborted_map_is_finished_by_a_recovery(backend: Backend) -> None:
    slow = fresh_name()
    begun = launch(backend, "maps.interrupted", name=slow, slow=["", slow])

    def first_is_done() -> bool:
        found = [one.phase for one in the_attempt(begun).elements]
        assert found == [Phase.SUCCEEDED, Phase.RUNNING]
        return True

    eventually(first_is_done, backend.patience, interval=0.3)
    aborted = begun.aborted("enough")
    assert [one.phase for one in the_attempt(aborted).elements] == [Phase.SUCCEEDED, Phase.ABORTED]
    seen = recover(aborted)
    first, second = seen.output(kind=list[str])
    assert first.startswith(slow)
    assert second.startswith(seen.name)


@cell("map task", "cache")
def test_each_element_is_cached_by_itself(backend: Backend) -> None:
    keys = [uuid.uuid4().hex for _ in range(3)]
    first = run(backend, "maps.cache", keys=keys[:2]).output(kind=list[str])
    second = run(backend, "maps.cache", keys=keys[1:])
    assert second.output(kind=list[str])[0] == first[1]
    statuses = [one.cache_status for one in the_attempt(second).elements]
    assert statuses == [catalog_pb2.CACHE_HIT, catalog_pb2.CACHE_POPULATED]
