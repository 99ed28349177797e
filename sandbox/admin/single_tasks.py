"""A lone task that is executed: the workflow and launch plan around it are made the first time."""

from __future__ import annotations

from flyteidl.admin import execution_pb2, workflow_pb2

from sandbox.admin import errors, launch_plans, tasks, workflows
from sandbox.compiler import single_task
from sandbox.compiler import workflows as compiler
from sandbox.idl.identifiers import EntityId
from sandbox.store import launch_plans as launch_plan_rows
from sandbox.store import named_entities, registered
from sandbox.store import tasks as task_rows
from sandbox.store import workflows as workflow_rows
from sandbox.store.database import Connection


def prepare(
    connection: Connection, entity: EntityId, spec: execution_pb2.ExecutionSpec
) -> tuple[task_rows.Task, launch_plan_rows.LaunchPlan]:
    """The task and the launch plan that runs it by itself; NotFound if there is no such task."""
    task = task_rows.get(connection, entity)
    plan = launch_plan_rows.find(connection, single_task.launch_plan_id(entity))
    if plan is None:
        workflow = workflow_rows.find(connection, single_task.workflow_id(entity))
        if workflow is None:
            workflow = _generate_workflow(connection, task)
        plan = _generate_launch_plan(connection, task, workflow, spec)
    return task, plan


def _generate_workflow(connection: Connection, task: task_rows.Task) -> workflow_rows.Workflow:
    compiled_task = tasks.compiled_from(task)
    template = single_task.workflow(compiled_task.template)
    compiled = compiler.compile(template, [], {task.entity: compiled_task}, {})
    entity = single_task.workflow_id(task.entity)
    try:
        workflow = workflows.insert(
            connection, entity, compiled, workflow_pb2.WorkflowSpec(template=template)
        )
    except errors.AlreadyRegistered:
        return workflow_rows.get(connection, entity)
    _hide(connection, entity)
    return workflow


def _generate_launch_plan(
    connection: Connection,
    task: task_rows.Task,
    workflow: workflow_rows.Workflow,
    spec: execution_pb2.ExecutionSpec,
) -> launch_plan_rows.LaunchPlan:
    template = tasks.compiled_from(task).template
    plan = single_task.launch_plan(
        template,
        auth_role=spec.auth_role if spec.HasField("auth_role") else None,
        security_context=spec.security_context if spec.HasField("security_context") else None,
    )
    entity = single_task.launch_plan_id(task.entity)
    try:
        row = launch_plans.insert(connection, entity, plan, template.interface, workflow.id)
    except errors.AlreadyRegistered:
        return launch_plan_rows.get(connection, entity)
    _hide(connection, entity)
    return row


def _hide(connection: Connection, entity: EntityId) -> None:
    name = registered.EntityName(entity.project, entity.domain, entity.name)
    named_entities.update(connection, entity.resource_type, name, state=named_entities.SYSTEM_GENERATED)
