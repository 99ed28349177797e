"""What a node's overrides and the platform's defaults make of a task."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core import tasks_pb2, workflow_pb2
from google.protobuf import json_format

from sandbox.propeller import overrides, quotas
from sandbox.propeller.core import graph
from tests.unit.propeller.building import compile, run, task, workflow

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
    assert overrides.effective(template, workflow_pb2.TaskNodeOverrides(), {}) is template


def test_a_nodes_resources_and_image_override_the_tasks() -> None:
    template = task(type="python-task", memory_limit="200Mi")
    over = workflow_pb2.TaskNodeOverrides(
        resources=tasks_pb2.Resources(limits=entries(memory="1Gi")), container_image="other:v2"
    )
    merged = overrides.effective(template, over, {})
    assert limits(merged) == {MEMORY: "1Gi"}
    assert merged.container.image == "other:v2"
    assert (template.container.image, limits(template)) == ("image:v1", {MEMORY: "200Mi"})


def test_a_request_is_its_own_limit_and_a_default_is_no_limit() -> None:
    template = task(type="python-task")
    template.container.resources.requests.extend(entries(memory="300Mi"))
    merged = overrides.effective(template, workflow_pb2.TaskNodeOverrides(), {"cpu": "500m"})
    assert limits(merged) == {MEMORY: "300Mi"}
    assert {entry.name: entry.value for entry in merged.container.resources.requests} == {
        CPU: "500m",
        MEMORY: "300Mi",
    }


def pod(**container: object) -> tasks_pb2.K8sPod:
    """A pod with a primary container and a second one."""
    spec = {"containers": [{"name": "main", **container}, {"name": "beside", "image": "beside:v1"}]}
    made = tasks_pb2.K8sPod(primary_container_name="main")
    made.pod_spec.update(spec)
    return made


def pod_task(**container: object) -> tasks_pb2.TaskTemplate:
    template = task(type="sidecar")
    template.k8s_pod.CopyFrom(pod(**container))
    template.k8s_pod.metadata.labels.update({"team": "red", "kept": "yes"})
    template.config["primary_container_name"] = "main"
    return template


def container_of(template: tasks_pb2.TaskTemplate, name: str) -> dict[str, Any]:
    document = json_format.MessageToDict(template.k8s_pod.pod_spec)
    return next(one for one in document["containers"] if one["name"] == name)


def test_a_pods_primary_container_takes_the_overriding_image_and_resources() -> None:
    template = pod_task(image="main:v1", resources={"requests": {"cpu": "1", "example.com/tpu": "3"}})
    over = workflow_pb2.TaskNodeOverrides(
        resources=tasks_pb2.Resources(requests=entries(memory="1Gi")), container_image="main:v2"
    )
    merged = overrides.effective(template, over, {})
    main = container_of(merged, "main")
    assert main["image"] == "main:v2"
    assert main["resources"] == {
        "requests": {"cpu": "1", "memory": "1Gi", "example.com/tpu": "3"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }
    assert container_of(merged, "beside") == {"name": "beside", "image": "beside:v1"}
    assert container_of(template, "main")["image"] == "main:v1"


def test_a_pod_template_takes_the_place_of_the_pod_and_its_labels_are_added() -> None:
    over = workflow_pb2.TaskNodeOverrides(pod_template=pod(image="other:v1", args=["run"]))
    over.pod_template.metadata.labels.update({"team": "blue", "new": "yes"})
    over.pod_template.primary_container_name = "main"
    merged = overrides.effective(pod_task(image="main:v1"), over, {})
    assert container_of(merged, "main") == {"name": "main", "image": "other:v1", "args": ["run"]}
    assert dict(merged.k8s_pod.metadata.labels) == {"team": "blue", "kept": "yes", "new": "yes"}


def test_a_pod_template_takes_the_place_of_a_container_too_and_names_its_primary() -> None:
    over = workflow_pb2.TaskNodeOverrides(
        pod_template=pod(image="other:v1"), resources=tasks_pb2.Resources(limits=entries(cpu="2"))
    )
    merged = overrides.effective(task(type="python-task"), over, {})
    assert merged.WhichOneof("target") == "k8s_pod"
    assert merged.config["primary_container_name"] == "main"
    assert container_of(merged, "main")["resources"] == {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}


def test_extended_resources_replace_the_tasks_one_by_one() -> None:
    template = task(type="python-task")
    template.extended_resources.gpu_accelerator.device = "nvidia-tesla-t4"
    template.extended_resources.shared_memory.size_limit = "1Gi"
    over = workflow_pb2.TaskNodeOverrides()
    over.extended_resources.gpu_accelerator.device = "nvidia-a100"
    merged = overrides.effective(template, over, {})
    assert merged.extended_resources.gpu_accelerator.device == "nvidia-a100"
    assert merged.extended_resources.shared_memory.size_limit == "1Gi"


def test_administrators_defaults_fill_in_and_their_limits_cap() -> None:
    policy = overrides.TaskResources({"cpu": "1", "memory": "512Mi"}, {"memory": "1Gi", "cpu": "4"})
    bare = overrides.effective(task(type="python-task"), workflow_pb2.TaskNodeOverrides(), {}, policy)
    assert limits(bare) == {CPU: "1", MEMORY: "512Mi"}
    greedy = task(type="python-task", memory_limit="8Gi")
    capped = overrides.effective(greedy, workflow_pb2.TaskNodeOverrides(), {}, policy)
    assert limits(capped) == {CPU: "1", MEMORY: "1Gi"}
    in_pod = overrides.effective(
        pod_task(resources={"limits": {"cpu": 16}}), workflow_pb2.TaskNodeOverrides(), {}, policy
    )
    assert container_of(in_pod, "main")["resources"]["limits"] == {"cpu": "4", "memory": "512Mi"}


def test_what_a_node_says_about_caching_holds_for_its_task() -> None:
    node = run("n0", template=task(cache=True))
    node.metadata.cache_version = "2.0"
    node.metadata.cache_serializable = True
    again = run("n1", "n0")
    again.metadata.cacheable = True
    never = run("n2", "n1", task(cache=True))
    never.metadata.cacheable = False
    built = graph.build(compile(workflow("cached", [node, again, never], "n2"), [task(cache=True)]))
    said = {one.node_id: one.task.metadata for one in built.workflows[0].nodes if one.task is not None}
    assert (said["n0"].discoverable, said["n0"].discovery_version) == (True, "2.0")
    assert said["n0"].cache_serializable
    assert said["n1"].discoverable
    assert not said["n2"].discoverable


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"containers": None},
        {"containers": ["main"]},
        {"containers": [{"name": "main", "resources": None}]},
        {"containers": [{"name": "main", "resources": {"requests": 7, "limits": {"cpu": None}}}]},
        {"containers": [{"name": "main", "resources": {"requests": {"cpu": "lots"}}}]},
    ],
)
def test_a_pod_that_makes_no_sense_is_left_to_its_executor(spec: dict[str, Any]) -> None:
    template = pod_task()
    template.k8s_pod.pod_spec.Clear()
    template.k8s_pod.pod_spec.update(spec)
    policy = overrides.TaskResources(limits={"cpu": "4"})
    over = workflow_pb2.TaskNodeOverrides(container_image="other:v1")
    merged = overrides.effective(template, over, {}, policy)
    assert merged.WhichOneof("target") == "k8s_pod"
    assert quotas.taken_by(merged).tasks == 1
