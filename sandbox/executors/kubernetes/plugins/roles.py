"""The pods of a job, one template a role: driver and workers, scheduler, launcher. Pure.

Every role starts from the pod that the task would have were it a container task: the same image, command,
variables, resources. What a role has of its own is laid over it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flyteidl.core import tasks_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from sandbox.executors.api import TaskRequest
from sandbox.executors.kubernetes import merging, ownership, pods
from sandbox.executors.kubernetes.pods import BadTaskError
from sandbox.executors.kubernetes.settings import KubernetesSettings


@dataclass(slots=True)
class Role:
    """A pod of the job, to be changed freely: nobody else has it."""

    spec: dict[str, Any]
    primary: str
    """Name of the container that runs the task."""
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def container(self) -> dict[str, Any]:
        """The primary container, in the spec."""
        for container in self.spec["containers"]:
            if container.get("name") == self.primary:
                found: dict[str, Any] = container
                return found
        raise BadTaskError(
            f"a pod of the job has no container {self.primary!r}, which is to be its primary one"
        )

    def rename(self, name: str) -> None:
        """Call the primary container as the operator wants it to be called."""
        self.container["name"] = name
        self.primary = name

    def overlay(self, pod: tasks_pb2.K8sPod, settings: KubernetesSettings) -> None:
        """Lay a role's own pod over this one: containers of the same name are merged."""
        self.spec = merging.merge(self.spec, pods.pod_spec(pod.pod_spec, settings))
        for name, value in pod.metadata.labels.items():
            self.labels[name] = ownership.label_value(value)
        self.annotations.update(pod.metadata.annotations)

    def take(
        self, resources: tasks_pb2.Resources, request: TaskRequest, settings: KubernetesSettings
    ) -> None:
        """Give the primary container these resources, if any: in place of the task's, or over those of the
        task's pod. What has a request and no limit is limited to its request, as Flyte does.
        """
        wanted = pods.amounts(resources, settings)
        if not wanted:
            return
        had = {} if request.template.HasField("container") else self.container.get("resources") or {}
        requests = {**(had.get("requests") or {}), **wanted.get("requests", {})}
        limits = {**wanted.get("requests", {}), **(had.get("limits") or {}), **wanted.get("limits", {})}
        self.container["resources"] = {"requests": requests, "limits": limits}

    def template(self) -> dict[str, Any]:
        """As Kubernetes' PodTemplateSpec."""
        return {"metadata": self.metadata(), "spec": self.spec}

    def metadata(self) -> dict[str, Any]:
        """Labels and annotations."""
        return {"labels": dict(self.labels), "annotations": dict(self.annotations)}


def of(request: TaskRequest, settings: KubernetesSettings, *, interruptible: bool | None = None) -> Role:
    """The pod of the task; `interruptible` if not as the task is. Raises BadTaskError, RenderingError.

    The attempt's timeout is not the pods' deadline: an operator would start them again.
    """
    if interruptible is not None:
        request = replace(request, interruptible=interruptible)
    made = pods.template(replace(request, timeout=None), settings)
    return Role(
        spec=copy.deepcopy(made.spec),
        primary=made.primary,
        labels=ownership.pod_labels(request, made.labels),
        annotations=ownership.pod_annotations(request, made.annotations),
    )


def custom(request: TaskRequest, message: Message) -> None:
    """Read what the plugin put into the task's `custom`; raises BadTaskError."""
    try:
        json_format.ParseDict(
            json_format.MessageToDict(request.template.custom), message, ignore_unknown_fields=True
        )
    except json_format.ParseError as exc:
        raise BadTaskError(
            f"the task's settings are not those of a {request.template.type} task: {exc}"
        ) from exc


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is there: Kubernetes' JSON leaves empty fields out."""
    return {name: value for name, value in values.items() if value not in (None, "", {}, [])}
