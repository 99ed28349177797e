"""`@dynamic` tasks through the unmodified SDK: what they make runs, and the clients can look into it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2, execution_pb2
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests.acceptance.engine.conftest import VERSION
from tests.sandboxes import Client

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution.Phase
NodePhase = execution_pb2.NodeExecution.Phase


def run(remote: FlyteRemote, workflow: str, /, **inputs: Any) -> FlyteWorkflowExecution:
    """Execute `workflows.dynamics.WORKFLOW` and wait for its end, whatever it is."""
    plan = remote.fetch_launch_plan(name=f"workflows.dynamics.{workflow}", version=VERSION)
    execution = remote.execute(plan, inputs=inputs)
    return remote.wait(execution, timeout=timedelta(seconds=120), poll_interval=timedelta(milliseconds=50))


def output(execution: FlyteWorkflowExecution, kind: type[Any]) -> Any:
    """The single output, after a success."""
    assert execution.closure.phase == Phase.SUCCEEDED, execution.error
    return execution.outputs.get("o0", as_type=kind)


def test_a_dynamic_task_makes_as_many_nodes_as_it_is_told(remote: FlyteRemote, client: Client) -> None:
    execution = run(remote, "squares", n=8)
    assert output(execution, int) == sum(i * i for i in range(8))
    synced = remote.sync_execution(execution, sync_nodes=True)
    node = synced.node_executions["n0"]
    assert node.metadata.is_parent_node
    assert node.metadata.is_dynamic
    inside = node.subworkflow_node_executions
    assert len([child for child in inside.values() if child.task_executions]) == 9
    assert {child.closure.phase for child in inside.values()} == {NodePhase.SUCCEEDED}
    assert node.outputs["o0"] == sum(i * i for i in range(8))
    request = node_execution_pb2.GetDynamicNodeWorkflowRequest(id=node.id.to_flyte_idl())
    made = client.admin.GetDynamicNodeWorkflow(request).compiled_workflow.primary.template
    assert made.id.name == "dynamic_n0"
    assert len(made.nodes) == 9 + 2


def test_a_dynamic_task_makes_subworkflows_children_branches_and_dynamic_tasks(remote: FlyteRemote) -> None:
    execution = run(remote, "mixed", x=3)
    assert output(execution, list[int]) == [81, 256, 5, 25]
    synced = remote.sync_execution(execution, sync_nodes=True)
    inside = synced.node_executions["n0"].subworkflow_node_executions
    assert len([node for node in inside.values() if node.metadata.is_dynamic]) == 1
    assert len([node for node in inside.values() if node.closure.workflow_node_metadata is not None]) == 1


def test_dynamic_tasks_nest(remote: FlyteRemote) -> None:
    assert output(run(remote, "recursion", n=4), int) == 49


def test_a_dynamic_task_that_makes_nothing_is_a_task(remote: FlyteRemote) -> None:
    execution = run(remote, "empty", x=3)
    assert output(execution, int) == 9
    synced = remote.sync_execution(execution, sync_nodes=True)
    assert not synced.node_executions["n0"].metadata.is_parent_node


def test_a_failure_inside_fails_the_dynamic_node_once(remote: FlyteRemote, client: Client) -> None:
    assert output(run(remote, "failing_inside", b=2), float) == 0.5
    execution = run(remote, "failing_inside", b=0)
    assert execution.closure.phase == Phase.FAILED
    assert "ZeroDivisionError" in execution.error.message
    node = remote.sync_execution(execution, sync_nodes=True).node_executions["n0"]
    # By the stubs: the SDK files the attempts of the nodes inside under the dynamic node.
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node.id.to_flyte_idl(), limit=10)
    assert len(client.admin.ListTaskExecutions(request).task_executions) == 1
    assert node.closure.phase == NodePhase.FAILED


def test_a_failure_of_the_dynamic_task_itself_is_the_users(remote: FlyteRemote) -> None:
    execution = run(remote, "failing_itself", text="can't decide")
    assert execution.closure.phase == Phase.FAILED
    assert "can't decide" in execution.error.message


def test_a_dynamic_task_is_cached_with_all_that_it_made(remote: FlyteRemote, journal: Path) -> None:
    x = uuid.uuid4().int % 1_000_000
    first = run(remote, "cached_dynamic", x=x, journal=str(journal))
    second = run(remote, "cached_dynamic", x=x, journal=str(journal))
    assert output(first, int) == output(second, int) == 20 * x + 10
    assert sorted(journal.read_text().splitlines()) == sorted([f"computed {x}", f"computed {x + 1}"])
    synced = remote.sync_execution(second, sync_nodes=True)
    hit = synced.node_executions["n0"]
    assert hit.closure.task_node_metadata.cache_status == catalog_pb2.CACHE_HIT
    assert not hit.metadata.is_parent_node
