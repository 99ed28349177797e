"""Node executions: the steps of a workflow execution."""

from __future__ import annotations

from flyteidl.admin import common_pb2, node_execution_pb2
from flyteidl.core import identifier_pb2, literals_pb2

from sandbox.admin import errors, fields, flyte_urls, literal_maps, pages
from sandbox.admin.context import AdminContext
from sandbox.admin.executions import MAX_LISTED_ERROR
from sandbox.idl.identifiers import ExecutionId, UniqueNodeId
from sandbox.store import node_executions, task_executions


def get(
    context: AdminContext, request: node_execution_pb2.NodeExecutionGetRequest
) -> node_execution_pb2.NodeExecution:
    """GetNodeExecution."""
    return to_proto(row_of(context, request.id))


def list_(
    context: AdminContext, request: node_execution_pb2.NodeExecutionListRequest
) -> node_execution_pb2.NodeExecutionList:
    """ListNodeExecutions: those of the top level, or those under a parent."""
    execution = fields.execution(request.workflow_execution_id)
    parent = UniqueNodeId(request.unique_parent_id) if request.unique_parent_id else None
    with context.database.reading() as connection:
        page = node_executions.list_page(connection, execution, pages.listing(request), parent=parent)
    return node_execution_pb2.NodeExecutionList(
        node_executions=pages.each(to_summary, page.items), token=page.token
    )


def list_for_task(
    context: AdminContext, request: node_execution_pb2.NodeExecutionForTaskListRequest
) -> node_execution_pb2.NodeExecutionList:
    """ListNodeExecutionsForTask: what an attempt of a dynamic task started."""
    task = request.task_execution_id
    execution, node = fields.node(task.node_execution_id)
    with context.database.reading() as connection:
        task_executions.get(connection, execution, node, task.retry_attempt)
        page = node_executions.list_page(connection, execution, pages.listing(request), parent=node)
    return node_execution_pb2.NodeExecutionList(
        node_executions=pages.each(to_summary, page.items), token=page.token
    )


def get_data(
    context: AdminContext, request: node_execution_pb2.NodeExecutionGetDataRequest
) -> node_execution_pb2.NodeExecutionGetDataResponse:
    """GetNodeExecutionData: inputs, outputs, and the workflow that a dynamic node made."""
    row = row_of(context, request.id)
    closure = node_execution_pb2.NodeExecutionClosure.FromString(row.closure)
    response = node_execution_pb2.NodeExecutionGetDataResponse(
        inputs=common_pb2.UrlBlob(),
        outputs=common_pb2.UrlBlob(),
        full_inputs=literal_maps.read(context.objects, row.input_uri),
        full_outputs=outputs(context, closure),
        flyte_urls=flyte_urls.of_node(row.execution, row.node, deck=bool(closure.deck_uri)),
    )
    if row.dynamic_workflow is not None:
        response.dynamic_workflow.ParseFromString(row.dynamic_workflow)
    return response


def get_dynamic_workflow(
    context: AdminContext, request: node_execution_pb2.GetDynamicNodeWorkflowRequest
) -> node_execution_pb2.DynamicNodeWorkflowResponse:
    """GetDynamicNodeWorkflow: the workflow that a dynamic node made."""
    row = row_of(context, request.id)
    if row.dynamic_workflow is None:
        raise errors.EntityNotFound(
            f"node does not contain dynamic workflow: {row.node} of {row.execution} is no dynamic node, "
            "or has not made its workflow yet"
        )
    dynamic = node_execution_pb2.DynamicWorkflowNodeMetadata.FromString(row.dynamic_workflow)
    return node_execution_pb2.DynamicNodeWorkflowResponse(compiled_workflow=dynamic.compiled_workflow)


def row_of(
    context: AdminContext, identifier: identifier_pb2.NodeExecutionIdentifier
) -> node_executions.NodeExecution:
    """The row that an identifier names; NotFound."""
    execution, node = fields.node(identifier)
    with context.database.reading() as connection:
        return node_executions.get(connection, execution, node)


def get_closure(
    context: AdminContext, identifier: identifier_pb2.NodeExecutionIdentifier
) -> node_execution_pb2.NodeExecutionClosure:
    """How far a node has come, and where its deck is."""
    return node_execution_pb2.NodeExecutionClosure.FromString(row_of(context, identifier).closure)


def outputs(
    context: AdminContext, closure: node_execution_pb2.NodeExecutionClosure
) -> literals_pb2.LiteralMap:
    """What the node gave out, if it has."""
    if closure.WhichOneof("output_result") == "output_data":
        return closure.output_data
    return literal_maps.read(context.objects, closure.output_uri)


def identifier(execution: ExecutionId, node: UniqueNodeId) -> identifier_pb2.NodeExecutionIdentifier:
    """A node execution's name as clients see it."""
    return identifier_pb2.NodeExecutionIdentifier(execution_id=execution.to_proto(), node_id=node)


def to_proto(row: node_executions.NodeExecution) -> node_execution_pb2.NodeExecution:
    """A node execution as clients see it."""
    return node_execution_pb2.NodeExecution(
        id=identifier(row.execution, row.node),
        input_uri=row.input_uri,
        closure=node_execution_pb2.NodeExecutionClosure.FromString(row.closure),
        metadata=node_execution_pb2.NodeExecutionMetaData.FromString(row.metadata),
    )


def to_summary(row: node_executions.NodeExecution) -> node_execution_pb2.NodeExecution:
    """A node execution as lists show it."""
    node = to_proto(row)
    if node.closure.WhichOneof("output_result") == "error":
        node.closure.error.message = node.closure.error.message[:MAX_LISTED_ERROR]
    return node
