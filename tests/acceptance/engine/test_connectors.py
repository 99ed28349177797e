"""Tasks that connectors run, through the unmodified SDK: the sandbox's own connector, and one beside it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from flyteidl.admin import task_execution_pb2
from flyteidl.core import catalog_pb2, execution_pb2
from flytekit.exceptions.system import FlyteSystemUnavailableException
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from sandbox.console import urls
from sandbox.executors.agent.stock import SERVE
from sandbox.idl.identifiers import ExecutionId
from tests.acceptance.engine.conftest import VERSION
from tests.acceptance.engine.test_workflows import output
from tests.sandboxes import DOMAIN, PROJECT, Client, Sandbox
from tests.waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution.Phase


@pytest.fixture(scope="module")
def connected(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The shared sandbox, running the project's own connectors too."""
    sandbox.run("secret", "set", "secret-greeting", "--value", "psst", "--name", sandbox.name)
    sandbox.start("--connector", "workflows.connectors")
    yield sandbox
    sandbox.start("--no-connector", "--connector-endpoint", "")


def begin(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    plan = remote.fetch_launch_plan(name=f"workflows.connectors.{workflow}", version=VERSION)
    return remote.execute(plan, inputs=inputs)


def end(remote: FlyteRemote, execution: FlyteWorkflowExecution) -> FlyteWorkflowExecution:
    eventually(lambda: is_reachable(remote), 30)  # gRPC is in no hurry to connect again
    return remote.wait(execution, timeout=timedelta(seconds=90), poll_interval=timedelta(milliseconds=50))


def is_reachable(remote: FlyteRemote) -> bool:
    try:
        remote.client.get_control_plane_version()
    except FlyteSystemUnavailableException:
        return False
    return True


def run(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    return end(remote, begin(remote, workflow, **inputs))


def attempts(
    remote: FlyteRemote, client: Client, execution: FlyteWorkflowExecution
) -> list[task_execution_pb2.TaskExecution]:
    """The attempts of the execution's node `n0`."""
    node = remote.sync_execution(execution, sync_nodes=True).node_executions["n0"]
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node.id.to_flyte_idl(), limit=10)
    found = client.admin.ListTaskExecutions(request).task_executions
    return sorted(found, key=lambda each: each.id.retry_attempt)


def lines(folder: Path) -> list[str]:
    path = folder / "journal"
    return path.read_text().splitlines() if path.exists() else []


def test_a_job_is_followed_to_its_end_and_told_of(
    remote: FlyteRemote, client: Client, connected: Sandbox, tmp_path: Path
) -> None:
    execution = run(remote, "jobs", folder=str(tmp_path), x=21, how="at once")
    assert output(execution, int) == 42
    assert lines(tmp_path) == ["created n0 0"]
    [attempt] = attempts(remote, client, execution)
    closure = attempt.closure
    assert closure.phase == execution_pb2.TaskExecution.SUCCEEDED
    assert [(log.name, log.uri) for log in closure.logs] == [("Job page", "https://jobs.example/21")]
    assert dict(closure.custom_info) == {"job": "n0 0", "x": 21.0}
    assert (closure.task_type, closure.metadata.plugin_identifier) == ("test-job", "connector-service")
    page = urls.node(ExecutionId(PROJECT, DOMAIN, execution.id.name), "n0", "executions")
    console = urlsplit(connected.status()["endpoints"]["console"])
    with urlopen(f"{console.scheme}://{console.netloc}{page}") as answer:
        text = answer.read().decode()
    assert 'href="https://jobs.example/21"' in text
    assert "<dt>job</dt><dd>n0 0</dd>" in text


@pytest.mark.usefixtures("connected")
def test_a_failed_job_fails_its_node_with_what_the_connector_said(
    remote: FlyteRemote, tmp_path: Path
) -> None:
    execution = run(remote, "retried_jobs", folder=str(tmp_path), x=21, how="fail")
    assert execution.closure.phase == Phase.FAILED
    assert execution.error.code == "TaskFailedWithError"
    assert execution.error.message == "failed to run the job: the job broke"
    assert lines(tmp_path) == ["created n0 0"]


@pytest.mark.usefixtures("connected")
def test_a_retryable_failure_is_tried_again_as_any_tasks(
    remote: FlyteRemote, client: Client, tmp_path: Path
) -> None:
    execution = run(remote, "retried_jobs", folder=str(tmp_path), x=21, how="fail once")
    assert output(execution, int) == 42
    assert lines(tmp_path) == ["created n0 0", "created n0 1"]
    assert [each.closure.phase for each in attempts(remote, client, execution)] == [
        execution_pb2.TaskExecution.FAILED,
        execution_pb2.TaskExecution.SUCCEEDED,
    ]


@pytest.mark.usefixtures("connected")
def test_outputs_of_a_job_are_remembered(remote: FlyteRemote, tmp_path: Path) -> None:
    x = uuid.uuid4().int % 1_000_000
    inputs = {"folder": str(tmp_path), "x": x, "how": "at once"}
    assert output(run(remote, "cached_jobs", **inputs), int) == 2 * x
    second = run(remote, "cached_jobs", **inputs)
    assert output(second, int) == 2 * x
    node = remote.sync_execution(second, sync_nodes=True).node_executions["n0"]
    assert node.closure.task_node_metadata.cache_status == catalog_pb2.CACHE_HIT
    assert lines(tmp_path) == ["created n0 0"]


@pytest.mark.usefixtures("connected")
def test_a_call_answers_at_once_and_so_do_calls_for_the_items_of_a_list(remote: FlyteRemote) -> None:
    assert output(run(remote, "calls", x=5), str) == "hello 5"
    assert output(run(remote, "calls", x=0), str) == "psst 0"
    failed = run(remote, "calls", x=-5)
    assert failed.closure.phase == Phase.FAILED
    assert "-5 is negative" in failed.error.message
    assert output(run(remote, "mapped_calls", xs=[1, 2, 3]), list[str]) == ["hello 1", "hello 2", "hello 3"]


@pytest.mark.usefixtures("connected")
def test_a_connector_can_run_the_command_of_a_function(remote: FlyteRemote) -> None:
    assert output(run(remote, "programs", x=21), int) == 42


def test_a_sensor_waits_while_connector_and_control_plane_die(
    remote: FlyteRemote, client: Client, connected: Sandbox
) -> None:
    name = f"{uuid.uuid4().hex}.txt"
    execution = begin(remote, "sensed", path=f"s3://my-s3-bucket/{name}", x=1)
    node = eventually(lambda: remote.sync_execution(execution, sync_nodes=True).node_executions.get("n0"), 30)
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node.id.to_flyte_idl(), limit=10)

    def is_watched() -> bool:
        found = client.admin.ListTaskExecutions(request).task_executions
        return [each.closure.phase for each in found] == [execution_pb2.TaskExecution.RUNNING]

    eventually(is_watched, 30)
    pids = {component["name"]: component["pid"] for component in connected.status()["components"]}
    os.kill(pids["connector"], signal.SIGKILL)
    os.kill(pids["control-plane"], signal.SIGKILL)
    connected.start()
    objects = Path(connected.status()["state"]) / "objects" / "my-s3-bucket"
    (objects / name).write_text("here")
    assert output(end(remote, execution), int) == 2
    assert is_single(client, request)


def is_single(client: Client, request: task_execution_pb2.TaskExecutionListRequest) -> bool:
    """Whether the first attempt was enough."""
    return len(client.admin.ListTaskExecutions(request).task_executions) == 1


def test_a_job_outlives_the_control_plane_and_is_created_once(
    remote: FlyteRemote, connected: Sandbox, tmp_path: Path
) -> None:
    execution = begin(remote, "jobs", folder=str(tmp_path), x=21, how="wait")
    eventually(lambda: lines(tmp_path) == ["created n0 0"], 30)
    connected.kill("control-plane")
    (tmp_path / "done").touch()
    connected.start()
    assert output(end(remote, execution), int) == 42
    assert lines(tmp_path) == ["created n0 0"]


def test_an_answer_that_was_lost_with_the_control_plane_costs_an_attempt_and_is_not_asked_for_again(
    remote: FlyteRemote, client: Client, connected: Sandbox, tmp_path: Path
) -> None:
    execution = begin(remote, "jobs", folder=str(tmp_path), x=21, how="take long to begin")
    eventually(lambda: lines(tmp_path) == ["created n0 0"], 30)
    connected.kill("control-plane")
    connected.start()
    ended = end(remote, execution)
    assert output(ended, int) == 42
    assert lines(tmp_path) == ["created n0 0", "created n0 1"]
    lost, _ = attempts(remote, client, ended)
    assert lost.closure.error.code == "ConnectorAnswerLost"
    assert lost.closure.error.kind == execution_pb2.ExecutionError.SYSTEM


@pytest.mark.usefixtures("connected")
def test_a_terminated_execution_deletes_its_job(remote: FlyteRemote, tmp_path: Path) -> None:
    execution = begin(remote, "jobs", folder=str(tmp_path), x=21, how="wait")
    eventually(lambda: lines(tmp_path) == ["created n0 0"], 30)
    remote.terminate(execution, "enough")
    assert end(remote, execution).closure.phase == Phase.ABORTED
    assert lines(tmp_path) == ["created n0 0", "deleted n0 0"]


@pytest.mark.usefixtures("connected")
def test_a_type_that_nobody_serves_fails_with_what_to_do(remote: FlyteRemote) -> None:
    execution = run(remote, "nobody")
    assert execution.closure.phase == Phase.FAILED
    assert execution.error.code == "NoConnector"
    assert "--connector" in execution.error.message


def test_status_and_doctor_tell_what_is_served(connected: Sandbox) -> None:
    status = connected.status()
    [own] = status["connectors"]
    assert own["answers"]
    assert {"sensor", "test-job", "test-call"} <= set(own["types"])
    component = next(each for each in status["components"] if each["name"] == "connector")
    assert component["health"] == "healthy"
    assert f"127.0.0.1:{component['port']}" == own["endpoint"]
    assert "test-job" in connected.run("doctor", "--name", connected.name, check=False).stdout


def test_a_connector_beside_the_sandbox_serves_it_too(
    remote: FlyteRemote, connected: Sandbox, tmp_path: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (tmp_path / "log").open("wb") as log:
        beside = subprocess.Popen(
            [sys.executable, str(SERVE), str(port), "workflows.connectors"],
            cwd=connected.folder / "project",
            env=connected.environ,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        connected.start("--no-connector", "--connector-endpoint", f"127.0.0.1:{port}")
        names = [component["name"] for component in connected.status()["components"]]
        assert "connector" not in names
        execution = run(remote, "jobs", folder=str(tmp_path), x=21, how="at once")
        assert output(execution, int) == 42
    finally:
        os.kill(beside.pid, signal.SIGTERM)
        beside.wait(10)
