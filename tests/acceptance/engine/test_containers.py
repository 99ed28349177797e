"""Container tasks through the unmodified SDK: in real containers, with the control plane killed meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import docker
import pytest
from flyteidl.core import execution_pb2
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests import containers
from tests.acceptance.engine.conftest import VERSION
from tests.acceptance.engine.test_workflows import output
from tests.sandboxes import Sandbox
from tests.waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution.Phase


@pytest.fixture(autouse=True)
def image() -> str:
    return containers.image()


def execute(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    plan = remote.fetch_launch_plan(name=f"workflows.containers.{workflow}", version=VERSION)
    return remote.execute(plan, inputs=inputs)


def ended(remote: FlyteRemote, execution: FlyteWorkflowExecution) -> FlyteWorkflowExecution:
    return remote.wait(execution, timeout=timedelta(seconds=90), poll_interval=timedelta(milliseconds=50))


def run(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    return ended(remote, execute(remote, workflow, **inputs))


def of_execution(name: str, status: str) -> list[str]:
    """The containers of an execution: its name is among their labels."""
    client = docker.APIClient(version="auto")
    try:
        found = client.containers(all=True, filters={"label": f"execution-id={name}", "status": status})
    finally:
        client.close()
    return [container["Id"] for container in found]


def test_values_go_through_a_container(remote: FlyteRemote) -> None:
    execution = run(remote, "areas", a=6, b=7, name="floor")
    assert output(execution, str) == "floor: 42"
    name = execution.id.name
    eventually(lambda: not of_execution(name, "exited"))


def test_files_go_through_a_container(remote: FlyteRemote) -> None:
    letter, document = output(run(remote, "files", text="Dear Ada"), list[str])
    assert letter == "Dear Ada"
    assert '"letter": "/var/inputs/letter"' in document


def test_a_failing_container_is_tried_again_and_quoted(remote: FlyteRemote, sandbox: Sandbox) -> None:
    execution = run(remote, "failing")
    assert execution.closure.phase == Phase.FAILED
    assert "exit code 4" in execution.error.message
    assert "no such planet" in execution.error.message
    node = remote.sync_execution(execution, sync_nodes=True).node_executions["n0"]
    assert len(node.task_executions) == 2
    printed = sandbox.run("logs", "--name", sandbox.name, execution.id.name, "n0").stdout
    assert "no such planet" in printed


def test_the_error_file_of_a_container_is_its_error(remote: FlyteRemote) -> None:
    execution = run(remote, "refusing")
    assert execution.closure.phase == Phase.FAILED
    assert "User Error: I would rather not" in execution.error.message


def test_a_container_goes_on_while_the_control_plane_is_killed(remote: FlyteRemote, sandbox: Sandbox) -> None:
    execution = execute(remote, "waiting", seconds=4.0)
    name = execution.id.name
    [container] = eventually(lambda: of_execution(name, "running"), timeout=30)
    sandbox.kill("control-plane")
    sandbox.start()
    assert output(ended(remote, execution), int) == 0
    assert of_execution(name, "exited") in ([], [container])


def test_an_aborted_execution_ends_its_container(remote: FlyteRemote) -> None:
    execution = execute(remote, "waiting", seconds=300.0)
    name = execution.id.name
    eventually(lambda: of_execution(name, "running"), timeout=30)
    remote.terminate(execution, cause="changed my mind")
    eventually(lambda: not of_execution(name, "running"), timeout=30)
    assert ended(remote, execution).closure.phase == Phase.ABORTED
