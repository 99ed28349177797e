"""Connectors that are down, slow, silent, wrong, or of an older make."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2, literals_pb2, tasks_pb2

from sandbox.executors.agent import pace
from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.store.objects import DirectoryObjectStore
from tests.integration.executors.connectors.conftest import free_port
from tests.integration.executors.connectors.desk import Desk
from tests.integration.executors.connectors.rogue import Phase, Rogue, agent, refusing, serving
from tests.waiting import eventually

Open = Callable[..., Desk]


@pytest.fixture
def opened(objects: DirectoryObjectStore, tmp_path: Path) -> Iterator[Open]:
    """Makes desks that speak to the given endpoints."""
    with ExitStack() as stack:

        def open_desk(*endpoints: str, **settings: Any) -> Desk:
            desk = Desk(objects, tmp_path, endpoints, **settings)
            stack.callback(desk.close)
            return desk

        yield open_desk


@pytest.fixture
def served() -> Iterator[Callable[..., str]]:
    """Serves rogues until the test is over."""
    with ExitStack() as stack:
        yield lambda rogue, port=0: stack.enter_context(serving(rogue, port))


def integer(value: int) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=value)))


def succeeded(**outputs: int) -> agent_pb2.Resource:
    literals = {name: integer(value) for name, value in outputs.items()}
    return agent_pb2.Resource(phase=Phase.SUCCEEDED, outputs=literals_pb2.LiteralMap(literals=literals))


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_connector_that_fails_to_create_for_want_of_something_is_the_systems_fault(
    code: grpc.StatusCode, opened: Open, served: Callable[..., str]
) -> None:
    rogue = Rogue([agent("job")], create=refusing(code))
    error = opened(served(rogue)).run(opened().request("job")).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("ConnectorUnavailable", ErrorKind.SYSTEM, True)
    assert rogue.count(agent_pb2.CreateTaskRequest) == 1


@pytest.mark.parametrize("code", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED])
def test_what_a_connector_refuses_is_not_tried_again(
    code: grpc.StatusCode, opened: Open, served: Callable[..., str]
) -> None:
    rogue = Rogue([agent("job")], create=refusing(code))
    error = opened(served(rogue)).run(opened().request("job")).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("ConnectorRefused", ErrorKind.USER, False)
    assert code.name in error.message


def test_an_attempt_waits_for_a_connector_that_is_not_up_yet(
    opened: Open, served: Callable[..., str]
) -> None:
    port = free_port()
    desk = opened(f"127.0.0.1:{port}", patience=30)
    request = desk.request("job")
    desk.executor.start(request)
    waiting = desk.inbox.wait_for(request.key, AttemptPhase.QUEUED)
    assert f"waiting for the connector at 127.0.0.1:{port}" in waiting.reason
    rogue = Rogue([agent("job")], get=lambda *_: agent_pb2.GetTaskResponse(resource=succeeded(y=1)))
    served(rogue, port)
    assert desk.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert rogue.count(agent_pb2.CreateTaskRequest) == 1


def test_an_attempt_does_not_wait_for_ever(opened: Open) -> None:
    desk = opened(f"127.0.0.1:{free_port()}", patience=0.3)
    error = desk.run(desk.request("job")).error
    assert error is not None
    assert (error.code, error.kind) == ("ConnectorUnavailable", ErrorKind.SYSTEM)


def test_a_waiting_attempt_can_be_aborted(opened: Open) -> None:
    desk = opened(f"127.0.0.1:{free_port()}", patience=30)
    request = desk.request("job")
    desk.executor.start(request)
    desk.inbox.wait_for(request.key, AttemptPhase.QUEUED)
    desk.executor.abort(request.key, "enough")
    assert desk.inbox.wait_for(request.key).phase is AttemptPhase.ABORTED


def test_a_connector_that_goes_away_and_comes_back_loses_no_job(opened: Open) -> None:
    port = free_port()
    rogue = Rogue([agent("job")])
    with serving(rogue, port) as endpoint:
        desk = opened(endpoint, patience=30)
        request = desk.request("job")
        desk.executor.start(request)
        desk.inbox.wait_for(request.key, AttemptPhase.RUNNING)
    eventually(lambda: not desk.executor.offers()[0].is_up)
    rogue.get = lambda *_: agent_pb2.GetTaskResponse(resource=succeeded(y=1))
    with serving(rogue, port):
        assert desk.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert rogue.count(agent_pb2.CreateTaskRequest) == 1


def test_neither_a_dead_nor_a_hanging_endpoint_hurts_the_others(
    opened: Open, served: Callable[..., str]
) -> None:
    release = threading.Event()

    def hang(request: Any, context: grpc.ServicerContext) -> Any:
        release.wait(20)
        return agent_pb2.ListAgentsResponse()

    hanging = served(Rogue([], listing=hang))
    well = served(Rogue([agent("job")], get=lambda *_: agent_pb2.GetTaskResponse(resource=succeeded(y=1))))
    desk = opened(f"127.0.0.1:{free_port()}", hanging, well, look_timeout=10)
    request = desk.request("job")
    desk.executor.start(request)
    assert desk.inbox.wait_for(request.key, timeout=5).phase is AttemptPhase.SUCCEEDED
    release.set()


def test_a_type_is_found_as_soon_as_it_is_asked_for(opened: Open, served: Callable[..., str]) -> None:
    rogue = Rogue([], get=lambda *_: agent_pb2.GetTaskResponse(resource=succeeded(y=1)))
    desk = opened(served(rogue), look_every=600)
    eventually(lambda: desk.executor.offers()[0].is_up)
    rogue.agents.append(agent("late"))
    assert desk.run(desk.request("late")).phase is AttemptPhase.SUCCEEDED


def test_versions_of_a_type_are_told_apart_and_old_agents_serve_them_all(
    opened: Open, served: Callable[..., str]
) -> None:
    done = lambda *_: agent_pb2.GetTaskResponse(resource=succeeded(y=1))  # noqa: E731
    newer = Rogue([agent("job", 2)], get=done)
    old = Rogue([agent_pb2.Agent(name="old", supported_task_types=["old-job"])], get=done)
    desk = opened(served(newer), served(old))
    second = tasks_pb2.TaskTemplate(task_type_version=2)
    assert desk.run(desk.request("job", template=second)).phase is AttemptPhase.SUCCEEDED
    assert desk.run(desk.request("old-job", node="n1", template=second)).phase is AttemptPhase.SUCCEEDED
    error = desk.run(desk.request("job", node="n2")).error
    assert error is not None
    assert error.code == "NoConnector"


def test_an_old_connector_that_says_states_is_understood(opened: Open, served: Callable[..., str]) -> None:
    told = iter([agent_pb2.PENDING, agent_pb2.RUNNING, agent_pb2.PERMANENT_FAILURE])
    rogue = Rogue(
        [agent("job")],
        get=lambda *_: agent_pb2.GetTaskResponse(resource=agent_pb2.Resource(state=next(told), message="m")),
    )
    desk = opened(served(rogue))
    request = desk.request("job")
    end = desk.run(request)
    assert desk.inbox.of(request.key) == [
        AttemptPhase.INITIALIZING,
        AttemptPhase.RUNNING,
        AttemptPhase.FAILED,
    ]
    assert end.error is not None
    assert not end.error.recoverable


def test_success_without_a_declared_output_is_a_failure(opened: Open, served: Callable[..., str]) -> None:
    rogue = Rogue([agent("job")], get=lambda *_: agent_pb2.GetTaskResponse(resource=succeeded(z=1)))
    desk = opened(served(rogue))
    error = desk.run(desk.request("job", outputs=("y", "z"))).error
    assert error is not None
    assert error.code == "OutputsNotFound"
    assert "outputs y" in error.message


def test_outputs_that_the_job_wrote_itself_are_left_alone(opened: Open, served: Callable[..., str]) -> None:
    rogue = Rogue([agent("job")], get=lambda *_: agent_pb2.GetTaskResponse(resource=succeeded()))
    desk = opened(served(rogue))
    request = desk.request("job")
    own = literals_pb2.LiteralMap(literals={"y": integer(5)}).SerializeToString()
    desk.objects.put(f"{request.output_prefix}/outputs.pb", own)
    assert desk.run(request).phase is AttemptPhase.SUCCEEDED
    assert desk.outputs(request) == {"y": 5}


def test_a_stream_of_outputs_is_put_together_and_its_progress_told(
    opened: Open, served: Callable[..., str]
) -> None:
    def stream(requests: Iterator[Any]) -> Iterator[agent_pb2.ExecuteTaskSyncResponse]:
        list(requests)
        for resource in (agent_pb2.Resource(phase=Phase.RUNNING, message="half way"), succeeded(y=1)):
            header = agent_pb2.ExecuteTaskSyncResponseHeader(resource=resource)
            yield agent_pb2.ExecuteTaskSyncResponse(header=header)
        more = literals_pb2.LiteralMap(literals={"z": integer(2)})
        yield agent_pb2.ExecuteTaskSyncResponse(outputs=more)

    desk = opened(served(Rogue([agent("call", is_sync=True)], execute=stream)))
    request = desk.request("call", outputs=("y", "z"))
    desk.executor.start(request)
    assert desk.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert desk.outputs(request) == {"y": 1, "z": 2}
    assert [update.reason for update in desk.inbox.updates] == ["", "half way", ""]


@pytest.mark.parametrize("said", [None, Phase.RUNNING])
def test_a_call_that_ends_without_a_result_is_a_failure(
    said: int | None, opened: Open, served: Callable[..., str]
) -> None:
    def stream(requests: Iterator[Any]) -> Iterator[agent_pb2.ExecuteTaskSyncResponse]:
        if said is not None:
            resource = agent_pb2.Resource(phase=said)
            header = agent_pb2.ExecuteTaskSyncResponseHeader(resource=resource)
            yield agent_pb2.ExecuteTaskSyncResponse(header=header)

    desk = opened(served(Rogue([agent("call", is_sync=True)], execute=stream)))
    end = desk.run(desk.request("call"))
    assert end.phase is AttemptPhase.FAILED
    assert end.error is not None
    assert "it ended the call without" in end.error.message


def test_a_call_ends_with_an_abort_and_with_a_timeout(opened: Open, served: Callable[..., str]) -> None:
    begun, release = threading.Semaphore(0), threading.Event()

    def hang(requests: Iterator[Any]) -> Iterator[agent_pb2.ExecuteTaskSyncResponse]:
        begun.release()
        release.wait(20)
        yield agent_pb2.ExecuteTaskSyncResponse()

    desk = opened(served(Rogue([agent("call", is_sync=True)], execute=hang)))
    aborted, late = desk.request("call"), desk.request("call", node="n1", timeout=0.5)
    desk.executor.start(aborted)
    assert begun.acquire(timeout=10)
    desk.executor.abort(aborted.key, "enough")
    assert desk.inbox.wait_for(aborted.key, timeout=5).phase is AttemptPhase.ABORTED
    error = desk.run(late).error
    assert error is not None
    assert error.code == "TimeoutExpired"
    release.set()


def test_the_connector_learns_everything_about_the_task(opened: Open, served: Callable[..., str]) -> None:
    rogue = Rogue([agent("job")], get=lambda *_: agent_pb2.GetTaskResponse(resource=succeeded(y=1)))
    desk = opened(served(rogue), env={"FLYTE_AWS_ENDPOINT": "http://s3"})
    container = tasks_pb2.Container(
        command=["run"], args=["{{.inputs.x}}", "--to", "{{ .outputPrefix }}", "--from", "{{$input}}"]
    )
    request = desk.request("job", template=tasks_pb2.TaskTemplate(container=container), attempt=2, x=7)
    desk.run(request)
    created = rogue.asked[0]
    assert list(created.template.container.args) == [
        "7",
        "--to",
        request.output_prefix,
        "--from",
        request.inputs_uri,
    ]
    assert request.template.container.args[0] == "{{.inputs.x}}"
    told = created.task_execution_metadata
    assert told.task_execution_id.retry_attempt == 2
    assert told.task_execution_id.node_execution_id.execution_id.name == "e1"
    assert told.task_execution_id.task_id.name == "task"
    assert told.namespace == "flytesnacks-development"
    assert dict(told.environment_variables) == {"FROM": "execution", "FLYTE_AWS_ENDPOINT": "http://s3"}
    assert (dict(told.labels), dict(told.annotations)) == ({"team": "blue"}, {"note": "1"})
    got = rogue.asked[1]
    assert (got.resource_meta, got.task_category.name, got.output_prefix) == (
        b"job",
        "job",
        request.output_prefix,
    )


def test_a_command_that_cannot_be_filled_is_a_permanent_error(
    opened: Open, served: Callable[..., str]
) -> None:
    desk = opened(served(Rogue([agent("job")])))
    template = tasks_pb2.TaskTemplate(container=tasks_pb2.Container(args=["{{.inputs.absent}}"]))
    error = desk.run(desk.request("job", template=template)).error
    assert error is not None
    assert (error.code, error.recoverable) == ("BadTaskFormat", False)
    assert desk.notes() == []


def test_the_errors_of_the_protocol_say_whose_fault_it_is(opened: Open, served: Callable[..., str]) -> None:
    own = agent_pb2.AgentError(
        code="QuotaExceeded",
        kind=agent_pb2.AgentError.RECOVERABLE,
        origin=execution_pb2.ExecutionError.SYSTEM,
    )
    resource = agent_pb2.Resource(phase=Phase.FAILED, message="no room", agent_error=own)
    rogue = Rogue([agent("job")], get=lambda *_: agent_pb2.GetTaskResponse(resource=resource))
    desk = opened(served(rogue))
    error = desk.run(desk.request("job")).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("QuotaExceeded", ErrorKind.SYSTEM, True)


def test_many_waiting_jobs_are_asked_about_within_bounds(opened: Open, served: Callable[..., str]) -> None:
    rogue = Rogue([agent("job")])
    desk = opened(served(rogue))
    requests = [desk.request("job", node=f"n{number}") for number in range(100)]
    for request in requests:
        desk.executor.start(request)
    for request in requests:
        desk.inbox.wait_for(request.key, AttemptPhase.RUNNING)
    before = rogue.count(agent_pb2.GetTaskRequest)
    window = threading.Event()
    window.wait(2)  # A rate can't be seen without time going by.
    looks = rogue.count(agent_pb2.GetTaskRequest) - before
    assert 10 <= looks <= 130


def test_an_attempt_is_noted_before_its_connector_is_asked_and_again_with_the_answer(
    opened: Open, served: Callable[..., str]
) -> None:
    noted: list[str] = []

    def create(request: Any, context: grpc.ServicerContext) -> agent_pb2.CreateTaskResponse:
        noted.extend(desk.notes())
        return agent_pb2.CreateTaskResponse(resource_meta=b"job")

    desk = opened(served(Rogue([agent("job")], create=create)))
    request = desk.request("job")
    desk.executor.start(request)
    desk.inbox.wait_for(request.key, AttemptPhase.RUNNING)
    assert noted == desk.notes() == [f"{desk.settings.notes_prefix}/flytesnacks/development/e1/n0/0"]
    assert json.loads(desk.objects.get(noted[0]))["meta"] == base64.b64encode(b"job").decode()


def test_a_damaged_note_is_a_system_failure_and_nothing_is_asked(
    opened: Open, served: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "pause", lambda failures: 0.0)
    rogue = Rogue([agent("job")])
    desk = opened(served(rogue))
    desk.objects.put(f"{desk.settings.notes_prefix}/flytesnacks/development/e1/n0/0", b"{")
    error = desk.run(desk.request("job")).error
    assert error is not None
    assert (error.code, error.kind) == ("ConnectorExecutorError", ErrorKind.SYSTEM)
    assert rogue.asked == []


def test_a_connector_that_cannot_tell_what_it_serves_serves_nothing(
    opened: Open, served: Callable[..., str]
) -> None:
    desk = opened(served(Rogue([], listing=refusing(grpc.StatusCode.UNIMPLEMENTED))))
    error = desk.run(desk.request("job")).error
    assert error is not None
    assert error.code == "NoConnector"
