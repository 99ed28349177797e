"""The container of a task, from each of the places that a task template has it in."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core import tasks_pb2
from google.protobuf import json_format, struct_pb2

from sandbox.executors import containers

PRIMARY: dict[str, Any] = {
    "name": "main",
    "image": "image:v1",
    "command": ["sh", "-c"],
    "args": ["echo {{.inputs.x}}"],
    "env": [{"name": "GREETING", "value": "hello"}],
    "resources": {"limits": {"memory": "200Mi", "cpu": "500m"}},
}


def struct(document: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(document, struct_pb2.Struct())


def version_0(spec: dict[str, Any]) -> tasks_pb2.TaskTemplate:
    custom = struct({"podSpec": spec, "primaryContainerName": "main"})
    return tasks_pb2.TaskTemplate(type="sidecar", custom=custom)


def version_1(spec: dict[str, Any]) -> tasks_pb2.TaskTemplate:
    config = {"primary_container_name": "main"}
    return tasks_pb2.TaskTemplate(type="sidecar", task_type_version=1, custom=struct(spec), config=config)


def version_2(spec: dict[str, Any], type: str = "sidecar") -> tasks_pb2.TaskTemplate:
    return tasks_pb2.TaskTemplate(
        type=type,
        task_type_version=2,
        k8s_pod=tasks_pb2.K8sPod(pod_spec=struct(spec)),
        config={"primary_container_name": "main"},
    )


def template_pod(spec: dict[str, Any]) -> tasks_pb2.TaskTemplate:
    pod = tasks_pb2.K8sPod(pod_spec=struct(spec), primary_container_name="main")
    return tasks_pb2.TaskTemplate(type="python-task", k8s_pod=pod)


SHAPES = [version_0, version_1, version_2, template_pod]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pods_primary_container_is_honoured(shape: Any) -> None:
    found = containers.of(shape({"containers": [PRIMARY]}))
    assert found.image == "image:v1"
    assert found.arguments == ("sh", "-c", "echo {{.inputs.x}}")
    assert found.env == {"GREETING": "hello"}
    assert found.memory_limit == 200 << 20
    assert found.cpu_limit == 0.5
    assert found.data is None


def test_quantities_of_kubernetes_protobufs_are_objects() -> None:
    spec = {"containers": [PRIMARY | {"resources": {"limits": {"memory": {"string": "1Gi"}}}}]}
    assert containers.of(version_0(spec)).memory_limit == 1 << 30


def test_a_mount_that_a_process_has_anyway_is_no_hindrance() -> None:
    spec = {"containers": [PRIMARY | {"volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}]}]}
    assert containers.of(version_2(spec)).image == "image:v1"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"containers": [PRIMARY, {"name": "proxy"}]}, "proxy"),
        ({"containers": [PRIMARY], "initContainers": [{"name": "prepare"}]}, "prepare"),
        ({"containers": [PRIMARY | {"volumeMounts": [{"name": "d", "mountPath": "/data"}]}]}, "/data"),
        ({"containers": [PRIMARY | {"envFrom": [{"secretRef": {"name": "s"}}]}]}, "envFrom"),
        (
            {
                "containers": [
                    PRIMARY | {"env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}
                ]
            },
            "IP",
        ),
    ],
)
def test_what_would_be_lost_is_refused_with_the_profiles_that_can(
    shape: Any, spec: dict[str, Any], told: str
) -> None:
    with pytest.raises(containers.UnrunnableTaskError, match=told) as refused:
        containers.of(shape(spec))
    assert "--profile demo" in str(refused.value)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pod_without_its_primary_container_is_refused(shape: Any) -> None:
    with pytest.raises(containers.UnrunnableTaskError, match="'main'"):
        containers.of(shape({"containers": [{"name": "other"}]}))
    with pytest.raises(containers.UnrunnableTaskError, match="no container"):
        containers.of(shape({}))


def test_a_pod_task_of_version_1_names_its_primary_container() -> None:
    template = version_1({"containers": [PRIMARY]})
    del template.config["primary_container_name"]
    with pytest.raises(containers.UnrunnableTaskError, match="primary_container_name"):
        containers.of(template)


def test_a_container_keeps_its_data_configuration() -> None:
    template = tasks_pb2.TaskTemplate(type="raw-container")
    template.container.image = "alpine"
    template.container.data_config.enabled = True
    template.container.data_config.input_path = "/in"
    found = containers.of(template)
    assert found.data is not None
    assert found.data.input_path == "/in"
