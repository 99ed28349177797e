"""Registered workflows: compiled when they come, and only then."""

from __future__ import annotations

from dataclasses import dataclass

from flyteidl.admin import common_pb2, launch_plan_pb2, workflow_pb2
from flyteidl.core import compiler_pb2, identifier_pb2

from sandbox.admin import (
    descriptions,
    differences,
    errors,
    fields,
    named_entities,
    pages,
    scopes,
    tasks,
    times,
)
from sandbox.admin.context import AdminContext
from sandbox.compiler import workflows as compiler
from sandbox.compiler.errors import CompilationFailed
from sandbox.idl import hashing
from sandbox.idl.identifiers import EntityId
from sandbox.store import errors as store_errors
from sandbox.store import launch_plans as launch_plan_rows
from sandbox.store import tasks as task_rows
from sandbox.store import workflows
from sandbox.store.database import Connection

SYSTEM_NODES = 2
"""Every compiled workflow has a start and an end node."""


def create(
    context: AdminContext, request: workflow_pb2.WorkflowCreateRequest
) -> workflow_pb2.WorkflowCreateResponse:
    """CreateWorkflow: compiled against what is registered; the request's id wins over the template's."""
    entity = fields.entity(request.id, identifier_pb2.WORKFLOW)
    if not request.spec.HasField("template"):
        raise errors.missing("spec")
    request.spec.template.id.CopyFrom(request.id)
    with context.database.reading() as connection:
        scopes.open_for(connection, context.settings, entity.project, entity.domain)
        required = _required(connection, entity, request.spec)
    compiled = _compile(entity, request.spec, required)
    _check_size(entity, compiled, context.settings.max_workflow_nodes)
    with context.database.transaction() as connection:
        insert(connection, entity, compiled, request.spec)
    return workflow_pb2.WorkflowCreateResponse()


def insert(
    connection: Connection,
    entity: EntityId,
    compiled: compiler_pb2.CompiledWorkflowClosure,
    spec: workflow_pb2.WorkflowSpec,
) -> workflows.Workflow:
    """Store a compiled workflow; `AlreadyRegistered`, or `InvalidRequest` if another one is there."""
    closure = workflow_pb2.WorkflowClosure(
        compiled_workflow=compiled, created_at=times.timestamp(times.now())
    )
    digest = hashing.digest(compiled)
    try:
        row = workflows.create(
            connection,
            entity,
            digest=digest,
            typed_interface=compiled.primary.template.interface.SerializeToString(),
            closure=closure.SerializeToString(),
            short_description=spec.description.short_description,
        )
    except store_errors.AlreadyExists as exc:
        raise _exists(workflows.get(connection, entity), compiled, digest) from exc
    if spec.HasField("description"):
        descriptions.put(connection, entity, spec.description)
    return row


def get(context: AdminContext, request: common_pb2.ObjectGetRequest) -> workflow_pb2.Workflow:
    """GetWorkflow, with its closure."""
    entity = fields.entity(request.id, identifier_pb2.WORKFLOW)
    kept = context.workflows.find(entity)
    if kept is not None:
        return kept
    with context.database.reading() as connection:
        workflow = to_proto(workflows.get(connection, entity))
    context.workflows.keep(entity, workflow, workflow.ByteSize())
    return workflow


def list_(context: AdminContext, request: common_pb2.ResourceListRequest) -> workflow_pb2.WorkflowList:
    """ListWorkflows: versions, of one name or of all, with interfaces but without nodes."""
    project, domain = fields.text(request.id.project, "project"), fields.text(request.id.domain, "domain")
    with context.database.reading() as connection:
        page = workflows.list_page(connection, project, domain, request.id.name, pages.listing(request))
    return workflow_pb2.WorkflowList(workflows=pages.each(to_summary, page.items), token=page.token)


def list_ids(
    context: AdminContext, request: common_pb2.NamedEntityIdentifierListRequest
) -> common_pb2.NamedEntityIdentifierList:
    """ListWorkflowIds: the distinct names."""
    return named_entities.list_ids(context, request, identifier_pb2.WORKFLOW)


def to_proto(row: workflows.Workflow) -> workflow_pb2.Workflow:
    """A workflow as clients see it, with everything that was compiled."""
    return workflow_pb2.Workflow(
        id=row.entity.to_proto(),
        closure=workflow_pb2.WorkflowClosure.FromString(row.closure),
        short_description=row.short_description,
    )


def to_summary(row: workflows.Workflow) -> workflow_pb2.Workflow:
    """A workflow as lists show it: of its closure only the interface."""
    workflow = workflow_pb2.Workflow(id=row.entity.to_proto(), short_description=row.short_description)
    template = workflow.closure.compiled_workflow.primary.template
    template.interface.ParseFromString(row.typed_interface)
    workflow.closure.created_at.CopyFrom(times.timestamp(row.created_at))
    return workflow


@dataclass(frozen=True, slots=True)
class _Required:
    """What a workflow is compiled against."""

    tasks: dict[EntityId, compiler_pb2.CompiledTask]
    launch_plans: dict[EntityId, launch_plan_pb2.LaunchPlanClosure]


def _required(connection: Connection, entity: EntityId, spec: workflow_pb2.WorkflowSpec) -> _Required:
    try:
        wanted = compiler.required(spec.template, spec.sub_workflows)
    except CompilationFailed as exc:
        raise _uncompilable(entity, str(exc)) from exc
    found_tasks = task_rows.get_many(connection, wanted.tasks)
    found_plans = launch_plan_rows.get_many(connection, wanted.launch_plans)
    absent = (wanted.tasks - found_tasks.keys()) | (wanted.launch_plans - found_plans.keys())
    if absent:
        names = ", ".join(str(each) for each in sorted(absent))
        raise _uncompilable(entity, f"it uses what isn't registered: {names}. Register these first")
    plan = launch_plan_pb2.LaunchPlanClosure
    return _Required(
        {each: tasks.compiled_from(row) for each, row in found_tasks.items()},
        {each: plan.FromString(row.closure) for each, row in found_plans.items()},
    )


def _compile(
    entity: EntityId, spec: workflow_pb2.WorkflowSpec, required: _Required
) -> compiler_pb2.CompiledWorkflowClosure:
    try:
        return compiler.compile(spec.template, spec.sub_workflows, required.tasks, required.launch_plans)
    except CompilationFailed as exc:
        raise _uncompilable(entity, str(exc)) from exc


def _uncompilable(entity: EntityId, reason: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(f"failed to compile workflow for [{entity}] with err: {reason}")


def _check_size(entity: EntityId, compiled: compiler_pb2.CompiledWorkflowClosure, limit: int) -> None:
    nodes = len(compiled.primary.template.nodes) - SYSTEM_NODES
    if limit and nodes > limit:
        raise errors.InvalidRequest(
            f"number of nodes in workflow [{entity}] exceeds limit ({nodes} > {limit}): split it into "
            "subworkflows or launch plans"
        )


def _exists(
    existing: workflows.Workflow, compiled: compiler_pb2.CompiledWorkflowClosure, digest: bytes
) -> errors.AdminError:
    identifier = existing.entity.to_proto()
    reason = workflow_pb2.CreateWorkflowFailureReason
    if existing.digest == digest:
        identical = workflow_pb2.WorkflowErrorExistsIdenticalStructure(id=identifier)
        return errors.AlreadyRegistered(
            "workflow with identical structure already exists", reason(exists_identical_structure=identical)
        )
    different = workflow_pb2.WorkflowErrorExistsDifferentStructure(id=identifier)
    before = workflow_pb2.WorkflowClosure.FromString(existing.closure).compiled_workflow
    return errors.InvalidRequest(
        f"{existing.entity.name} workflow with different structure already exists. "
        "(Please register a new version of the workflow):\n" + differences.describe(before, compiled),
        reason(exists_different_structure=different),
    )
