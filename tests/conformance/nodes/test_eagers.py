"""Eager workflows: every call is an execution, tagged with the name of the one that made it."""

from __future__ import annotations

import uuid

from flyteidl.core import execution_pb2 as core
from flytekit.models.filters import ValueIn

from tests.conformance.backends import DOMAIN, PROJECT, Backend
from tests.conformance.cells import cell
from tests.conformance.seen import Seen, fetch, fresh_name, launch, recover, run
from tests.waiting import eventually


def calls(seen: Seen) -> list[Seen]:
    """The executions that an eager task began, found as the SDK's own clean-up finds them."""
    found, _ = seen.backend.remote().client.list_executions_paginated(
        PROJECT,
        DOMAIN,
        limit=100,
        filters=[
            ValueIn("execution_tag.key", ["eager-exec"]),
            ValueIn("execution_tag.value", [seen.name]),
        ],
    )
    return sorted((fetch(seen.backend, one.id.name) for one in found), key=lambda one: one.name)


@cell("eager", "happy")
def test_every_call_is_an_execution(backend: Backend) -> None:
    seen = run(backend, "eagers.happy", x=3)
    assert seen.output(kind=int) == 12
    node = seen.node("n0")
    assert (node.kinds, [one.phase for one in node.attempts()]) == (set(), ["SUCCEEDED"])
    task, workflow = calls(seen)
    assert [task.phase, workflow.phase] == ["SUCCEEDED", "SUCCEEDED"]
    assert (task.output(kind=int), workflow.output(kind=int)) == (6, 12)
    assert node.proto.closure.deck_uri


@cell("eager", "retry")
def test_a_second_attempt_finds_the_calls_of_the_first(backend: Backend) -> None:
    seen = run(backend, "eagers.retry")
    assert seen.output("o0", kind=int) == 1
    assert [one.phase for one in seen.node("n0").attempts()] == ["FAILED", "SUCCEEDED"]
    [call] = calls(seen)
    assert seen.output("o1", kind=str).split()[0] == call.name


@cell("eager", "fail")
def test_a_failed_call_fails_the_eager_task_and_the_other_calls_are_aborted(backend: Backend) -> None:
    seen = run(backend, "eagers.fail", b=0)
    assert seen.phase == "FAILED"
    assert seen.node("n0").phase == "FAILED"
    assert "Error executing projects.eagers.divide_later" in seen.error.message
    assert seen.node("efn").phase == "SUCCEEDED"
    failed, aborted = (call.ended() for call in calls(seen))
    assert (failed.phase, aborted.phase) == ("FAILED", "ABORTED")
    assert failed.error.kind == core.ExecutionError.USER
    assert "ZeroDivisionError" in failed.error.message
    assert aborted.proto.closure.abort_metadata.cause == f"clean up by parent eager execution {seen.name}"


@cell("eager", "abort")
def test_an_abort_takes_the_calls_along(backend: Backend) -> None:
    seen = launch(backend, "eagers.abort", seconds=600).when_running("n0")
    [call] = eventually(lambda: calls(seen), backend.patience, interval=0.5)
    eventually(lambda: [node.phase for node in call.nodes()] == ["RUNNING"], backend.patience, interval=0.5)
    assert seen.aborted("enough").phase == "ABORTED"
    assert seen.node("n0").phase == "ABORTED"
    call = call.ended()
    assert call.phase == "ABORTED"
    assert "enough" in call.proto.closure.abort_metadata.cause


@cell("eager", "recover")
def test_an_eager_task_that_succeeded_calls_nothing_in_a_recovery(backend: Backend) -> None:
    doomed = fresh_name()
    failed = run(backend, "eagers.recover", name=doomed, doomed=doomed)
    assert failed.phase == "FAILED"
    seen = recover(failed)
    [call] = calls(failed)
    assert seen.output("first", kind=str).split()[0] == call.name
    assert seen.output("second", kind=str) == seen.name
    assert [node.phase for node in seen.nodes()] == ["RECOVERED", "SUCCEEDED"]
    assert calls(seen) == []


@cell("eager", "cache")
def test_the_called_tasks_are_cached(backend: Backend) -> None:
    key = uuid.uuid4().hex
    first, second = (run(backend, "eagers.cache", key=key) for _ in range(2))
    assert first.output(kind=str) == second.output(kind=str)
    nodes = [node for seen in (first, second) for call in calls(seen) for node in call.nodes()]
    assert [node.cache_status for node in nodes] == ["CACHE_POPULATED", "CACHE_HIT"]
    assert [len(node.attempts()) for node in nodes] == [1, 0]
