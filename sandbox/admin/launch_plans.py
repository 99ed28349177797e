"""Launch plans: a workflow with fixed and default inputs, and one active version a name."""

from __future__ import annotations

from flyteidl.admin import common_pb2, launch_plan_pb2
from flyteidl.core import identifier_pb2, interface_pb2

from sandbox.admin import differences, errors, fields, named_entities, pages, schedules, scopes, times
from sandbox.admin.context import AdminContext
from sandbox.compiler import launching
from sandbox.idl import hashing
from sandbox.idl.identifiers import EntityId
from sandbox.store import errors as store_errors
from sandbox.store import launch_plans, workflows
from sandbox.store.database import Connection


def create(
    context: AdminContext, request: launch_plan_pb2.LaunchPlanCreateRequest
) -> launch_plan_pb2.LaunchPlanCreateResponse:
    """CreateLaunchPlan: inactive at first."""
    entity = fields.entity(request.id, identifier_pb2.LAUNCH_PLAN)
    if not request.HasField("spec"):
        raise errors.missing("spec")
    spec = request.spec
    workflow_entity = fields.entity(spec.workflow_id, identifier_pb2.WORKFLOW)
    check(spec)
    with context.database.transaction() as connection:
        scopes.open_for(connection, context.settings, entity.project, entity.domain)
        workflow = workflows.get(connection, workflow_entity)
        interface = interface_pb2.TypedInterface.FromString(workflow.typed_interface)
        insert(connection, entity, spec, interface, workflow.id)
    return launch_plan_pb2.LaunchPlanCreateResponse()


def insert(
    connection: Connection,
    entity: EntityId,
    spec: launch_plan_pb2.LaunchPlanSpec,
    interface: interface_pb2.TypedInterface,
    workflow_id: int,
) -> launch_plans.LaunchPlan:
    """Store a launch plan; `AlreadyRegistered`, or `InvalidRequest` where it doesn't fit the workflow.

    `spec.default_inputs` becomes what a launch has to give or may override, as Flyte stores it; literals are
    brought into the form that the workflow's types ask for.
    """
    expected, fixed = launching.launch_plan_expected_inputs(spec, interface)
    schedule = spec.entity_metadata.schedule
    schedules.check(schedule, expected)
    spec.default_inputs.CopyFrom(expected)
    spec.fixed_inputs.CopyFrom(fixed)
    closure = launch_plan_pb2.LaunchPlanClosure(expected_inputs=expected, expected_outputs=interface.outputs)
    digest = hashing.digest(spec)
    try:
        return launch_plans.create(
            connection,
            entity,
            digest=digest,
            spec=spec.SerializeToString(),
            closure=closure.SerializeToString(),
            workflow_id=workflow_id,
            schedule_type=schedules.kind(schedule),
        )
    except store_errors.AlreadyExists as exc:
        raise _exists(launch_plans.get(connection, entity), spec, digest) from exc


def get(context: AdminContext, request: common_pb2.ObjectGetRequest) -> launch_plan_pb2.LaunchPlan:
    """GetLaunchPlan."""
    entity = fields.entity(request.id, identifier_pb2.LAUNCH_PLAN)
    with context.database.reading() as connection:
        return to_proto(launch_plans.get(connection, entity))


def get_active(
    context: AdminContext, request: launch_plan_pb2.ActiveLaunchPlanRequest
) -> launch_plan_pb2.LaunchPlan:
    """GetActiveLaunchPlan: the active version of a name."""
    name = fields.named(request.id)
    with context.database.reading() as connection:
        return to_proto(launch_plans.get_active(connection, name.project, name.domain, name.name))


def list_(context: AdminContext, request: common_pb2.ResourceListRequest) -> launch_plan_pb2.LaunchPlanList:
    """ListLaunchPlans: versions, of one name or of all."""
    project, domain = fields.text(request.id.project, "project"), fields.text(request.id.domain, "domain")
    with context.database.reading() as connection:
        page = launch_plans.list_page(connection, project, domain, request.id.name, pages.listing(request))
    return launch_plan_pb2.LaunchPlanList(launch_plans=pages.each(to_proto, page.items), token=page.token)


def list_active(
    context: AdminContext, request: launch_plan_pb2.ActiveLaunchPlanListRequest
) -> launch_plan_pb2.LaunchPlanList:
    """ListActiveLaunchPlans: the active version of each name that has one."""
    project, domain = fields.text(request.project, "project"), fields.text(request.domain, "domain")
    with context.database.reading() as connection:
        page = launch_plans.list_active(connection, project, domain, pages.listing(request))
    return launch_plan_pb2.LaunchPlanList(launch_plans=pages.each(to_proto, page.items), token=page.token)


def list_ids(
    context: AdminContext, request: common_pb2.NamedEntityIdentifierListRequest
) -> common_pb2.NamedEntityIdentifierList:
    """ListLaunchPlanIds: the distinct names."""
    return named_entities.list_ids(context, request, identifier_pb2.LAUNCH_PLAN)


def update(
    context: AdminContext, request: launch_plan_pb2.LaunchPlanUpdateRequest
) -> launch_plan_pb2.LaunchPlanUpdateResponse:
    """UpdateLaunchPlan: activate (in place of the version that was active) or deactivate."""
    entity = fields.entity(request.id, identifier_pb2.LAUNCH_PLAN)
    with context.database.transaction() as connection:
        if request.state == launch_plan_pb2.ACTIVE:
            launch_plans.activate(connection, entity)
        elif request.state == launch_plan_pb2.INACTIVE:
            launch_plans.deactivate(connection, entity)
        else:
            raise errors.InvalidRequest(
                f"Unrecognized launch plan state {request.state} for {entity}: use ACTIVE or INACTIVE"
            )
    return launch_plan_pb2.LaunchPlanUpdateResponse()


def to_proto(row: launch_plans.LaunchPlan) -> launch_plan_pb2.LaunchPlan:
    """A launch plan as clients see it."""
    closure = launch_plan_pb2.LaunchPlanClosure.FromString(row.closure)
    closure.state = row.state
    closure.created_at.CopyFrom(times.timestamp(row.created_at))
    closure.updated_at.CopyFrom(times.timestamp(row.updated_at))
    return launch_plan_pb2.LaunchPlan(
        id=row.entity.to_proto(),
        spec=launch_plan_pb2.LaunchPlanSpec.FromString(row.spec),
        closure=closure,
    )


def check(spec: launch_plan_pb2.LaunchPlanSpec) -> None:
    """Refuse what no workflow could make right: labels, literals, defaults without a type, notifications."""
    fields.labels(spec.labels.values)
    fields.literals(spec.fixed_inputs, "fixed_inputs")
    for name, parameter in spec.default_inputs.parameters.items():
        _check_default(name, parameter)
    fields.notifications(spec.entity_metadata.notifications)
    if spec.entity_metadata.HasField("launch_conditions"):
        raise errors.InvalidRequest(
            "Launch conditions (artifact triggers) aren't part of open-source Flyte: leave them out"
        )


def _check_default(name: str, parameter: interface_pb2.Parameter) -> None:
    if not name:
        raise errors.InvalidRequest("missing key in default_inputs")
    if parameter.var.type.WhichOneof("type") is None:
        raise errors.InvalidRequest(
            f"The Variable component of the Parameter {name} in default_inputs either is missing, "
            "or has a missing Type"
        )
    behaviour = parameter.WhichOneof("behavior")
    if behaviour in ("artifact_query", "artifact_id"):
        raise errors.InvalidRequest(
            f"artifact mode not enabled but query found in default_inputs {name}: give a value instead"
        )
    if behaviour is None or (behaviour == "required" and not parameter.required):
        raise errors.InvalidRequest(
            f"Invalid variable {name} in default_inputs - variable has neither default, nor is required. "
            "One must be specified"
        )


def _exists(
    existing: launch_plans.LaunchPlan, spec: launch_plan_pb2.LaunchPlanSpec, digest: bytes
) -> errors.AdminError:
    if existing.digest == digest:
        return errors.AlreadyRegistered("launch plan with identical structure already exists")
    before = launch_plan_pb2.LaunchPlanSpec.FromString(existing.spec)
    return errors.InvalidRequest(
        f"{existing.entity.name} launch plan with different structure already exists. "
        "(Please register a new version of the launch plan):\n" + differences.describe(before, spec)
    )
