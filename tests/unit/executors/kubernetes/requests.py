"""Requests as the engine makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flyteidl.core import identifier_pb2, literals_pb2, tasks_pb2

from sandbox.executors.api import TaskRequest
from sandbox.idl.identifiers import AttemptKey, EntityId, ExecutionId, UniqueNodeId

_ARGUMENTS = ["pyflyte-execute", "--inputs", "{{.input}}", "--output-prefix", "{{.outputPrefix}}"]


def container(**changes: Any) -> tasks_pb2.TaskTemplate:
    """A python task."""
    template = tasks_pb2.TaskTemplate(
        type="python-task", container=tasks_pb2.Container(image="mine:v1", args=_ARGUMENTS, **changes)
    )
    template.container.env.add(key="MINE", value="1")
    return template


def of(template: tasks_pb2.TaskTemplate, **changes: Any) -> TaskRequest:
    """The second attempt of a node."""
    execution = ExecutionId("flytesnacks", "development", "abc")
    request = TaskRequest(
        key=AttemptKey(execution, UniqueNodeId("n0-0-n1"), 1),
        task_id=EntityId(identifier_pb2.TASK, "flytesnacks", "development", "my.task", "v1"),
        template=template,
        inputs=literals_pb2.LiteralMap(),
        inputs_uri="s3://bucket/metadata/n0/inputs.pb",
        output_prefix="s3://bucket/metadata/n0/1",
        raw_output_prefix="s3://bucket/data/x",
        checkpoint_prefix="s3://bucket/data/x/_flytecheckpoints",
        previous_checkpoint_prefix='""',
        unique_name="abc-n0-0-n1-1",
        env={"FLYTE_ATTEMPT_NUMBER": "1"},
        labels={"execution-id": "abc", "task-name": "my.task"},
    )
    return replace(request, **changes)
