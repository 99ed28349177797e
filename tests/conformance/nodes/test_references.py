"""Tasks and launch plans that a project knows by name alone."""

from __future__ import annotations

import uuid

from flyteidl.core import execution_pb2 as core

from tests.conformance.backends import VERSION, Backend
from tests.conformance.cells import cell
from tests.conformance.seen import fresh_name, launch, recover, run


@cell("reference", "happy")
def test_what_was_registered_by_others_runs(backend: Backend) -> None:
    seen = run(backend, "references.happy", x=3)
    assert [seen.output(name, kind=int) for name in ("o0", "o1")] == [6, 24]
    [attempt] = seen.node("n0").attempts()
    assert (attempt.proto.id.task_id.name, attempt.proto.id.task_id.version) == (
        "projects.parts.add",
        VERSION,
    )
    assert seen.node("n1").child().proto.spec.launch_plan.name == "projects.subworkflows.happy"


@cell("reference", "retry")
def test_the_retries_are_those_of_the_registered_task(backend: Backend) -> None:
    seen = run(backend, "references.retry", failures=2)
    assert seen.output(kind=int) == 2
    assert [one.number for one in seen.node("n0").attempts()] == [0, 1, 2]


@cell("reference", "fail")
def test_a_failure_has_the_traceback_of_the_registered_task(backend: Backend) -> None:
    seen = run(backend, "references.fail", b=0)
    assert seen.phase == "FAILED"
    assert seen.error.kind == core.ExecutionError.USER
    assert "return a / b" in seen.error.message


@cell("reference", "abort")
def test_a_referenced_task_can_be_aborted(backend: Backend) -> None:
    seen = launch(backend, "references.abort").when_running("n0").aborted("enough")
    assert (seen.phase, seen.node("n0").phase) == ("ABORTED", "ABORTED")
    assert [one.phase for one in seen.node("n0").attempts()] == ["ABORTED"]


@cell("reference", "recover")
def test_referenced_tasks_that_succeeded_are_not_run_again(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "references.recover", name=doomed, doomed=doomed)
    assert failed.phase == "FAILED"
    seen = recover(failed)
    assert seen.output("o0", kind=str).split()[0] == doomed
    assert seen.output("o1", kind=str) == seen.name
    assert [node.phase for node in seen.nodes()] == ["RECOVERED", "SUCCEEDED"]


@cell("reference", "cache")
def test_the_cache_is_shared_with_those_who_registered_the_task(backend: Backend) -> None:
    key = uuid.uuid4().hex
    theirs, ours = run(backend, "tasks.cache", key=key), run(backend, "references.cache", key=key)
    assert theirs.output(kind=str) == ours.output(kind=str)
    assert ours.node("n0").cache_status == "CACHE_HIT"
