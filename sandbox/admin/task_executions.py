"""Task executions: the attempts of a node that runs a task."""

from __future__ import annotations

from flyteidl.admin import common_pb2, task_execution_pb2
from flyteidl.core import identifier_pb2, literals_pb2

from sandbox.admin import fields, flyte_urls, literal_maps, node_executions, pages
from sandbox.admin.context import AdminContext
from sandbox.admin.executions import MAX_LISTED_ERROR
from sandbox.store import task_executions


def get(
    context: AdminContext, request: task_execution_pb2.TaskExecutionGetRequest
) -> task_execution_pb2.TaskExecution:
    """GetTaskExecution."""
    return to_proto(row_of(context, request.id))


def list_(
    context: AdminContext, request: task_execution_pb2.TaskExecutionListRequest
) -> task_execution_pb2.TaskExecutionList:
    """ListTaskExecutions: the attempts of a node, first to last unless sorted."""
    execution, node = fields.node(request.node_execution_id)
    with context.database.reading() as connection:
        page = task_executions.list_page(connection, execution, node, pages.listing(request))
    return task_execution_pb2.TaskExecutionList(
        task_executions=pages.each(to_summary, page.items), token=page.token
    )


def get_data(
    context: AdminContext, request: task_execution_pb2.TaskExecutionGetDataRequest
) -> task_execution_pb2.TaskExecutionGetDataResponse:
    """GetTaskExecutionData: inputs and outputs, inline."""
    row = row_of(context, request.id)
    closure = task_execution_pb2.TaskExecutionClosure.FromString(row.closure)
    return task_execution_pb2.TaskExecutionGetDataResponse(
        inputs=common_pb2.UrlBlob(),
        outputs=common_pb2.UrlBlob(),
        full_inputs=literal_maps.read(context.objects, row.input_uri),
        full_outputs=outputs(context, closure),
        flyte_urls=flyte_urls.of_attempt(row.execution, row.node, row.retry_attempt),
    )


def row_of(
    context: AdminContext, identifier: identifier_pb2.TaskExecutionIdentifier
) -> task_executions.TaskExecution:
    """The row that an identifier names; NotFound. The task's own id in it isn't needed."""
    execution, node = fields.node(identifier.node_execution_id)
    with context.database.reading() as connection:
        return task_executions.get(connection, execution, node, identifier.retry_attempt)


def outputs(
    context: AdminContext, closure: task_execution_pb2.TaskExecutionClosure
) -> literals_pb2.LiteralMap:
    """What the attempt gave out, if it has."""
    if closure.WhichOneof("output_result") == "output_data":
        return closure.output_data
    return literal_maps.read(context.objects, closure.output_uri)


def identifier(row: task_executions.TaskExecution) -> identifier_pb2.TaskExecutionIdentifier:
    """An attempt's name as clients see it."""
    return identifier_pb2.TaskExecutionIdentifier(
        task_id=row.task.to_proto(),
        node_execution_id=node_executions.identifier(row.execution, row.node),
        retry_attempt=row.retry_attempt,
    )


def to_proto(row: task_executions.TaskExecution) -> task_execution_pb2.TaskExecution:
    """An attempt as clients see it."""
    return task_execution_pb2.TaskExecution(
        id=identifier(row),
        input_uri=row.input_uri,
        closure=task_execution_pb2.TaskExecutionClosure.FromString(row.closure),
        is_parent=row.is_parent,
    )


def to_summary(row: task_executions.TaskExecution) -> task_execution_pb2.TaskExecution:
    """An attempt as lists show it."""
    attempt = to_proto(row)
    if attempt.closure.WhichOneof("output_result") == "error":
        attempt.closure.error.message = attempt.closure.error.message[:MAX_LISTED_ERROR]
    return attempt
