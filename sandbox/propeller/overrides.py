"""What an attempt's task template becomes: the registered one, with what its node overrides
(`with_overrides`) and what administrators set for its project.

As in Flyte (`flyteplugins/go/tasks/pluginmachinery/flytek8s`): a pod template takes the place of the
container or pod, its labels and annotations are added; resources override one by one, in the container or in
the pod's primary container; a request without a limit is its own limit, and the other way round; nothing
is above the limits that an administrator set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flyteidl.core import tasks_pb2, workflow_pb2
from google.protobuf import json_format

from sandbox.idl import quantities

_PRIMARY = "primary_container_name"
_WORDS = {
    "cpu": tasks_pb2.Resources.CPU,
    "memory": tasks_pb2.Resources.MEMORY,
    "gpu": tasks_pb2.Resources.GPU,
    "ephemeral_storage": tasks_pb2.Resources.EPHEMERAL_STORAGE,
}
_IN_PODS = {
    "cpu": tasks_pb2.Resources.CPU,
    "memory": tasks_pb2.Resources.MEMORY,
    "nvidia.com/gpu": tasks_pb2.Resources.GPU,
    "ephemeral-storage": tasks_pb2.Resources.EPHEMERAL_STORAGE,
}
"""What Kubernetes calls them."""
_POD_WORDS = {name: word for word, name in _IN_PODS.items()}

Amounts = dict[int, str]
"""`Resources.ResourceName` to a quantity."""


@dataclass(frozen=True, slots=True)
class TaskResources:
    """Quantities by the words of `admin.TaskResourceSpec`: cpu, gpu, memory, ephemeral_storage."""

    defaults: Mapping[str, str] = field(default_factory=dict)
    """What a task gets that asks for none."""
    limits: Mapping[str, str] = field(default_factory=dict)
    """The most that it gets, whatever it asks for."""


NO_RESOURCES = TaskResources()


def effective(
    template: tasks_pb2.TaskTemplate,
    overrides: workflow_pb2.TaskNodeOverrides,
    defaults: Mapping[str, str],
    policy: TaskResources = NO_RESOURCES,
) -> tasks_pb2.TaskTemplate:
    """The template to run: the same object if nothing changes.

    `defaults` are requests of tasks that ask for nothing, and no limits; the policy's are both.
    """
    target = template.WhichOneof("target")
    if target not in ("container", "k8s_pod"):
        return template
    said = overrides.ByteSize() or defaults or policy.defaults or policy.limits
    if not said and target == "container" and not template.container.resources.ByteSize():
        return template  # Nobody says anything, as for most tasks.
    changed = tasks_pb2.TaskTemplate()
    changed.CopyFrom(template)
    if overrides.pod_template.HasField("pod_spec"):
        _use_pod(changed, overrides.pod_template)
    if changed.HasField("container"):
        _adjust_container(changed.container, overrides, defaults, policy)
    else:
        _adjust_pod(changed, overrides, defaults, policy)
    extended = overrides.extended_resources
    for name in ("gpu_accelerator", "shared_memory"):
        if extended.HasField(name):
            getattr(changed.extended_resources, name).CopyFrom(getattr(extended, name))
    return template if changed == template else changed


def requests_of(template: tasks_pb2.TaskTemplate) -> Amounts:
    """What an attempt asks for: its container, or all containers of its pod together.

    Raises NotAQuantity.
    """
    if template.HasField("container"):
        return {entry.name: entry.value for entry in template.container.resources.requests}
    found: dict[int, list[str]] = {}
    for container in _containers(_pod_of(template)):
        for name, value in _pod_amounts(container, "requests").items():
            found.setdefault(name, []).append(value)
    return {name: quantities.total(values) for name, values in found.items()}


def _use_pod(template: tasks_pb2.TaskTemplate, pod: tasks_pb2.K8sPod) -> None:
    former = tasks_pb2.K8sPod()
    former.CopyFrom(template.k8s_pod)
    if template.HasField("container"):
        former.data_config.CopyFrom(template.container.data_config)
    template.k8s_pod.CopyFrom(pod)
    merged = template.k8s_pod.metadata
    for kind in ("labels", "annotations"):
        values = {**getattr(former.metadata, kind), **getattr(pod.metadata, kind)}
        getattr(merged, kind).update(values)
    if former.data_config.ByteSize():
        template.k8s_pod.data_config.CopyFrom(former.data_config)
    if pod.primary_container_name:
        template.config[_PRIMARY] = pod.primary_container_name


def _adjust_container(
    container: tasks_pb2.Container,
    overrides: workflow_pb2.TaskNodeOverrides,
    defaults: Mapping[str, str],
    policy: TaskResources,
) -> None:
    own = container.resources
    requests, limits = _settled(_amounts(own.requests), _amounts(own.limits), overrides, defaults, policy)
    resources = tasks_pb2.Resources(requests=_entries(requests), limits=_entries(limits))
    if _amounts(own.requests) != requests or _amounts(own.limits) != limits:
        own.CopyFrom(resources)
    container.image = overrides.container_image or container.image


def _adjust_pod(
    template: tasks_pb2.TaskTemplate,
    overrides: workflow_pb2.TaskNodeOverrides,
    defaults: Mapping[str, str],
    policy: TaskResources,
) -> None:
    pod = _pod_of(template)
    primary = _primary(pod, template.config.get(_PRIMARY, ""))
    if primary is None:
        return
    before = json_format.MessageToDict(template.k8s_pod.pod_spec)
    own = _pod_amounts(primary, "requests"), _pod_amounts(primary, "limits")
    requests, limits = _settled(*own, overrides, defaults, policy)
    if (requests, limits) != own:
        resources = primary["resources"] = _object(primary.get("resources"))
        for what, amounts in (("requests", requests), ("limits", limits)):
            known = {
                word: value for word, value in _object(resources.get(what)).items() if word not in _IN_PODS
            }
            named = {_POD_WORDS[name]: value for name, value in sorted(amounts.items()) if name in _POD_WORDS}
            resources[what] = {**known, **named}
    if overrides.container_image:
        primary["image"] = overrides.container_image
    if pod != before:
        template.k8s_pod.pod_spec.Clear()
        json_format.ParseDict(pod, template.k8s_pod.pod_spec)


def _settled(
    requests: Amounts,
    limits: Amounts,
    overrides: workflow_pb2.TaskNodeOverrides,
    defaults: Mapping[str, str],
    policy: TaskResources,
) -> tuple[Amounts, Amounts]:
    """Requests and limits once everybody had a say."""
    requests = {**requests, **_amounts(overrides.resources.requests)}
    limits = {**limits, **_amounts(overrides.resources.limits)}
    asked = requests.keys() | limits.keys()
    for word, value in policy.defaults.items():
        if _WORDS[word] not in asked:
            requests[_WORDS[word]] = value
    for name, value in requests.items():
        limits.setdefault(name, value)
    for name, value in limits.items():
        requests.setdefault(name, value)
    for word, value in defaults.items():
        requests.setdefault(_WORDS[word], value)
    for word, most in policy.limits.items():
        for amounts in (requests, limits):
            if _WORDS[word] in amounts and quantities.exceeds(amounts[_WORDS[word]], most):
                amounts[_WORDS[word]] = most
    return requests, limits


def _pod_of(template: tasks_pb2.TaskTemplate) -> dict[str, Any]:
    return dict(json_format.MessageToDict(template.k8s_pod.pod_spec))


def _primary(pod: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The container that runs the task: the one of that name, or the only one."""
    containers = _containers(pod)
    named = [one for one in containers if one.get("name") == name]
    if named:
        return named[0]
    return containers[0] if len(containers) == 1 else None


def _containers(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = pod.get("containers")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _object(value: Any) -> dict[str, Any]:
    """A pod may hold anything: what is no object is as good as an empty one."""
    return value if isinstance(value, dict) else {}


def _pod_amounts(container: Mapping[str, Any], what: str) -> Amounts:
    said = _object(_object(container.get("resources")).get(what))
    return {name: _text(said[word]) for word, name in _IN_PODS.items() if word in said}


def _text(value: Any) -> str:
    """A quantity as text: a number in a pod may have come through JSON, which makes 2 a 2.0."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _amounts(entries: Any) -> Amounts:
    return {entry.name: entry.value for entry in entries}


def _entries(amounts: Amounts) -> list[tasks_pb2.Resources.ResourceEntry]:
    return [tasks_pb2.Resources.ResourceEntry(name=name, value=amounts[name]) for name in sorted(amounts)]
