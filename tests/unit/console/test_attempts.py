"""Attempts as the panel shows them: the elements of an array, and the executions that some of them are."""

from __future__ import annotations

from flyteidl.admin import task_execution_pb2
from flyteidl.core import execution_pb2, identifier_pb2

from sandbox.console import attempts
from sandbox.idl.identifiers import ExecutionId


def test_an_element_of_an_array_over_a_launch_plan_leads_to_its_execution() -> None:
    message = task_execution_pb2.TaskExecution()
    told = message.closure.metadata.external_resources
    told.add(index=0, phase=execution_pb2.TaskExecution.SUCCEEDED)
    launched = identifier_pb2.WorkflowExecutionIdentifier(project="p", domain="d", name="child")
    told.add(index=1).workflow_node_metadata.execution_id.CopyFrom(launched)
    assert [one.child for one in attempts.from_proto(message).subtasks] == [
        None,
        ExecutionId("p", "d", "child"),
    ]
