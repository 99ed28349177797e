"""What a task template wants to be run: one container, from whichever place the template has it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flyteidl.core import tasks_pb2
from google.protobuf import json_format

from sandbox.executors.process import quantities

_PRIMARY = "primary_container_name"


class UnrunnableTaskError(ValueError):
    """The task can never run as a process on this machine; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Container:
    """The part of a container that a process can honour."""

    image: str
    arguments: tuple[str, ...]
    """Command and arguments, templates not yet filled."""
    env: Mapping[str, str]
    memory_limit: int | None
    """Bytes."""


def of(template: tasks_pb2.TaskTemplate) -> Container:
    """The container of a task, or the primary one of its pod; raises `UnrunnableTaskError`."""
    target = template.WhichOneof("target")
    if target == "container":
        return _of_container(template.container)
    if target == "k8s_pod":
        return _of_pod(template)
    raise UnrunnableTaskError(
        f"The task type {template.type!r} has neither a container nor a pod to run: replace the task, or "
        "have a connector run it (`sandbox start --connector`)."
    )


def _of_container(container: tasks_pb2.Container) -> Container:
    if container.data_config.enabled:
        raise UnrunnableTaskError(
            f"This is a ContainerTask of image {container.image!r}; it needs Docker, which the embedded "
            "profile does not use: start the sandbox with a profile that runs pods "
            "(`sandbox start --profile sandbox`)."
        )
    memory = [
        entry.value
        for entry in container.resources.limits
        if entry.name == tasks_pb2.Resources.ResourceName.MEMORY
    ]
    return Container(
        image=container.image,
        arguments=(*container.command, *container.args),
        env={pair.key: pair.value for pair in container.env},
        memory_limit=_limit(memory[0]) if memory else None,
    )


def _of_pod(template: tasks_pb2.TaskTemplate) -> Container:
    pod = json_format.MessageToDict(template.k8s_pod.pod_spec)
    containers = pod.get("containers", [])
    name = template.config.get(_PRIMARY, "primary")
    chosen = [one for one in containers if one.get("name") == name] or containers[:1]
    if not chosen:
        raise UnrunnableTaskError(
            "The task's pod has no container: register it again with a primary container."
        )
    container = chosen[0]
    memory = container.get("resources", {}).get("limits", {}).get("memory")
    return Container(
        image=container.get("image", ""),
        arguments=(*container.get("command", ()), *container.get("args", ())),
        env={pair["name"]: str(pair.get("value", "")) for pair in container.get("env", ()) if "name" in pair},
        memory_limit=_limit(str(memory)) if memory is not None else None,
    )


def _limit(quantity: str) -> int | None:
    """A limit in bytes; zero means none, as everywhere in Flyte."""
    try:
        return quantities.to_bytes(quantity) or None
    except ValueError as exc:
        raise UnrunnableTaskError(f"The task's memory limit cannot be read: {exc}.") from exc
