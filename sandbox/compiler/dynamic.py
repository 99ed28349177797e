"""Dynamic workflows: what a task wants to be run instead of giving outputs, as a workflow that compiles.

The task's last word is a `core.DynamicJobSpec`: nodes, the tasks and subworkflows they use, and what the
outputs are bound to. As Flyte does (`flytepropeller/pkg/controller/nodes/dynamic/dynamic_workflow.go`), the
workflow around it has the task's outputs and no inputs; it is called `dynamic_<node>`. Its version is derived
from where it was made, so that the same attempt always makes the same workflow.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from flyteidl.core import (
    compiler_pb2,
    dynamic_job_pb2,
    identifier_pb2,
    interface_pb2,
    tasks_pb2,
    workflow_pb2,
)

from sandbox.compiler import tasks as task_compiler
from sandbox.compiler import workflows
from sandbox.compiler.requirements import Requirements
from sandbox.idl.identifiers import AttemptKey, EntityId, NodeId
from sandbox.idl.interfaces import LaunchPlanInterface

_VERSION_LENGTH = 10


def workflow(
    spec: dynamic_job_pb2.DynamicJobSpec, parent: tasks_pb2.TaskTemplate, node: NodeId, made_by: AttemptKey
) -> workflow_pb2.WorkflowTemplate:
    """The workflow around the spec that an attempt of `parent`, run by a node, made."""
    execution = made_by.execution
    return workflow_pb2.WorkflowTemplate(
        id=identifier_pb2.Identifier(
            resource_type=identifier_pb2.WORKFLOW,
            project=execution.project,
            domain=execution.domain,
            name=f"dynamic_{node}",
            version=_version(made_by),
        ),
        interface=interface_pb2.TypedInterface(outputs=parent.interface.outputs),
        nodes=spec.nodes,
        outputs=spec.outputs,
    )


def tasks(
    spec: dynamic_job_pb2.DynamicJobSpec, parent: tasks_pb2.TaskTemplate
) -> dict[EntityId, compiler_pb2.CompiledTask]:
    """The tasks that the spec brings along. Their containers take over the configuration of their parent's.

    Raises CompilationFailed.
    """
    compiled: dict[EntityId, compiler_pb2.CompiledTask] = {}
    for template in spec.tasks:
        own = tasks_pb2.TaskTemplate()
        own.CopyFrom(template)
        if own.HasField("container") and parent.HasField("container"):
            own.container.config.extend(parent.container.config)
        compiled.setdefault(EntityId.from_proto(own.id), task_compiler.compile(own))
    return compiled


def required(spec: dynamic_job_pb2.DynamicJobSpec, template: workflow_pb2.WorkflowTemplate) -> Requirements:
    """The tasks and launch plans that it refers to, its own tasks among them. Raises CompilationFailed."""
    return workflows.required(template, spec.subworkflows)


def compile(
    spec: dynamic_job_pb2.DynamicJobSpec,
    template: workflow_pb2.WorkflowTemplate,
    tasks: Mapping[EntityId, compiler_pb2.CompiledTask],
    launch_plans: Mapping[EntityId, LaunchPlanInterface],
) -> compiler_pb2.CompiledWorkflowClosure:
    """The compiled workflow. Raises CompilationFailed with every mistake found."""
    return workflows.compile(template, spec.subworkflows, tasks, launch_plans)


def _version(made_by: AttemptKey) -> str:
    where = f"{made_by.execution} {made_by.node} {made_by.attempt}"
    digest = hashlib.sha256(where.encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_VERSION_LENGTH]
