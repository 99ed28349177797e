"""Pods as contract and Kubernetes want them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from flyteidl.core import security_pb2, tasks_pb2
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from sandbox.executors.kubernetes import merging, ownership, pods
from sandbox.executors.kubernetes.settings import KubernetesSettings
from tests.unit.executors.kubernetes import requests

SETTINGS = KubernetesSettings(env={"FLYTE_AWS_ENDPOINT": "http://s3", "MINE": "platform"})


def test_a_container_task_becomes_a_pod_of_its_name() -> None:
    pod = pods.build(requests.of(requests.container()), SETTINGS)
    assert pod["metadata"]["name"] == "abc-n0-0-n1-1"
    assert pod["metadata"]["namespace"] == "flytesnacks-development"
    (container,) = pod["spec"]["containers"]
    assert container["name"] == "abc-n0-0-n1-1"
    assert container["args"][1:3] == ["--inputs", "s3://bucket/metadata/n0/inputs.pb"]
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["metadata"]["annotations"]["primary_container_name"] == "abc-n0-0-n1-1"


def test_the_tasks_own_variables_win_over_the_platforms_and_the_attempts_over_all() -> None:
    template = requests.container()
    template.container.env.add(key="FLYTE_ATTEMPT_NUMBER", value="forged")
    (container,) = pods.build(requests.of(template), SETTINGS)["spec"]["containers"]
    assert {entry["name"]: entry["value"] for entry in container["env"]} == {
        "MINE": "1",
        "FLYTE_AWS_ENDPOINT": "http://s3",
        "FLYTE_ATTEMPT_NUMBER": "1",
    }
    names = [entry["name"] for entry in container["env"]]
    assert len(names) == len(set(names))


def test_labels_tell_whose_it_is() -> None:
    pod = pods.build(requests.of(requests.container(), interruptible=True), SETTINGS)
    assert pod["metadata"]["labels"] == {
        "execution-id": "abc",
        "task-name": "my.task",
        "interruptible": "true",
        "managed-by": "flyte-sandbox",
        "flyte-attempt": "1",
    }


@given(st.text())
def test_every_text_becomes_a_legal_label(text: str) -> None:
    value = ownership.label_value(text)
    assert len(value) <= 63
    assert value == "" or (value[0].isalnum() and value[-1].isalnum() and value.isascii())


def test_resources_are_requests_and_limits_and_zero_is_none() -> None:
    resources = tasks_pb2.Resources()
    resources.requests.add(name=tasks_pb2.Resources.CPU, value="500m")
    resources.requests.add(name=tasks_pb2.Resources.MEMORY, value="0")
    resources.limits.add(name=tasks_pb2.Resources.GPU, value="1")
    (container,) = pods.build(requests.of(requests.container(resources=resources)), SETTINGS)["spec"][
        "containers"
    ]
    assert container["resources"] == {"requests": {"cpu": "500m"}, "limits": {"nvidia.com/gpu": "1"}}


def test_an_element_knows_its_index() -> None:
    (container,) = pods.build(requests.of(requests.container(), array_index=7), SETTINGS)["spec"][
        "containers"
    ]
    variables = {entry["name"]: entry["value"] for entry in container["env"]}
    assert variables["FLYTE_K8S_ARRAY_INDEX"] == "7"
    assert variables["BATCH_JOB_ARRAY_INDEX_VAR_NAME"] == "FLYTE_K8S_ARRAY_INDEX"


def test_a_pod_does_not_outlive_its_timeout_by_much_and_an_identity_is_its_service_account() -> None:
    identity = security_pb2.Identity(k8s_service_account="trainer")
    request = requests.of(requests.container(), timeout=timedelta(seconds=90), identity=identity)
    spec = pods.build(request, SETTINGS)["spec"]
    assert spec["activeDeadlineSeconds"] == 90 + 180
    assert spec["serviceAccountName"] == "trainer"


def pod_task(version: int) -> tasks_pb2.TaskTemplate:
    spec = {
        "containers": [
            {"name": "main", "image": "mine:v1", "args": ["{{.input}}"]},
            {"name": "side", "image": "redis:7"},
        ],
        "tolerations": [{"key": "mine"}],
    }
    template = tasks_pb2.TaskTemplate(type="sidecar", task_type_version=version)
    if version == 0:
        json_format.ParseDict({"podSpec": spec, "primaryContainerName": "main"}, template.custom)
        return template
    template.config["primary_container_name"] = "main"
    if version == 1:
        json_format.ParseDict(spec, template.custom)
    else:
        json_format.ParseDict(spec, template.k8s_pod.pod_spec)
        template.k8s_pod.metadata.labels["mine"] = "yes"
    return template


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_pod_task_keeps_its_containers_in_every_version(version: int) -> None:
    settings = KubernetesSettings(tolerations=({"key": "platform"},))
    pod = pods.build(requests.of(pod_task(version)), settings)
    main, side = pod["spec"]["containers"]
    assert main["args"] == ["s3://bucket/metadata/n0/inputs.pb"]
    assert [entry["name"] for entry in main["env"]] == ["FLYTE_ATTEMPT_NUMBER"]
    assert "env" not in side
    assert pod["metadata"]["annotations"]["primary_container_name"] == "main"
    assert pod["spec"]["tolerations"] == [{"key": "platform"}, {"key": "mine"}]
    assert pod["metadata"]["labels"].get("mine") == ("yes" if version == 2 else None)


def test_a_pod_without_its_primary_container_is_refused() -> None:
    template = pod_task(2)
    template.config["primary_container_name"] = "other"
    with pytest.raises(pods.BadTaskError, match=r"no container 'other'.*it has: main, side"):
        pods.build(requests.of(template), SETTINGS)


def test_a_task_without_anything_to_run_is_refused() -> None:
    with pytest.raises(pods.BadTaskError, match="neither a container nor a pod"):
        pods.build(requests.of(tasks_pb2.TaskTemplate(type="bigquery")), SETTINGS)


def test_an_accelerator_chooses_its_nodes() -> None:
    resources = tasks_pb2.Resources()
    resources.limits.add(name=tasks_pb2.Resources.GPU, value="1")
    template = requests.container(resources=resources)
    template.extended_resources.gpu_accelerator.device = "nvidia-tesla-a100"
    template.extended_resources.gpu_accelerator.partition_size = "1g.5gb"
    spec = pods.build(requests.of(template), SETTINGS)["spec"]
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert [one["values"] for one in term["matchExpressions"]] == [["nvidia-tesla-a100"], ["1g.5gb"]]
    assert [one["value"] for one in spec["tolerations"]] == ["nvidia-tesla-a100", "1g.5gb"]


def test_shared_memory_is_a_volume_in_memory() -> None:
    template = requests.container()
    template.extended_resources.shared_memory.size_limit = "64Mi"
    spec = pods.build(requests.of(template), SETTINGS)["spec"]
    assert spec["volumes"] == [
        {"name": "flyte-shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}
    ]
    assert spec["containers"][0]["volumeMounts"] == [{"name": "flyte-shared-memory", "mountPath": "/dev/shm"}]


def test_merging_lays_one_pod_over_another() -> None:
    base = {"containers": [{"name": "a", "image": "x", "env": [1]}], "hostNetwork": True, "tolerations": [1]}
    overlay = {
        "containers": [{"name": "a", "env": [2]}, {"name": "b"}],
        "tolerations": [2],
        "dnsPolicy": "None",
    }
    assert merging.merge(base, overlay) == {
        "containers": [{"name": "a", "image": "x", "env": [1, 2]}, {"name": "b"}],
        "hostNetwork": True,
        "tolerations": [1, 2],
        "dnsPolicy": "None",
    }
    assert base["tolerations"] == [1]


def test_numbers_of_a_pod_template_stay_whole_and_its_processors_get_the_clusters_name() -> None:
    """A protobuf Struct has floating-point numbers only, which Kubernetes takes for no port and no user."""
    container = {
        "name": "main",
        "ports": [{"containerPort": 8080}],
        "securityContext": {"runAsUser": 1000},
        "resources": {"limits": {"gpu": "1", "cpu": {"string": "500m"}}},
    }
    template = tasks_pb2.TaskTemplate(type="python-task", config={"primary_container_name": "main"})
    json_format.ParseDict({"containers": [container]}, template.k8s_pod.pod_spec)
    (made,) = pods.build(requests.of(template), SETTINGS)["spec"]["containers"]
    assert json.dumps(made["ports"]) == '[{"containerPort": 8080}]'
    assert json.dumps(made["securityContext"]) == '{"runAsUser": 1000}'
    assert made["resources"]["limits"] == {"nvidia.com/gpu": "1", "cpu": "500m"}
