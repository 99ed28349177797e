"""What the sandbox knows of an attempt that the attempt's own log does not tell: memory over its limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import grpc
from flyteidl.admin import task_execution_pb2
from flyteidl.core import identifier_pb2
from flyteidl.service import admin_pb2_grpc

from sandbox.appliance import clients
from sandbox.appliance.logs import Source

_TIMEOUT = 5.0
"""Seconds for one question: a remark is not worth waiting for."""
_PAGE = 100


def over_memory(name: str, sources: Sequence[Source]) -> Iterator[str]:
    """One sentence for each of these attempts that used more memory than its limit.

    Nothing when the sandbox does not answer: its logs are files, and can be read without it.
    """
    with grpc.insecure_channel(
        clients.endpoints(name).target, options=(("grpc.enable_http_proxy", 0),)
    ) as channel:
        admin = admin_pb2_grpc.AdminServiceStub(channel)
        for source in sources:
            project, domain, execution, node, attempt = source.path.parent.parts[-5:]
            node_id = identifier_pb2.NodeExecutionIdentifier(
                node_id=node,
                execution_id=identifier_pb2.WorkflowExecutionIdentifier(
                    project=project, domain=domain, name=execution
                ),
            )
            try:
                found = admin.ListTaskExecutions(
                    task_execution_pb2.TaskExecutionListRequest(node_execution_id=node_id, limit=_PAGE),
                    timeout=_TIMEOUT,
                ).task_executions
            except grpc.RpcError:
                return
            for one in found:
                if one.id.retry_attempt == int(attempt) and _is_over(one.closure):
                    yield f"{node} {one.closure.reason}"


def _is_over(closure: task_execution_pb2.TaskExecutionClosure) -> bool:
    memory = closure.custom_info.fields
    if not ("peak_memory_bytes" in memory and "memory_limit_bytes" in memory):
        return False
    return bool(memory["peak_memory_bytes"].number_value > memory["memory_limit_bytes"].number_value > 0)
