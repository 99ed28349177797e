"""Tasks: is what a client wants to register a task that can be run?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from flyteidl.core import compiler_pb2, tasks_pb2

from sandbox.compiler.errors import ErrorCode, Problems
from sandbox.idl import literals

_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
"""Kubernetes' quantities: 500m, 1.5Gi, 2e3."""

_CONTAINER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A DNS label: RFC 1123."""


def compile(template: tasks_pb2.TaskTemplate) -> compiler_pb2.CompiledTask:
    """Check the template and wrap it. Raises CompilationFailed with every mistake found."""
    problems = Problems()
    name = template.id.name or "task"
    if not template.HasField("id"):
        problems.add(ErrorCode.VALUE_REQUIRED, name, "Value required [Id].")
    _check_interface(template, name, problems)
    match template.WhichOneof("target"):
        case "container":
            _check_container(template, name, problems)
        case "k8s_pod":
            _check_pod(template.k8s_pod, name, problems)
    problems.raise_any()
    return compiler_pb2.CompiledTask(template=template)


def is_quantity(text: str) -> bool:
    """Whether the text is an amount of a resource as Kubernetes writes it."""
    return _QUANTITY.fullmatch(text) is not None


def _check_interface(template: tasks_pb2.TaskTemplate, name: str, problems: Problems) -> None:
    for kind, variables in (("input", template.interface.inputs), ("output", template.interface.outputs)):
        for variable in sorted(variables.variables):
            if variables.variables[variable].type.WhichOneof("type") is None:
                problems.add(
                    ErrorCode.VALUE_REQUIRED,
                    name,
                    f"Value required [type of {kind} {variable}]: this backend does not know the type.",
                )


def _check_container(template: tasks_pb2.TaskTemplate, name: str, problems: Problems) -> None:
    container = template.container
    has_data = template.interface.inputs.variables or template.interface.outputs.variables
    if has_data and not container.command and not container.args:
        problems.add(
            ErrorCode.VALUE_REQUIRED,
            name,
            "Value required [command]: a container with inputs or outputs needs a command or args.",
        )
    if not container.image:
        problems.add(ErrorCode.VALUE_REQUIRED, name, "Value required [image].")
    _check_resources(container.resources.requests, "requests", name, problems)
    _check_resources(container.resources.limits, "limits", name, problems)


def _check_resources(
    entries: Iterable[tasks_pb2.Resources.ResourceEntry], field: str, name: str, problems: Problems
) -> None:
    for entry in entries:
        if not is_quantity(entry.value):
            known = tasks_pb2.Resources.ResourceName
            resource = known.Name(entry.name) if entry.name in known.values() else entry.name
            problems.add(
                ErrorCode.UNRECOGNIZED_VALUE,
                name,
                f"Unrecognized value [{entry.value}] of resources.{field}.{resource}: "
                "write it as Kubernetes does, e.g. 500m, 2, 200Mi.",
            )


def _check_pod(pod: tasks_pb2.K8sPod, name: str, problems: Problems) -> None:
    spec = literals.read_struct(pod.pod_spec)
    containers = spec.get("containers", [])
    if not isinstance(containers, list) or not all(isinstance(item, Mapping) for item in containers):
        problems.add(
            ErrorCode.INVALID_VALUE, name, "Invalid value [k8s pod spec]: its containers are no list."
        )
        return
    for container in containers:
        if not _CONTAINER_NAME.fullmatch(str(container.get("name", ""))):
            problems.add(
                ErrorCode.INVALID_VALUE,
                name,
                f"Invalid value [k8s pod spec container name {container.get('name', '')!r}]: "
                "lower-case letters, digits and dashes, at most 63.",
            )
