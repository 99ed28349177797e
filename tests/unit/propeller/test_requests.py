"""What a node's overrides and the platform's defaults make of a task."""

from __future__ import annotations

from flyteidl.core import tasks_pb2, workflow_pb2

from sandbox.propeller import requests
from tests.unit.propeller.building import task

MEMORY = tasks_pb2.Resources.MEMORY
CPU = tasks_pb2.Resources.CPU


def entries(**values: str) -> list[tasks_pb2.Resources.ResourceEntry]:
    names = {"cpu": CPU, "memory": MEMORY}
    return [
        tasks_pb2.Resources.ResourceEntry(name=names[name], value=value) for name, value in values.items()
    ]


def limits(template: tasks_pb2.TaskTemplate) -> dict[int, str]:
    return {entry.name: entry.value for entry in template.container.resources.limits}


def test_a_task_that_nothing_changes_stays_the_same_object() -> None:
    template = task(type="python-task")
    assert requests.effective(template, workflow_pb2.TaskNodeOverrides(), {}) is template


def test_a_nodes_resources_and_image_override_the_tasks() -> None:
    template = task(type="python-task", memory_limit="200Mi")
    overrides = workflow_pb2.TaskNodeOverrides(
        resources=tasks_pb2.Resources(limits=entries(memory="1Gi")), container_image="other:v2"
    )
    merged = requests.effective(template, overrides, {})
    assert limits(merged) == {MEMORY: "1Gi"}
    assert merged.container.image == "other:v2"
    assert (template.container.image, limits(template)) == ("image:v1", {MEMORY: "200Mi"})


def test_a_request_is_its_own_limit_and_a_default_is_no_limit() -> None:
    template = task(type="python-task")
    template.container.resources.requests.extend(entries(memory="300Mi"))
    merged = requests.effective(template, workflow_pb2.TaskNodeOverrides(), {"cpu": "500m"})
    assert limits(merged) == {MEMORY: "300Mi"}
    assert {entry.name: entry.value for entry in merged.container.resources.requests} == {
        CPU: "500m",
        MEMORY: "300Mi",
    }
