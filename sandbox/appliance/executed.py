"""The attempts of an execution, as the admin service tells them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from flyteidl.admin import execution_pb2, node_execution_pb2, project_pb2, task_execution_pb2
from flyteidl.core import identifier_pb2
from flyteidl.service import admin_pb2_grpc

from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.errors import ApplianceError, NotRunning
from sandbox.idl import names
from sandbox.idl.identifiers import UniqueNodeId

_TIMEOUT = 10.0
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a node that is a task."""

    execution: str
    node: str
    number: int
    unique_name: str
    """Its pod's."""
    logs: tuple[str, ...]
    """URLs."""
    said: str = ""
    """Of the system: why it failed, or what it waits for."""

    @property
    def title(self) -> str:
        return f"{self.execution} {self.node} attempt {self.number}"


def attempts(
    endpoints: Endpoints, execution: str, node: str | None = None, attempt: int | None = None
) -> list[Attempt]:
    """The last attempt of each node of an execution, or the one asked for; none if there is none.

    The execution may be written `project/domain/name` when its name alone is not unique. Raises
    ApplianceError.
    """
    with _admin(endpoints) as admin:
        found = _find(admin, execution)
        if found is None:
            return []
        chosen = []
        for each in _nodes(admin, found):
            if node not in (None, each.id.node_id):
                continue
            runs = [run for run in _tasks(admin, each.id) if attempt in (None, run.id.retry_attempt)]
            if runs:
                chosen.append(_attempt(max(runs, key=lambda run: int(run.id.retry_attempt))))
        return chosen


def _attempt(run: task_execution_pb2.TaskExecution) -> Attempt:
    where = run.id.node_execution_id
    number = int(run.id.retry_attempt)
    return Attempt(
        execution=where.execution_id.name,
        node=where.node_id,
        number=number,
        unique_name=names.unique_task_name(where.execution_id.name, UniqueNodeId(where.node_id), number),
        logs=tuple(log.uri for log in run.closure.logs),
        said=run.closure.error.message or run.closure.reason,
    )


def _find(
    admin: admin_pb2_grpc.AdminServiceStub, word: str
) -> identifier_pb2.WorkflowExecutionIdentifier | None:
    parts = word.split("/")
    if len(parts) == 3:
        places = [(parts[0], parts[1])]
    else:
        projects = admin.ListProjects(project_pb2.ProjectListRequest(), timeout=_TIMEOUT).projects
        places = [(project.id, domain.id) for project in projects for domain in project.domains]
    for project, domain in places:
        wanted = identifier_pb2.WorkflowExecutionIdentifier(project=project, domain=domain, name=parts[-1])
        try:
            admin.GetExecution(execution_pb2.WorkflowExecutionGetRequest(id=wanted), timeout=_TIMEOUT)
        except grpc.RpcError as exc:
            if exc.code() is not grpc.StatusCode.NOT_FOUND:
                raise
        else:
            return wanted
    return None


def _nodes(
    admin: admin_pb2_grpc.AdminServiceStub,
    execution: identifier_pb2.WorkflowExecutionIdentifier,
    parent: str = "",
) -> Iterator[node_execution_pb2.NodeExecution]:
    """All of its nodes, those in subworkflows and dynamic ones too."""
    token = ""
    while True:
        page = admin.ListNodeExecutions(
            node_execution_pb2.NodeExecutionListRequest(
                workflow_execution_id=execution, limit=_PAGE, token=token, unique_parent_id=parent
            ),
            timeout=_TIMEOUT,
        )
        for each in page.node_executions:
            yield each
            if each.metadata.is_parent_node:
                yield from _nodes(admin, execution, each.id.node_id)
        token = page.token
        if not token:
            return


def _tasks(
    admin: admin_pb2_grpc.AdminServiceStub, node: identifier_pb2.NodeExecutionIdentifier
) -> list[task_execution_pb2.TaskExecution]:
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node, limit=_PAGE)
    return list(admin.ListTaskExecutions(request, timeout=_TIMEOUT).task_executions)


@contextmanager
def _admin(endpoints: Endpoints) -> Iterator[admin_pb2_grpc.AdminServiceStub]:
    with grpc.insecure_channel(endpoints.target, options=(("grpc.enable_http_proxy", 0),)) as channel:
        try:
            yield admin_pb2_grpc.AdminServiceStub(channel)
        except grpc.RpcError as exc:
            if exc.code() is grpc.StatusCode.UNAVAILABLE:
                raise NotRunning(
                    "the admin service does not answer",
                    exc.details() or "nothing listens",
                    "Look with `sandbox status`.",
                ) from exc
            raise ApplianceError(
                "the execution's attempts can't be listed", exc.details() or str(exc.code()), "Try again."
            ) from exc
