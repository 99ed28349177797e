"""Retries, failures, aborts and the cache, through the real database and a real object directory."""

from __future__ import annotations

from datetime import UTC, datetime

from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2, errors_pb2, execution_pb2

from sandbox.executors.api import AttemptPhase, AttemptUpdate, ErrorKind, LogLink, TaskRequest
from sandbox.idl.identifiers import ExecutionId
from sandbox.store import executions
from tests.integration.propeller.house import House, failed
from tests.unit.propeller.building import launch_plan, run, subworkflow, task, workflow
from tests.waiting import eventually

PYTHON = task("python", type="python-task")
RETRYING = task("retrying", type="python-task", retries=2)
CACHED = task("cached", type="python-task", cache=True)


def error_of(row: executions.Execution) -> execution_pb2.ExecutionError:
    return execution_pb2.ExecutionError.FromString(row.error or b"")


def test_a_recoverable_failure_gets_another_attempt(house: House) -> None:
    def behave(request: TaskRequest) -> AttemptUpdate:
        return failed(request) if request.key.attempt < 2 else house.scripted.echo(request)

    house.scripted.behave = behave
    row = house.register(workflow("retrying", [run("n0", template=RETRYING)], "n0"), [RETRYING])
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "SUCCEEDED"
    attempts = house.attempts(execution, "n0")
    assert [(one.retry_attempt, one.phase) for one in attempts] == [
        (0, "FAILED"),
        (1, "FAILED"),
        (2, "SUCCEEDED"),
    ]
    request = house.scripted.requests[house.scripted.started[1]]
    assert request.env["FLYTE_ATTEMPT_NUMBER"] == "1"
    assert request.previous_checkpoint_prefix.endswith("-n0-0/_flytecheckpoints")
    assert house.scripted.requests[house.scripted.started[0]].previous_checkpoint_prefix == '""'


def test_used_up_retries_fail_with_flytes_words(house: House) -> None:
    house.scripted.behave = failed
    row = house.register(workflow("retrying", [run("n0", template=RETRYING)], "n0"), [RETRYING])
    with house.engine():
        ended = house.wait(house.launch(row))
    error = error_of(ended)
    assert ended.phase == "FAILED"
    assert error.code == "RetriesExhausted|Boom"
    assert error.message == "[3/3] currentAttempt done. Last Error: USER::it went boom"
    assert error.kind == execution_pb2.ExecutionError.USER


def test_system_failures_have_a_budget_of_their_own(house: House) -> None:
    def behave(request: TaskRequest) -> AttemptUpdate:
        if request.key.attempt < 3:
            return failed(request, ErrorKind.SYSTEM)
        return house.scripted.echo(request)

    house.scripted.behave = behave
    row = house.register(workflow("unlucky", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    with house.engine():
        execution = house.launch(row, interruptible={"value": True})
        assert house.wait(execution).phase == "SUCCEEDED"
    requests = [house.scripted.requests[key] for key in house.scripted.started]
    assert [request.interruptible for request in requests] == [True, True, True, False]
    assert [request.labels["interruptible"] for request in requests] == ["true", "true", "true", "false"]
    told = [
        task_execution_pb2.TaskExecutionClosure.FromString(attempt.closure).reason
        for attempt in house.attempts(execution, "n0")
    ]
    assert told == [f"another attempt begins in {seconds} s" for seconds in (0.5, 1, 2)] + [""]


def test_error_pb_decides_before_outputs_pb(house: House) -> None:
    def behave(request: TaskRequest) -> AttemptUpdate:
        told = errors_pb2.ContainerError(
            code="USER:ValueError",
            message="x is odd",
            kind=errors_pb2.ContainerError.NON_RECOVERABLE,
            origin=execution_pb2.ExecutionError.USER,
        )
        document = errors_pb2.ErrorDocument(error=told)
        house.objects.put(f"{request.output_prefix}/error.pb", document.SerializeToString())
        return house.scripted.echo(request)

    house.scripted.behave = behave
    row = house.register(workflow("raising", [run("n0", template=RETRYING)], "n0"), [RETRYING])
    with house.engine():
        execution = house.launch(row)
        ended = house.wait(execution)
    assert (error_of(ended).code, error_of(ended).message) == ("USER:ValueError", "x is odd")
    assert len(house.attempts(execution, "n0")) == 1


def test_missing_outputs_are_a_failure(house: House) -> None:
    house.scripted.behave = lambda request: AttemptUpdate(
        request.key, AttemptPhase.SUCCEEDED, datetime.now(UTC)
    )
    row = house.register(workflow("silent", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    with house.engine():
        ended = house.wait(house.launch(row))
    assert error_of(ended).code == "RetriesExhausted|OutputsNotFound"


def test_a_failure_aborts_what_runs_beside_it(house: House) -> None:
    house.scripted.behave = lambda request: (
        failed(request, recoverable=False) if request.key.node == "n0" else None
    )
    nodes = [run("n0", template=PYTHON), run("n1", template=PYTHON), run("n2", "n0", PYTHON)]
    row = house.register(workflow("failing", nodes, "n1"), [PYTHON])
    with house.engine():
        execution = house.launch(row)
        ended = house.wait(execution)
    assert (ended.phase, error_of(ended).message) == ("FAILED", "it went boom")
    phases = {name: node.phase for name, node in house.nodes(execution).items()}
    assert phases == {"start-node": "SUCCEEDED", "n0": "FAILED", "n1": "ABORTED"}
    [attempt] = house.attempts(execution, "n1")
    assert attempt.phase == "ABORTED"
    assert sorted(house.scripted.forgotten) == sorted(house.scripted.started)


def test_a_patient_workflow_finishes_what_it_can(house: House) -> None:
    house.scripted.behave = lambda request: (
        failed(request, recoverable=False) if request.key.node == "n0" else house.scripted.echo(request)
    )
    nodes = [run("n0", template=PYTHON), run("n1", template=PYTHON), run("n2", "n0", PYTHON), run("n3", "n1")]
    row = house.register(workflow("patient", nodes, "n3", fail_fast=False), [PYTHON])
    with house.engine():
        execution = house.launch(row)
        assert house.wait(execution).phase == "FAILED"
    phases = {name: node.phase for name, node in house.nodes(execution).items()}
    assert phases == {
        "start-node": "SUCCEEDED",
        "n0": "FAILED",
        "n1": "SUCCEEDED",
        "n2": "SKIPPED",
        "n3": "SUCCEEDED",
    }


def test_an_abort_ends_tasks_and_child_executions(house: House) -> None:
    house.scripted.behave = lambda request: None
    house.register(workflow("child", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    inner = workflow("inner", [run("n0", template=PYTHON)], "n0")
    nodes = [launch_plan("n0", "start-node", "child"), subworkflow("n1", "start-node", "inner")]
    row = house.register(workflow("parent", nodes, "n0"), [PYTHON], [inner], ["child"])
    with house.engine():
        execution = house.launch(row)
        eventually(lambda: len(house.scripted.started) == 2)
        with house.database.transaction() as connection:
            assert executions.request_abort(connection, execution, cause="enough", principal="me")
        ended = house.wait(execution)
        assert (ended.phase, ended.abort_cause, ended.abort_principal) == ("ABORTED", "enough", "me")
        phases = {name: node.phase for name, node in house.nodes(execution).items()}
        assert {phases[name] for name in ("n0", "n1", "n1-0-n0")} == {"ABORTED"}
        with house.database.reading() as connection:
            node = house.nodes(execution)["n0"]
            [child] = executions.children(connection, node.id)
    assert child.phase == "ABORTED"
    assert "aborted, reason [enough]" in child.abort_cause
    assert len(house.scripted.aborted) == 2


def test_an_abort_before_anyone_looked_ends_the_execution_at_once(house: House) -> None:
    row = house.register(workflow("never", [run("n0", template=PYTHON)], "n0"), [PYTHON])
    execution = house.launch(row)
    with house.database.transaction() as connection:
        executions.request_abort(connection, execution, cause="wrong one", principal="me")
    with house.engine():
        assert house.wait(execution).phase == "ABORTED"
    assert not house.scripted.started
    assert not house.nodes(execution)


def test_outputs_are_remembered_and_found_again(house: House) -> None:
    row = house.register(workflow("caching", [run("n0", template=CACHED), run("n1", "n0")], "n1"), [CACHED])
    with house.engine():
        first = house.launch(row, x=5)
        assert house.wait(first).phase == "SUCCEEDED"
        second = house.launch(row, x=5)
        other = house.launch(row, x=6)
        again = house.launch(row, x=5, overwrite_cache=True)
        for execution in (second, other, again):
            assert house.wait(execution).phase == "SUCCEEDED"
    assert house.output(second) == 5
    assert {one: house.nodes(one)["n0"].cache_status for one in (first, second, other, again)} == {
        first: "CACHE_POPULATED",
        second: "CACHE_HIT",
        other: "CACHE_POPULATED",
        again: "CACHE_POPULATED",
    }
    assert not house.attempts(second, "n0")
    closure = node_execution_pb2.NodeExecutionClosure.FromString(house.nodes(second)["n0"].closure)
    assert closure.task_node_metadata.cache_status == catalog_pb2.CACHE_HIT
    key = closure.task_node_metadata.catalog_key
    assert key.dataset_id.name == "flyte_task-cached"
    assert key.source_task_execution.node_execution_id.execution_id.name == first.name


def test_only_one_execution_computes_a_serialised_cache_entry(house: House) -> None:
    serial = task("serial", type="python-task", cache=True, serialise=True)
    house.scripted.behave = lambda request: None
    row = house.register(workflow("serialised", [run("n0", template=serial)], "n0"), [serial])
    with house.engine():
        launched = [house.launch(row, x=5) for _ in range(3)]
        [key] = eventually(lambda: list(house.scripted.started))
        house.scripted.end(house.scripted.echo(house.scripted.requests[key]))
        assert {house.wait(execution).phase for execution in launched} == {"SUCCEEDED"}
    assert house.scripted.started == [key]


def test_no_more_nodes_run_at_once_than_the_execution_allows(house: House) -> None:
    house.scripted.behave = lambda request: None
    nodes = [run(f"n{index}", template=PYTHON) for index in range(6)]
    row = house.register(workflow("wide", nodes, "n5"), [PYTHON])
    with house.engine():
        execution = house.launch(row, max_parallelism=2)
        for finished in range(5):
            eventually(lambda: len(house.scripted.started) == finished + 2, 5)  # noqa: B023
            key = house.scripted.started[finished]
            house.scripted.end(house.scripted.echo(house.scripted.requests[key]))
        house.scripted.end(house.scripted.echo(house.scripted.requests[house.scripted.started[5]]))
        assert house.wait(execution).phase == "SUCCEEDED"


def test_memory_over_the_limit_and_logs_are_told(house: House) -> None:
    hungry = task("hungry", type="python-task", memory_limit="200Mi")

    def behave(request: TaskRequest) -> AttemptUpdate:
        house.scripted.echo(request)
        return AttemptUpdate(
            request.key,
            AttemptPhase.SUCCEEDED,
            datetime.now(UTC),
            peak_memory=312 * 1024**2,
            memory_limit=200 * 1024**2,
            logs=(LogLink("Output", "http://localhost:30080/logs/x"),),
        )

    house.scripted.behave = behave
    row = house.register(workflow("eating", [run("n0", template=hungry)], "n0"), [hungry])
    with house.engine():
        execution = house.launch(row)
        house.wait(execution)
    [attempt] = house.attempts(execution, "n0")
    assert (attempt.peak_memory, attempt.memory_limit) == (312 * 1024**2, 200 * 1024**2)
    closure = task_execution_pb2.TaskExecutionClosure.FromString(attempt.closure)
    assert closure.reason == "used 312 MiB of 200 MiB: a cluster would kill this"
    assert closure.custom_info["peak_memory_bytes"] == 312 * 1024**2
    assert closure.logs[0].uri == "http://localhost:30080/logs/x"


def test_a_node_that_takes_too_long_is_ended(house: House) -> None:
    house.scripted.behave = lambda request: None
    row = house.register(workflow("slow", [run("n0", template=PYTHON, timeout=0.1)], "n0"), [PYTHON])
    with house.engine():
        execution = house.launch(row)
        ended = house.wait(execution)
    assert (ended.phase, error_of(ended).code) == ("FAILED", "TimeoutExpired")
    assert house.nodes(execution)["n0"].phase == "TIMED_OUT"


def test_a_failure_node_runs_before_the_execution_fails(house: House) -> None:
    house.scripted.behave = lambda request: (
        failed(request, recoverable=False) if request.key.node == "n0" else house.scripted.echo(request)
    )
    template = workflow(
        "cleaning", [run("n0", template=PYTHON)], "n0", on_failure=run("fn0", template=PYTHON)
    )
    row = house.register(template, [PYTHON])
    with house.engine():
        execution = house.launch(row)
        ended = house.wait(execution)
    assert (ended.phase, error_of(ended).message) == ("FAILED", "it went boom")
    assert house.nodes(execution)["fn0"].phase == "SUCCEEDED"


def test_a_deck_is_announced_while_its_task_runs_and_withdrawn_if_none_came(house: House) -> None:
    template = task("python", type="python-task")
    template.metadata.generates_deck.value = True
    house.scripted.behave = lambda request: None
    row = house.register(workflow("decked", [run("n0", template=template)], "n0"), [template])

    def deck(execution: ExecutionId) -> str:
        closure = house.nodes(execution)["n0"].closure
        return str(node_execution_pb2.NodeExecutionClosure.FromString(closure).deck_uri)

    with house.engine():
        with_deck, without = house.launch(row), house.launch(row)
        for execution in (with_deck, without):
            eventually(lambda one=execution: "n0" in house.nodes(one) and deck(one).endswith("/0/deck.html"))
        house.objects.put(deck(with_deck), b"<html>")
        for key, request in list(house.scripted.requests.items()):
            assert key in house.scripted.started
            house.scripted.end(house.scripted.echo(request))
        assert {house.wait(with_deck).phase, house.wait(without).phase} == {"SUCCEEDED"}
    assert deck(with_deck).endswith("/0/deck.html")
    assert deck(without) == ""
