"""Map tasks over launch plans through the unmodified SDK."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flyteidl.admin import task_execution_pb2
from flyteidl.core import execution_pb2
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests.acceptance.engine.conftest import VERSION
from tests.sandboxes import Client

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution.Phase
TaskPhase = execution_pb2.TaskExecution.Phase


def run(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    """Execute `workflows.plans.WORKFLOW` and wait for its end, whatever it is."""
    plan = remote.fetch_launch_plan(name=f"workflows.plans.{workflow}", version=VERSION)
    execution = remote.execute(plan, inputs=inputs)
    return remote.wait(execution, timeout=timedelta(seconds=120), poll_interval=timedelta(milliseconds=50))


def output(execution: FlyteWorkflowExecution, kind: type[Any]) -> Any:
    """The single output, after a success."""
    assert execution.closure.phase == Phase.SUCCEEDED, execution.error
    return execution.outputs.get("o0", as_type=kind)


def test_each_element_is_an_execution_that_can_be_fetched(remote: FlyteRemote, client: Client) -> None:
    execution = run(remote, "mapped", n=4, bs=[1, 1, 3, 2])
    assert output(execution, list[int]) == [2, 3, 4, 4]
    synced = remote.sync_execution(execution, sync_nodes=True)
    [array] = [node for node in synced.node_executions.values() if node.metadata.is_array]
    assert len(array.task_executions) == 1
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=array.id.to_flyte_idl(), limit=10)
    [attempt] = client.admin.ListTaskExecutions(request).task_executions
    assert attempt.id.task_id.name == "workflows.plans.every"
    elements = attempt.closure.metadata.external_resources
    assert [one.phase for one in elements] == [TaskPhase.SUCCEEDED] * 4
    children = [remote.fetch_execution(name=one.workflow_node_metadata.execution_id.name) for one in elements]
    assert {child.closure.phase for child in children} == {Phase.SUCCEEDED}
    assert remote.sync_execution(children[2]).inputs["a"] == 3


def test_fixed_inputs_are_not_mapped(remote: FlyteRemote) -> None:
    assert output(run(remote, "fixed", bs=[1, 50], plus=[0, 5]), list[int]) == [100, 7]
    assert output(run(remote, "fixed", bs=[], plus=[]), list[int]) == []


def test_elements_that_fail_are_none_or_the_failure_of_all(remote: FlyteRemote) -> None:
    assert output(run(remote, "tolerant", bs=[1, 0, 0, 50], plus=[0, 0, 0, 0]), int) == 102
    failed = run(remote, "tolerant", bs=[1, 0, 0, 0], plus=[0, 0, 0, 0])
    assert failed.closure.phase == Phase.FAILED
    assert "ZeroDivisionError" in failed.error.message


def test_a_dynamic_task_may_map_a_launch_plan(remote: FlyteRemote) -> None:
    assert output(run(remote, "dynamic_map", bs=[1, 2]), list[int]) == [101, 52]
