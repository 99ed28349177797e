"""Map tasks of SDKs before 1.9: a task of type `container_array` that stands in a task node.

Its interface takes and gives lists, and its command picks the item at the index that the environment names,
just as the mapped task in an array node does; only that the number of elements that must succeed, and how
many run at once, are in the task's `custom` (`flyteidl/protos/flyteidl/plugins/array_job.proto`). So the node
is read as the array node that a newer SDK would have written.
"""

from __future__ import annotations

from flyteidl.core import tasks_pb2, workflow_pb2
from flyteidl.plugins import array_job_pb2
from google.protobuf import json_format

_TASK_TYPE = "container_array"


class BadArrayJob(ValueError):
    """The task's `custom` is not an `ArrayJob`."""


def is_one(task: tasks_pb2.TaskTemplate | None) -> bool:
    """Whether a task is such a map task. Clients look for its node among the workflow's task nodes."""
    return task is not None and task.type == _TASK_TYPE


def results(prefix: str, index: int) -> str:
    """Where an element writes that is told a prefix: the SDK of such a task adds the element's index."""
    return f"{prefix}/{index}"


def as_array(proto: workflow_pb2.Node, task: tasks_pb2.TaskTemplate) -> workflow_pb2.Node:
    """The task node as an array node over the same task. Raises BadArrayJob."""
    try:
        job = json_format.ParseDict(
            json_format.MessageToDict(task.custom), array_job_pb2.ArrayJob(), ignore_unknown_fields=True
        )
    except json_format.ParseError as error:
        raise BadArrayJob(f"the custom part of the map task {task.id.name} can't be read: {error}") from error
    node = workflow_pb2.Node()
    node.CopyFrom(proto)
    mapped = node.array_node.node
    mapped.id = proto.id
    mapped.metadata.CopyFrom(proto.metadata)
    mapped.task_node.CopyFrom(proto.task_node)
    node.array_node.parallelism = max(0, job.parallelism)
    match job.WhichOneof("success_criteria"):
        case "min_successes":
            node.array_node.min_successes = max(0, job.min_successes)
        case "min_success_ratio":
            node.array_node.min_success_ratio = job.min_success_ratio
    return node
