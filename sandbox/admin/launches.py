"""Starting something: from a request to a row that the engine takes up.

The row comes first and the inputs second, in one transaction: a name that is taken never has its inputs
overwritten, and the engine hears of the execution only when both are there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from flyteidl.admin import common_pb2, execution_pb2, launch_plan_pb2
from flyteidl.core import identifier_pb2, literals_pb2

from sandbox.admin import errors, execution_configs, fields, launchables, scopes, single_tasks, times
from sandbox.admin.context import AdminContext
from sandbox.admin.launchables import Launchable
from sandbox.compiler import launching
from sandbox.idl import names, paths, quality
from sandbox.idl.identifiers import EntityId, ExecutionId
from sandbox.store import attributes, eager_executions, executions, listing, node_executions
from sandbox.store import launch_plans as launch_plan_rows
from sandbox.store.database import Connection

_RANDOM = random.SystemRandom()
_LAUNCH_ENTITY = {identifier_pb2.LAUNCH_PLAN: "LAUNCH_PLAN", identifier_pb2.TASK: "TASK"}


@dataclass(frozen=True, slots=True)
class Launch:
    """What is asked for."""

    project: str
    domain: str
    name: str
    """Empty: a name is generated."""
    spec: execution_pb2.ExecutionSpec
    """Belongs to the launch from now on: it is completed in place."""
    inputs: literals_pb2.LiteralMap
    """As the user gave them."""
    source_execution_id: int | None = None
    """Row id of the execution that is relaunched."""


def launch(context: AdminContext, request: Launch) -> ExecutionId:
    """Create the execution; its id. Raises `InvalidRequest`, NotFound, AlreadyExists."""
    entity = _check(request)
    execution = ExecutionId(
        request.project, request.domain, request.name or names.generated_execution_name(_RANDOM)
    )
    kept = context.launchables.find(entity)
    with context.database.transaction() as connection:
        project = scopes.open_for(connection, context.settings, request.project, request.domain)
        found = kept or _load(connection, entity, request.spec)
        inputs = launching.resolve_inputs(
            found.closure.expected_inputs, found.spec.fixed_inputs, request.inputs
        )
        _check_concurrency(connection, entity, found.spec.concurrency_policy)
        _check_eager(connection, request)
        parent = _inherit(connection, request.spec)
        execution_configs.settle(
            connection,
            context.settings,
            request.spec,
            plan=found.spec,
            workflow_id=found.workflow_id,
            scope=attributes.Scope(request.project, request.domain, found.spec.workflow_id.name),
            project_labels=common_pb2.Labels.FromString(project.labels),
        )
        _settle_notifications(request.spec, found.spec)
        _insert(context, connection, execution, request, found, inputs, parent)
    if kept is None:
        context.launchables.keep(entity, found, found.size)
    return execution


def _check(request: Launch) -> EntityId:
    fields.text(request.project, "project")
    fields.text(request.domain, "domain")
    if request.name:
        fields.execution_name(request.name)
    entity = fields.launchable(request.spec.launch_plan)
    fields.literals(request.inputs, "inputs")
    fields.notifications(request.spec.notifications.notifications)
    fields.labels(request.spec.labels.values)
    return entity


def _load(connection: Connection, entity: EntityId, spec: execution_pb2.ExecutionSpec) -> Launchable:
    if entity.resource_type == identifier_pb2.TASK:
        task, plan = single_tasks.prepare(connection, entity, spec)
        return launchables.from_row(plan, task.id)
    return launchables.from_row(launch_plan_rows.get(connection, entity))


@dataclass(frozen=True, slots=True)
class _Parent:
    """The node that started this execution, and the execution that this node is in; row ids."""

    node_execution_id: int
    execution_id: int


def _inherit(connection: Connection, spec: execution_pb2.ExecutionSpec) -> _Parent | None:
    """Take over principal, nesting and cluster label from the execution whose node launches this one."""
    if not spec.metadata.HasField("parent_node_execution"):
        return None
    execution, node = fields.node(spec.metadata.parent_node_execution)
    launcher = node_executions.get(connection, execution, node)
    source = executions.get(connection, execution)
    source_spec = execution_pb2.ExecutionSpec.FromString(source.spec)
    spec.metadata.principal = source.user
    spec.metadata.nesting = source_spec.metadata.nesting + 1
    if source_spec.HasField("execution_cluster_label"):
        spec.execution_cluster_label.CopyFrom(source_spec.execution_cluster_label)
    return _Parent(launcher.id, source.id)


def _check_concurrency(
    connection: Connection, entity: EntityId, policy: launch_plan_pb2.ConcurrencyPolicy
) -> None:
    """A launch plan may limit how many of its executions run at once, whatever their version."""
    if policy.behavior != launch_plan_pb2.CONCURRENCY_LIMIT_BEHAVIOR_SKIP:
        return
    request = listing.Listing(
        limit=policy.max + 1, filters=f"eq(launch_plan.name,{entity.name})+eq(terminal,false)"
    )
    running = executions.list_page(connection, entity.project, entity.domain, "", request).items
    if len(running) >= policy.max:
        raise errors.AlreadyRegistered(
            f"concurrency limit ({policy.max}) reached for launch plan {entity.name}; skipping execution"
        )


def _check_eager(connection: Connection, request: Launch) -> None:
    """What an eager task starts while its execution is being aborted would outlive it."""
    name = request.spec.labels.values.get(eager_executions.LABEL)
    if not name or request.source_execution_id is not None:
        return
    starter = ExecutionId(request.project, request.domain, name)
    if eager_executions.is_ending(connection, starter):
        raise errors.WrongState(
            f"the eager execution {starter}, which starts this one, is being aborted or has ended"
        )


def _settle_notifications(spec: execution_pb2.ExecutionSpec, plan: launch_plan_pb2.LaunchPlanSpec) -> None:
    """The request's own, or the launch plan's unless all are disabled."""
    if spec.notifications.notifications or spec.disable_all or not plan.entity_metadata.notifications:
        return
    spec.notifications.notifications.extend(plan.entity_metadata.notifications)


def _insert(
    context: AdminContext,
    connection: Connection,
    execution: ExecutionId,
    request: Launch,
    found: Launchable,
    inputs: literals_pb2.LiteralMap,
    parent: _Parent | None,
) -> None:
    spec = request.spec
    spec.ClearField("inputs")
    spec.metadata.system_metadata.namespace = f"{execution.project}-{execution.domain}"
    prefix = context.settings.metadata_prefix
    inputs_uri = paths.ExecutionPaths.of(prefix, execution).workflow_inputs
    same = inputs == request.inputs
    user_inputs_uri = inputs_uri if same else paths.RequestPaths.of(prefix, execution).user_inputs
    source_id = request.source_execution_id
    executions.insert(
        connection,
        executions.NewExecution(
            execution=execution,
            launch_plan_id=found.launch_plan_id,
            workflow_id=found.workflow_id,
            task_id=found.task_id,
            spec=spec.SerializeToString(),
            inputs_uri=inputs_uri,
            user_inputs_uri=user_inputs_uri,
            mode=spec.metadata.mode,
            user=spec.metadata.principal,
            launch_entity=_LAUNCH_ENTITY[spec.launch_plan.resource_type],
            priority=quality.priority(times.now(), quality.budget(spec.quality_of_service)),
            source_execution_id=source_id or (parent.execution_id if parent else None),
            parent_node_execution_id=parent.node_execution_id if parent else None,
            tags=_tags(spec),
        ),
    )
    context.objects.put(inputs_uri, inputs.SerializeToString())
    if not same:
        context.objects.put(user_inputs_uri, request.inputs.SerializeToString())


def _tags(spec: execution_pb2.ExecutionSpec) -> tuple[tuple[str, str], ...]:
    """Labels can be filtered by like tags."""
    return (*spec.labels.values.items(), *((tag, "") for tag in spec.tags))
