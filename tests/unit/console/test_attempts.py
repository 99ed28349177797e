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


def test_what_a_connector_says_about_its_job_is_shown_and_cut_to_size() -> None:
    message = task_execution_pb2.TaskExecution()
    message.closure.custom_info.update(
        {
            "job": "job-1",
            "retries": 3,
            "spec": {"rows": [1.5]},
            "text": "x" * 1000,
            "peak_memory_bytes": 7,
            "memory_limit_bytes": 9,
        }
    )
    facts = dict(attempts.from_proto(message).facts)
    assert facts == {
        "job": "job-1",
        "retries": "3",
        "spec": '{"rows": [1.5]}',
        "text": "x" * attempts.MAX_FACT + "…",
    }


def test_an_attempt_of_which_nothing_is_said_has_no_facts() -> None:
    assert attempts.from_proto(task_execution_pb2.TaskExecution()).facts == ()
