"""What pyflyte left open in a spec and registration fills in, as flytectl does it.

`{{ registration.project }}`, `{{ registration.domain }}` and `{{ registration.version }}` in identifiers,
or nothing at all; `{{ .remote_package_path }}` and `{{ .dest_dir }}` in the arguments of fast-registered
tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2, literals_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2
from google.protobuf import struct_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from sandbox.appliance.registering.packages import Spec, identifier

PROJECT = "{{ registration.project }}"
DOMAIN = "{{ registration.domain }}"
VERSION = "{{ registration.version }}"
REMOTE_PACKAGE = "{{ .remote_package_path }}"
DESTINATION = "{{ .dest_dir }}"


@dataclass(frozen=True, slots=True)
class Values:
    """What goes into the places that were left open."""

    project: str
    domain: str
    version: str
    force: bool = False
    """Also replace versions that are written out."""
    remote_package: str = ""
    """URI of the uploaded source code."""
    destination: str = ""
    """Where fast-registered tasks unpack it; empty for their working directory."""


def fill(spec: Spec, values: Values) -> None:
    """Fill in all that is open in the spec, in place."""
    if isinstance(spec, launch_plan_pb2.LaunchPlan):
        _identify(spec.id, values)
        _identify(spec.spec.workflow_id, values)
    elif isinstance(spec, workflow_pb2.WorkflowSpec):
        for template in (spec.template, *spec.sub_workflows):
            _identify(template.id, values)
            for node in _nodes(template):
                _fill_node(node, values)
    else:
        _identify(spec.template.id, values)
        _fill_task(spec, values)


def needs_version(spec: Spec) -> bool:
    """Whether the spec was packaged without a version."""
    return identifier(spec).version in ("", VERSION)


def needs_source(spec: Spec) -> bool:
    """Whether the spec is a fast-registered task, which says where its code is."""
    if not isinstance(spec, task_pb2.TaskSpec):
        return False
    if spec.template.HasField("container"):
        return REMOTE_PACKAGE in spec.template.container.args
    return REMOTE_PACKAGE in str(spec.template.k8s_pod.pod_spec)


def blobs(message: Message) -> Iterator[literals_pb2.Blob]:
    """All files that literals anywhere in a message refer to."""
    if isinstance(message, literals_pb2.Blob):
        yield message
        return
    for field, value in message.ListFields():
        if field.type != FieldDescriptor.TYPE_MESSAGE:
            continue
        for child in _messages(field, value):
            yield from blobs(child)


def _messages(field: FieldDescriptor, value: object) -> Iterable[Message]:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        is_message = entry.fields_by_name["value"].type == FieldDescriptor.TYPE_MESSAGE
        return value.values() if is_message else ()  # type: ignore[attr-defined]
    return (value,) if isinstance(value, Message) else value  # type: ignore[return-value]


def _identify(target: identifier_pb2.Identifier, values: Values) -> None:
    if target.project in ("", PROJECT):
        target.project = values.project
    if target.domain in ("", DOMAIN):
        target.domain = values.domain
    if values.force or target.version in ("", VERSION):
        target.version = values.version


def _nodes(template: core_workflow_pb2.WorkflowTemplate) -> Iterator[core_workflow_pb2.Node]:
    yield from template.nodes
    if template.HasField("failure_node"):
        yield template.failure_node


def _fill_node(node: core_workflow_pb2.Node, values: Values) -> None:
    target = node.WhichOneof("target")
    if target == "task_node":
        _identify(node.task_node.reference_id, values)
        if node.task_node.overrides.pod_template.HasField("pod_spec"):
            _fill_pod(node.task_node.overrides.pod_template.pod_spec, values)
    elif target == "workflow_node":
        reference = node.workflow_node.WhichOneof("reference")
        if reference is not None:
            _identify(getattr(node.workflow_node, reference), values)
    elif target == "array_node":
        _fill_node(node.array_node.node, values)
    elif target == "branch_node":
        block = node.branch_node.if_else
        for case in (block.case, *block.other):
            _fill_node(case.then_node, values)
        if block.HasField("else_node"):
            _fill_node(block.else_node, values)


def _fill_task(spec: task_pb2.TaskSpec, values: Values) -> None:
    target = spec.template.WhichOneof("target")
    if target == "container":
        arguments = spec.template.container.args
        arguments[:] = [_filled(argument, values) for argument in arguments]
    elif target == "k8s_pod" and spec.template.k8s_pod.HasField("pod_spec"):
        _fill_pod(spec.template.k8s_pod.pod_spec, values)


def _fill_pod(pod: struct_pb2.Struct, values: Values) -> None:
    if "containers" not in pod.fields:
        return
    for container in pod.fields["containers"].list_value.values:
        arguments = container.struct_value.fields
        if "args" in arguments:
            for argument in arguments["args"].list_value.values:
                argument.string_value = _filled(argument.string_value, values)


def _filled(argument: str, values: Values) -> str:
    if argument == REMOTE_PACKAGE and values.remote_package:
        return values.remote_package
    if argument == DESTINATION:
        return values.destination or "."
    return argument
