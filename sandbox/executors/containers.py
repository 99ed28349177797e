"""What a task template wants to be run: one container, from whichever place the template has it in.

A pod stands in one of three places (`flyteplugins/go/tasks/plugins/k8s/pod`): in the task's `custom` with the
name of its primary container (task type `sidecar`, version 0), in its `custom` with that name in the
`config` (version 1), or in `k8s_pod` (version 2, and every other type whose task has a pod template).

One machine without Kubernetes can run the pod's primary container. What a pod has beside it, and what that
container would miss if it ran alone, is refused with the reason: nothing that was asked for is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flyteidl.core import tasks_pb2
from google.protobuf import json_format

from sandbox.executors import quantities

_PRIMARY = "primary_container_name"
_SIDECAR = "sidecar"
_PODS = (
    "The embedded profile runs a pod's primary container alone: start a sandbox that runs pods "
    "(`sandbox start --profile demo`, `sandbox` or `cluster`)"
)
_HARMLESS_MOUNTS = ("/dev/shm",)
"""What a mount gives a container there, a process on this machine has anyway."""


class UnrunnableTaskError(ValueError):
    """The task can never run on this machine; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Container:
    """The part of a container that can be honoured without Kubernetes."""

    image: str
    command: tuple[str, ...] = ()
    """Replaces the image's entry point if there is one; templates not yet filled."""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    memory_limit: int | None = None
    """Bytes."""
    cpu_limit: float | None = None
    """Processors."""
    working_directory: str = ""
    data: tasks_pb2.DataLoadingConfig | None = None
    """Set if its inputs and outputs are files that somebody else brings and takes: the copilot's contract."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """Command and arguments as one command line."""
        return (*self.command, *self.args)


def of(template: tasks_pb2.TaskTemplate) -> Container:
    """The container of a task, or the primary one of its pod; raises `UnrunnableTaskError`."""
    if template.type == _SIDECAR and template.task_type_version == 0 and not template.HasField("k8s_pod"):
        custom = json_format.MessageToDict(template.custom)
        return _of_pod(custom.get("podSpec"), str(custom.get("primaryContainerName", "")))
    if template.type == _SIDECAR and template.task_type_version == 1:
        name = template.config.get(_PRIMARY, "")
        if not name:
            raise UnrunnableTaskError(
                f"The pod task does not say which of its containers is the primary one: its config has no "
                f"{_PRIMARY}. Register it again."
            )
        return _of_pod(json_format.MessageToDict(template.custom), name)
    target = template.WhichOneof("target")
    if target == "container":
        return _of_container(template.container)
    if target == "k8s_pod":
        pod = template.k8s_pod
        name = template.config.get(_PRIMARY, "") or pod.primary_container_name
        data = pod.data_config if pod.data_config.enabled else None
        return _of_pod(json_format.MessageToDict(pod.pod_spec), name, data)
    raise UnrunnableTaskError(
        f"The task type {template.type!r} has neither a container nor a pod to run: replace the task, or "
        "have a connector run it (`sandbox start --connector`)."
    )


def _of_container(container: tasks_pb2.Container) -> Container:
    limits = {entry.name: entry.value for entry in container.resources.limits}
    return Container(
        image=container.image,
        command=tuple(container.command),
        args=tuple(container.args),
        env={pair.key: pair.value for pair in container.env},
        memory_limit=_bytes(limits.get(tasks_pb2.Resources.MEMORY)),
        cpu_limit=_processors(limits.get(tasks_pb2.Resources.CPU)),
        data=container.data_config if container.data_config.enabled else None,
    )


def _of_pod(spec: Any, name: str, data: tasks_pb2.DataLoadingConfig | None = None) -> Container:
    pod: dict[str, Any] = spec if isinstance(spec, dict) else {}
    containers: list[dict[str, Any]] = pod.get("containers") or []
    if not containers:
        raise UnrunnableTaskError(
            "The task's pod has no container: register it again with a primary container."
        )
    chosen = [one for one in containers if one.get("name") == name] if name else containers[:1]
    if not chosen:
        has = ", ".join(str(one.get("name", "?")) for one in containers)
        raise UnrunnableTaskError(
            f"The task's pod has no container {name!r}, which is to be its primary one; it has: {has}."
        )
    primary = chosen[0]
    _refuse_company(primary, [*containers, *(pod.get("initContainers") or [])])
    _refuse_mounts(primary)
    limits = (primary.get("resources") or {}).get("limits") or {}
    return Container(
        image=primary.get("image", ""),
        command=tuple(primary.get("command") or ()),
        args=tuple(primary.get("args") or ()),
        env=dict(_variables(primary)),
        memory_limit=_bytes(_quantity(limits.get("memory"))),
        cpu_limit=_processors(_quantity(limits.get("cpu"))),
        working_directory=str(primary.get("workingDir", "")),
        data=data,
    )


def _refuse_company(primary: Mapping[str, Any], containers: Iterable[Mapping[str, Any]]) -> None:
    others = [str(one.get("name", "?")) for one in containers if one is not primary]
    if others:
        raise UnrunnableTaskError(
            f"The task's pod has more containers than its primary one {primary.get('name')!r}: "
            f"{', '.join(others)}. {_PODS}, or remove them from the pod template."
        )


def _refuse_mounts(primary: Mapping[str, Any]) -> None:
    paths = [str(mount.get("mountPath", "?")) for mount in primary.get("volumeMounts") or ()]
    missing = [path for path in paths if path.rstrip("/") not in _HARMLESS_MOUNTS]
    if missing:
        raise UnrunnableTaskError(
            f"The task's pod mounts volumes at {', '.join(missing)}, which would not be there. {_PODS}, or "
            "remove the volumes from the pod template."
        )


def _variables(primary: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The environment; what would have to be asked of Kubernetes is refused."""
    if primary.get("envFrom"):
        raise UnrunnableTaskError(
            f"The task's pod takes environment variables from Kubernetes (envFrom). {_PODS}, or write them "
            "into the pod template."
        )
    for pair in primary.get("env") or ():
        if pair.get("valueFrom"):
            raise UnrunnableTaskError(
                f"The task's pod takes the environment variable {pair.get('name')!r} from Kubernetes "
                f"(valueFrom). {_PODS}, or write its value into the pod template."
            )
        yield str(pair["name"]), str(pair.get("value", ""))


def _quantity(value: Any) -> str | None:
    """A quantity as JSON has it; Kubernetes' protobufs wrap it in an object."""
    if isinstance(value, dict):
        value = value.get("string")
    return None if value is None else str(value)


def _bytes(quantity: str | None) -> int | None:
    """A limit in bytes; zero means none, as everywhere in Flyte."""
    if quantity is None:
        return None
    try:
        return quantities.to_bytes(quantity) or None
    except ValueError as exc:
        raise UnrunnableTaskError(f"The task's memory limit cannot be read: {exc}.") from exc


def _processors(quantity: str | None) -> float | None:
    if quantity is None:
        return None
    try:
        return quantities.to_number(quantity) or None
    except ValueError as exc:
        raise UnrunnableTaskError(f"The task's limit of processors cannot be read: {exc}.") from exc
