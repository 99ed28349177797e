"""From a task request to a pod, as Kubernetes' API takes it: a dictionary in its JSON. Pure.

The shape is Flyte's (`flyteplugins/go/tasks/pluginmachinery/flytek8s`): the attempt's unique name is the
pod's and its container's name, labels tell whose it is, the primary container of a pod template gets what a
lone container would get.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flyteidl.core import tasks_pb2
from google.protobuf import json_format, struct_pb2

from sandbox.executors import rendering
from sandbox.executors.api import TaskRequest
from sandbox.executors.kubernetes import copilot, merging, ownership
from sandbox.executors.kubernetes.settings import KubernetesSettings

Pod = dict[str, Any]
PRIMARY_ANNOTATION = "primary_container_name"
_SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
_PRIMARY = "primary_container_name"
_DEFAULT_CONTAINER = "default"
"""In a pod template, what every container starts from that has no settings of its own."""
_SHARED_MEMORY = "/dev/shm"
_GPU = "gpu"
_RESOURCES = {
    tasks_pb2.Resources.CPU: "cpu",
    tasks_pb2.Resources.MEMORY: "memory",
    tasks_pb2.Resources.EPHEMERAL_STORAGE: "ephemeral-storage",
}


class BadTaskError(ValueError):
    """A task that can't become a pod; the message says why."""


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """A pod without a name: what it runs, for whoever makes the pod."""

    spec: dict[str, Any]
    primary: str
    """The name of the container that is the task; the others are beside it."""
    labels: dict[str, str]
    """Of its own: those of the attempt are `ownership.metadata`'s."""
    annotations: dict[str, str]


def build(request: TaskRequest, settings: KubernetesSettings) -> Pod:
    """The pod of an attempt. Raises BadTaskError, and rendering.RenderingError."""
    made = template(request, settings)
    annotations = {**made.annotations, PRIMARY_ANNOTATION: made.primary}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": ownership.metadata(request, settings, labels=made.labels, annotations=annotations),
        "spec": made.spec,
    }


def template(request: TaskRequest, settings: KubernetesSettings) -> PodTemplate:
    """What the task's pod runs, with everything that Flyte adds: the task's primary container has the
    attempt's command, variables and resources. Raises as `build` does."""
    spec, primary, metadata = _of_template(request, settings)
    containers = spec.get("containers")
    if not containers:
        raise BadTaskError("the task's pod has no container")
    chosen = [one for one in containers if one.get("name") == primary]
    if not chosen:
        names = ", ".join(str(one.get("name", "?")) for one in containers) or "none"
        raise BadTaskError(
            f"the pod has no container {primary!r}, which is to be its primary one; it has: {names}"
        )
    _complete_primary(chosen[0], request, settings)
    for container in [*containers, *(spec.get("initContainers") or ())]:
        _render(container, request, settings)
        container.setdefault("imagePullPolicy", settings.image_pull_policy)
        container.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")
    _complete_spec(spec, request, settings)
    _extend(spec, chosen[0], request.template.extended_resources, settings)
    try:
        added = copilot.add(spec, chosen[0], request, settings)
    except copilot.NoCopilotError as exc:
        raise BadTaskError(str(exc)) from exc
    return PodTemplate(
        spec=spec,
        primary=primary,
        labels=dict(metadata.get("labels") or {}),
        annotations={_SAFE_TO_EVICT: "false", **(metadata.get("annotations") or {}), **added},
    )


def _of_template(
    request: TaskRequest, settings: KubernetesSettings
) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """Pod spec, name of the primary container, metadata."""
    template = request.template
    if template.type == "sidecar" and template.task_type_version == 0 and not template.HasField("k8s_pod"):
        custom = json_format.MessageToDict(template.custom)
        spec = _spec(custom.get("podSpec"), settings)
        return spec, str(custom.get("primaryContainerName", "")), {}
    if template.type == "sidecar" and template.task_type_version == 1:
        return pod_spec(template.custom, settings), template.config.get(_PRIMARY, ""), {}
    match template.WhichOneof("target"):
        case "container":
            return (
                {"containers": [_container(template.container, request.unique_name)]},
                request.unique_name,
                {},
            )
        case "k8s_pod":
            pod = template.k8s_pod
            name = template.config.get(_PRIMARY, "") or pod.primary_container_name
            metadata = json_format.MessageToDict(pod.metadata)
            return pod_spec(pod.pod_spec, settings), name, metadata
        case _:
            raise BadTaskError(f"the task type {template.type!r} has neither a container nor a pod to run")


def pod_spec(struct: struct_pb2.Struct, settings: KubernetesSettings) -> dict[str, Any]:
    """A pod spec that travelled as a protobuf, as JSON has it; without containers, if it has none."""
    return _spec(json_format.MessageToDict(struct), settings)


def _spec(found: Any, settings: KubernetesSettings) -> dict[str, Any]:
    """Protobuf's numbers have no kind, its quantities are objects, and flytekit calls graphics processors
    `gpu`."""
    spec: dict[str, Any] = _whole(found) if isinstance(found, dict) else {}
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        resources = container.get("resources") or {}
        for word in ("limits", "requests"):
            if resources.get(word):
                resources[word] = {
                    settings.gpu_resource if name == _GPU else name: _unwrapped(value)
                    for name, value in resources[word].items()
                }
    return spec


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _whole(one) for name, one in value.items()}
        case list():
            return [_whole(one) for one in value]
        case _:
            return value


def _unwrapped(quantity: Any) -> Any:
    return quantity.get("string") if isinstance(quantity, dict) else quantity


def _container(container: tasks_pb2.Container, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "image": container.image}
    if container.command:
        made["command"] = list(container.command)
    if container.args:
        made["args"] = list(container.args)
    if container.env:
        made["env"] = [{"name": pair.key, "value": pair.value} for pair in container.env]
    if container.ports:
        made["ports"] = [{"containerPort": port.container_port} for port in container.ports]
    return made


def _complete_primary(container: dict[str, Any], request: TaskRequest, settings: KubernetesSettings) -> None:
    variables = {**settings.env, **request.env}
    if request.array_index is not None:
        variables |= {
            "BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX",
            "FLYTE_K8S_ARRAY_INDEX": str(request.array_index),
        }
    own = [entry for entry in container.get("env") or () if entry["name"] not in request.env]
    named = {entry["name"] for entry in own}
    given = [{"name": name, "value": value} for name, value in variables.items() if name not in named]
    container["env"] = [*own, *given]
    if request.template.HasField("container"):
        container["resources"] = amounts(request.template.container.resources, settings)


def amounts(resources: tasks_pb2.Resources, settings: KubernetesSettings) -> dict[str, dict[str, str]]:
    """Requests and limits; zero means none. An extended resource's request is its limit."""
    made: dict[str, dict[str, str]] = {}
    for word, entries in (("requests", resources.requests), ("limits", resources.limits)):
        found = {
            _RESOURCES.get(entry.name, settings.gpu_resource): entry.value
            for entry in entries
            if entry.value.strip("0.") and (entry.name in _RESOURCES or entry.name == tasks_pb2.Resources.GPU)
        }
        if found:
            made[word] = found
    return made


def _render(container: dict[str, Any], request: TaskRequest, settings: KubernetesSettings) -> None:
    places = rendering.Places(
        input=request.inputs_uri,
        output_prefix=request.output_prefix,
        raw_output_prefix=request.raw_output_prefix,
        checkpoint_prefix=request.checkpoint_prefix,
        previous_checkpoint_prefix=request.previous_checkpoint_prefix,
        unique_name=request.unique_name,
        namespace=ownership.namespace(request, settings),
        task_template=request.task_template,
    )
    for word in ("command", "args"):
        if container.get(word):
            container[word] = rendering.render(container[word], places, request.inputs)


def _complete_spec(spec: dict[str, Any], request: TaskRequest, settings: KubernetesSettings) -> None:
    spec.setdefault("restartPolicy", "Never")
    identity = request.identity.k8s_service_account if request.identity is not None else ""
    if not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = identity or settings.service_account
    if request.timeout is not None:
        # Kubernetes counts the pulling of images, too; the executor counts better, while there is one.
        latest = request.timeout + settings.image_pull_grace
        spec.setdefault("activeDeadlineSeconds", math.ceil(latest.total_seconds()))
    tolerations: Iterable[Mapping[str, Any]] = settings.tolerations
    if request.interruptible:
        tolerations = (*tolerations, *settings.interruptible_tolerations)
        selector = {**(spec.get("nodeSelector") or {}), **settings.interruptible_node_selector}
        if selector:
            spec["nodeSelector"] = selector
    if tolerations:
        spec["tolerations"] = [*map(dict, tolerations), *(spec.get("tolerations") or ())]


def _extend(
    spec: dict[str, Any],
    primary: dict[str, Any],
    extended: tasks_pb2.ExtendedResources,
    settings: KubernetesSettings,
) -> None:
    if extended.HasField("shared_memory"):
        _share_memory(spec, primary, extended.shared_memory)
    limits = (primary.get("resources") or {}).get("limits") or {}
    if extended.HasField("gpu_accelerator") and settings.gpu_resource in limits:
        _choose_accelerator(spec, extended.gpu_accelerator, settings)


def _share_memory(spec: dict[str, Any], primary: dict[str, Any], wish: Any) -> None:
    name, path = wish.mount_name or "flyte-shared-memory", wish.mount_path or _SHARED_MEMORY
    directory = {"medium": "Memory"}
    if wish.size_limit:
        directory["sizeLimit"] = wish.size_limit
    merging.add(spec, "volumes", {"name": name, "emptyDir": directory})
    merging.add(primary, "volumeMounts", {"name": name, "mountPath": path})


def _choose_accelerator(spec: dict[str, Any], wish: Any, settings: KubernetesSettings) -> None:
    wanted = []
    if wish.device:
        wanted.append((settings.gpu_device_label, wish.device))
    if wish.WhichOneof("partition_size_value") == "partition_size":
        wanted.append((settings.gpu_partition_label, wish.partition_size))
    expressions = [{"key": key, "operator": "In", "values": [value]} for key, value in wanted]
    if wish.WhichOneof("partition_size_value") == "unpartitioned" and wish.unpartitioned:
        expressions.append({"key": settings.gpu_partition_label, "operator": "DoesNotExist"})
    for key, value in wanted:
        toleration = {"key": key, "value": value, "operator": "Equal", "effect": "NoSchedule"}
        merging.add(spec, "tolerations", toleration)
    if expressions:
        merging.require_nodes(spec, expressions)
