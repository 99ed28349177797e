"""Workflow executions: starting, ending, looking at them."""

from __future__ import annotations

from flyteidl.admin import common_pb2, event_pb2, execution_pb2, launch_plan_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import literals_pb2

from sandbox.admin import errors, fields, launches, literal_maps, pages, times
from sandbox.admin.context import AdminContext
from sandbox.idl.identifiers import ExecutionId
from sandbox.store import eager_executions, executions, filters, launch_plans

MAX_LISTED_ERROR = 100
"""Characters of an error message in lists; the whole message is in GetExecution."""

_PHASES = core_execution_pb2.WorkflowExecution
_ENDING_BY_ABORT = ("ABORTING", "ABORTED")


def create(
    context: AdminContext, request: execution_pb2.ExecutionCreateRequest
) -> execution_pb2.ExecutionCreateResponse:
    """CreateExecution. Clients from before flyteidl 0.15 put the inputs into the spec."""
    if not request.HasField("spec"):
        raise errors.missing("spec")
    inputs = request.inputs if request.inputs.literals else request.spec.inputs
    launch = launches.Launch(
        request.project, request.domain, request.name, request.spec, literals_pb2.LiteralMap()
    )
    launch.inputs.CopyFrom(inputs)
    return _created(launches.launch(context, launch))


def relaunch(
    context: AdminContext, request: execution_pb2.ExecutionRelaunchRequest
) -> execution_pb2.ExecutionCreateResponse:
    """RelaunchExecution: the same thing with the same inputs, under a new name."""
    existing = _get(context, fields.execution(request.id))
    spec = execution_pb2.ExecutionSpec.FromString(existing.spec)
    spec.metadata.mode = execution_pb2.ExecutionMetadata.RELAUNCH
    spec.metadata.reference_execution.CopyFrom(request.id)
    spec.metadata.ClearField("parent_node_execution")
    spec.metadata.ClearField("nesting")
    spec.labels.values.pop(eager_executions.LABEL, None)
    spec.overwrite_cache = request.overwrite_cache
    return _again(context, existing, request.name, spec)


def recover(
    context: AdminContext, request: execution_pb2.ExecutionRecoverRequest
) -> execution_pb2.ExecutionCreateResponse:
    """RecoverExecution: the same thing again, without what succeeded then. The metadata says which node, if
    any, it belongs to.
    """
    existing = _get(context, fields.execution(request.id))
    if not existing.terminal:
        raise errors.WrongState(
            f"the execution {existing.execution} is {existing.phase}: only what has ended can be recovered. "
            "Wait for its end, or terminate it."
        )
    spec = execution_pb2.ExecutionSpec.FromString(existing.spec)
    spec.metadata.mode = execution_pb2.ExecutionMetadata.RECOVERED
    spec.metadata.reference_execution.CopyFrom(request.id)
    spec.metadata.ClearField("parent_node_execution")
    spec.metadata.ClearField("nesting")
    if request.metadata.HasField("parent_node_execution"):
        spec.metadata.parent_node_execution.CopyFrom(request.metadata.parent_node_execution)
    return _again(context, existing, request.name, spec)


def get(context: AdminContext, request: execution_pb2.WorkflowExecutionGetRequest) -> execution_pb2.Execution:
    """GetExecution."""
    return to_proto(_get(context, fields.execution(request.id)))


def get_data(
    context: AdminContext, request: execution_pb2.WorkflowExecutionGetDataRequest
) -> execution_pb2.WorkflowExecutionGetDataResponse:
    """GetExecutionData: inputs and outputs, inline."""
    row = _get(context, fields.execution(request.id))
    return execution_pb2.WorkflowExecutionGetDataResponse(
        inputs=common_pb2.UrlBlob(),
        outputs=common_pb2.UrlBlob(),
        full_inputs=literal_maps.read(context.objects, row.inputs_uri),
        full_outputs=literal_maps.read(context.objects, row.outputs_uri),
    )


def list_(context: AdminContext, request: common_pb2.ResourceListRequest) -> execution_pb2.ExecutionList:
    """ListExecutions: archived ones only if a filter asks for their state."""
    project, domain = fields.text(request.id.project, "project"), fields.text(request.id.domain, "domain")
    also = "" if filters.mentions(request.filters, "state") else f"eq(state,{executions.ACTIVE})"
    with context.database.reading() as connection:
        page = executions.list_page(
            connection, project, domain, request.id.name, pages.listing(request, also=also)
        )
    return execution_pb2.ExecutionList(executions=pages.each(to_summary, page.items), token=page.token)


def terminate(
    context: AdminContext, request: execution_pb2.ExecutionTerminateRequest
) -> execution_pb2.ExecutionTerminateResponse:
    """TerminateExecution: ABORTING at once, ABORTED when the engine has ended all tasks."""
    execution = fields.execution(request.id)
    with context.database.transaction() as connection:
        if not eager_executions.request_abort(connection, execution, cause=request.cause, principal=""):
            raise _already_terminal(executions.get(connection, execution))
    return execution_pb2.ExecutionTerminateResponse()


def update(
    context: AdminContext, request: execution_pb2.ExecutionUpdateRequest
) -> execution_pb2.ExecutionUpdateResponse:
    """UpdateExecution: archive it, or bring it back."""
    execution = fields.execution(request.id)
    with context.database.transaction() as connection:
        executions.set_state(connection, execution, request.state)
    return execution_pb2.ExecutionUpdateResponse()


def to_proto(row: executions.Execution) -> execution_pb2.Execution:
    """An execution as clients see it."""
    execution = execution_pb2.Execution(id=row.execution.to_proto())
    spec = execution.spec
    spec.ParseFromString(row.spec)
    closure = execution.closure
    closure.phase = _PHASES.Phase.Value(row.phase)
    closure.workflow_id.CopyFrom(row.workflow.to_proto())
    closure.notifications.extend(spec.notifications.notifications)
    _put_times(closure, row)
    _put_result(closure, row)
    _put_state(closure, row)
    return execution


def to_summary(row: executions.Execution) -> execution_pb2.Execution:
    """An execution as lists show it."""
    execution = to_proto(row)
    if execution.closure.WhichOneof("output_result") == "error":
        error = execution.closure.error
        error.message = error.message[:MAX_LISTED_ERROR]
    return execution


def _put_times(closure: execution_pb2.ExecutionClosure, row: executions.Execution) -> None:
    closure.created_at.CopyFrom(times.timestamp(row.created_at))
    closure.updated_at.CopyFrom(times.timestamp(row.updated_at))
    if row.started_at is not None:
        closure.started_at.CopyFrom(times.timestamp(row.started_at))
    if row.duration is not None:
        closure.duration.CopyFrom(times.duration(row.duration))


def _put_result(closure: execution_pb2.ExecutionClosure, row: executions.Execution) -> None:
    """Outputs, error, or why it was ended."""
    if row.phase in _ENDING_BY_ABORT:
        closure.abort_metadata.cause = row.abort_cause
        closure.abort_metadata.principal = row.abort_principal
    elif row.error is not None:
        closure.error.ParseFromString(row.error)
    elif row.outputs_uri:
        closure.outputs.uri = row.outputs_uri


def _put_state(closure: execution_pb2.ExecutionClosure, row: executions.Execution) -> None:
    change = closure.state_change_details
    change.state = row.state
    change.principal = row.user
    changed = row.created_at if row.state == executions.ACTIVE else row.updated_at
    change.occurred_at.CopyFrom(times.timestamp(changed))


def _get(context: AdminContext, execution: ExecutionId) -> executions.Execution:
    with context.database.reading() as connection:
        return executions.get(connection, execution)


def _again(
    context: AdminContext, existing: executions.Execution, name: str, spec: execution_pb2.ExecutionSpec
) -> execution_pb2.ExecutionCreateResponse:
    """Launch what another execution launched, with what its user gave."""
    launch = launches.Launch(
        existing.execution.project,
        existing.execution.domain,
        name,
        spec,
        _user_inputs(context, existing),
        source_execution_id=existing.id,
    )
    return _created(launches.launch(context, launch))


def _created(execution: ExecutionId) -> execution_pb2.ExecutionCreateResponse:
    return execution_pb2.ExecutionCreateResponse(id=execution.to_proto())


def _user_inputs(context: AdminContext, row: executions.Execution) -> literals_pb2.LiteralMap:
    """What the user gave. A node that launches has only resolved inputs: those but the fixed ones."""
    if row.user_inputs_uri:
        return literal_maps.read(context.objects, row.user_inputs_uri)
    resolved = literal_maps.read(context.objects, row.inputs_uri)
    if row.launch_plan_id is not None:
        with context.database.reading() as connection:
            plan = launch_plans.get_by_id(connection, row.launch_plan_id)
        spec = launch_plan_pb2.LaunchPlanSpec.FromString(plan.spec)
        for name in spec.fixed_inputs.literals:
            resolved.literals.pop(name, None)
    return resolved


def _already_terminal(row: executions.Execution) -> errors.WrongState:
    reason = event_pb2.EventFailureReason()
    reason.already_in_terminal_state.current_phase = row.phase
    return errors.WrongState(
        f"Cannot abort an already terminated workflow execution: {row.execution} is {row.phase}", reason
    )
