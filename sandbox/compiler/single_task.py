"""The workflow and the launch plan generated around a lone task, so that it can be executed by itself.

As admin does it (`flyteadmin/pkg/manager/impl/util/single_task_execution.go`): both are named
`.flytegen.<task>`, have the task's version and state SYSTEM_GENERATED. The launch plan's `workflow_id`
carries the bare task name; the clients read it.
"""

from __future__ import annotations

from collections.abc import Iterable

from flyteidl.admin import common_pb2, launch_plan_pb2
from flyteidl.core import (
    identifier_pb2,
    interface_pb2,
    literals_pb2,
    security_pb2,
    tasks_pb2,
    types_pb2,
    workflow_pb2,
)

from sandbox.idl import names
from sandbox.idl.identifiers import EntityId

DEFAULT_RETRIES = 3
"""For a task that says nothing about retries."""


def workflow_id(task: EntityId) -> EntityId:
    """The id of the workflow generated around the task."""
    name = names.single_task_workflow_name(task.name)
    return EntityId(identifier_pb2.WORKFLOW, task.project, task.domain, name, task.version)


def launch_plan_id(task: EntityId) -> EntityId:
    """The id of the launch plan generated around the task."""
    name = names.single_task_workflow_name(task.name)
    return EntityId(identifier_pb2.LAUNCH_PLAN, task.project, task.domain, name, task.version)


def workflow(template: tasks_pb2.TaskTemplate) -> workflow_pb2.WorkflowTemplate:
    """A workflow of one node that passes the task's inputs in and its outputs out."""
    task = EntityId.from_proto(template.id)
    node_id = names.single_task_node_id(task.name)
    inputs, outputs = template.interface.inputs.variables, template.interface.outputs.variables
    node = workflow_pb2.Node(
        id=node_id,
        metadata=workflow_pb2.NodeMetadata(name=node_id, retries=_retries(template)),
        inputs=_bindings(inputs, ""),
        task_node=workflow_pb2.TaskNode(reference_id=template.id),
    )
    return workflow_pb2.WorkflowTemplate(
        id=workflow_id(task).to_proto(),
        interface=template.interface,
        nodes=[node],
        outputs=_bindings(outputs, node_id),
    )


def launch_plan(
    template: tasks_pb2.TaskTemplate,
    *,
    auth_role: common_pb2.AuthRole | None = None,
    security_context: security_pb2.SecurityContext | None = None,
) -> launch_plan_pb2.LaunchPlanSpec:
    """The launch plan of that workflow; every input of the task is required."""
    named = EntityId.from_proto(template.id)
    return launch_plan_pb2.LaunchPlanSpec(
        workflow_id=EntityId(
            identifier_pb2.WORKFLOW, named.project, named.domain, named.name, named.version
        ).to_proto(),
        entity_metadata=launch_plan_pb2.LaunchPlanMetadata(),
        default_inputs=interface_pb2.ParameterMap(),
        fixed_inputs=literals_pb2.LiteralMap(),
        labels=common_pb2.Labels(),
        annotations=common_pb2.Annotations(),
        auth_role=auth_role,
        security_context=security_context,
    )


def _retries(template: tasks_pb2.TaskTemplate) -> literals_pb2.RetryStrategy:
    if template.metadata.HasField("retries"):
        return template.metadata.retries
    return literals_pb2.RetryStrategy(retries=DEFAULT_RETRIES)


def _bindings(variables: Iterable[str], node_id: str) -> list[literals_pb2.Binding]:
    return [
        literals_pb2.Binding(
            var=name,
            binding=literals_pb2.BindingData(promise=types_pb2.OutputReference(node_id=node_id, var=name)),
        )
        for name in sorted(variables)
    ]
