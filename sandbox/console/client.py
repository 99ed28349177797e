"""Admin as the console calls it: one channel, each call with a deadline, admin's errors turned into ours.

What can't change is remembered: compiled workflows, task templates and launch plans of a version.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar

import grpc
from flyteidl.admin import (
    common_pb2,
    execution_pb2,
    launch_plan_pb2,
    node_execution_pb2,
    project_pb2,
    signal_pb2,
    task_execution_pb2,
    task_pb2,
    workflow_pb2,
)
from flyteidl.core import identifier_pb2, literals_pb2
from flyteidl.service import admin_pb2_grpc, dataproxy_pb2, dataproxy_pb2_grpc, signal_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sandbox.console import errors
from sandbox.idl.identifiers import EntityId, ExecutionId

MAX_MESSAGE = 64 * 1024 * 1024
LINK_LIFETIME = timedelta(minutes=10)
REMEMBERED = 128
SIGNALS_AT_ONCE = 500

V = TypeVar("V")

NEWEST_FIRST = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)
OLDEST_FIRST = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.ASCENDING)
BY_NAME = common_pb2.Sort(key="name", direction=common_pb2.Sort.ASCENDING)


class Remembered(Generic[V]):
    """The last few values by key; thread-safe."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._values: OrderedDict[Any, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> V | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: Any, value: V) -> None:
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._entries:
                self._values.popitem(last=False)

    def get_or(self, key: Any, make: Callable[[], V]) -> V:
        """The value, made if it isn't there; two threads may both make it."""
        value = self.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        return value


class Admin:
    """The calls that pages need. Thread-safe. Raises errors of `sandbox.console.errors`."""

    def __init__(self, target: str, timeout: float) -> None:
        self._channel = grpc.insecure_channel(
            target, options=[("grpc.max_receive_message_length", MAX_MESSAGE)]
        )
        self._admin = admin_pb2_grpc.AdminServiceStub(self._channel)
        self._data = dataproxy_pb2_grpc.DataProxyServiceStub(self._channel)
        self._signals = signal_pb2_grpc.SignalServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)
        self._timeout = timeout
        self._workflows: Remembered[workflow_pb2.Workflow] = Remembered(REMEMBERED)
        self._tasks: Remembered[task_pb2.Task] = Remembered(REMEMBERED)

    def close(self) -> None:
        """Close the channel; calls under way fail."""
        self._channel.close()

    def _call(self, method: Any, request: Any) -> Any:
        with errors.from_admin():
            return method(request, timeout=self._timeout)

    def check_health(self) -> None:
        """Raise Unavailable, with the reason, unless the control plane can do its work."""
        with errors.from_admin():
            answer, call = self._health.Check.with_call(
                health_pb2.HealthCheckRequest(), timeout=self._timeout
            )
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            reason = dict(call.trailing_metadata() or ()).get("reason", "")
            raise errors.Unavailable(reason or "The control plane says that it is not serving.")

    # Projects and names.

    def projects(self) -> Sequence[project_pb2.Project]:
        """All active projects, each with its domains."""
        return self._call(self._admin.ListProjects, project_pb2.ProjectListRequest(limit=1000)).projects  # type: ignore[no-any-return]

    def named_entities(
        self, kind: int, project: str, domain: str, *, limit: int, token: str, filters: str
    ) -> common_pb2.NamedEntityList:
        """Names of registered workflows, tasks or launch plans, alphabetically."""
        request = common_pb2.NamedEntityListRequest(
            resource_type=kind,
            project=project,
            domain=domain,
            limit=limit,
            token=token,
            filters=filters,
            sort_by=BY_NAME,
        )
        return self._call(self._admin.ListNamedEntities, request)

    def description(self, kind: int, project: str, domain: str, name: str) -> str:
        """What people wrote about the entity; empty where nothing."""
        request = common_pb2.NamedEntityGetRequest(
            resource_type=kind,
            id=common_pb2.NamedEntityIdentifier(project=project, domain=domain, name=name),
        )
        try:
            return str(self._call(self._admin.GetNamedEntity, request).metadata.description)
        except (errors.NotFound, errors.NotSupported):
            return ""

    # Registered things.

    def versions(
        self, kind: int, project: str, domain: str, name: str, *, limit: int, token: str = ""
    ) -> tuple[Sequence[Any], str]:
        """Versions of a workflow, task or launch plan, newest first, and the token of the next page."""
        request = common_pb2.ResourceListRequest(
            id=common_pb2.NamedEntityIdentifier(project=project, domain=domain, name=name),
            limit=limit,
            token=token,
            sort_by=NEWEST_FIRST,
        )
        if kind == identifier_pb2.WORKFLOW:
            answer = self._call(self._admin.ListWorkflows, request)
            return answer.workflows, answer.token
        if kind == identifier_pb2.TASK:
            answer = self._call(self._admin.ListTasks, request)
            return answer.tasks, answer.token
        answer = self._call(self._admin.ListLaunchPlans, request)
        return answer.launch_plans, answer.token

    def workflow(self, entity_id: EntityId) -> workflow_pb2.Workflow:
        request = common_pb2.ObjectGetRequest(id=entity_id.to_proto())
        return self._workflows.get_or(entity_id, lambda: self._call(self._admin.GetWorkflow, request))

    def task(self, entity_id: EntityId) -> task_pb2.Task:
        request = common_pb2.ObjectGetRequest(id=entity_id.to_proto())
        return self._tasks.get_or(entity_id, lambda: self._call(self._admin.GetTask, request))

    def launch_plan(self, entity_id: EntityId) -> launch_plan_pb2.LaunchPlan:
        """A launch plan: not remembered, for its state changes."""
        request = common_pb2.ObjectGetRequest(id=entity_id.to_proto())
        return self._call(self._admin.GetLaunchPlan, request)

    def launch_plans_of(
        self, project: str, domain: str, workflow: str
    ) -> Sequence[launch_plan_pb2.LaunchPlan]:
        """The newest launch plans that run a workflow."""
        request = common_pb2.ResourceListRequest(
            id=common_pb2.NamedEntityIdentifier(project=project, domain=domain),
            limit=50,
            filters=f"eq(workflow.name,{workflow})",
            sort_by=NEWEST_FIRST,
        )
        return self._call(self._admin.ListLaunchPlans, request).launch_plans  # type: ignore[no-any-return]

    # Executions.

    def executions(
        self, project: str, domain: str, *, limit: int, token: str = "", filters: str = ""
    ) -> execution_pb2.ExecutionList:
        """Executions, newest first."""
        request = common_pb2.ResourceListRequest(
            id=common_pb2.NamedEntityIdentifier(project=project, domain=domain),
            limit=limit,
            token=token,
            filters=filters,
            sort_by=NEWEST_FIRST,
        )
        return self._call(self._admin.ListExecutions, request)

    def execution(self, execution_id: ExecutionId) -> execution_pb2.Execution:
        request = execution_pb2.WorkflowExecutionGetRequest(id=execution_id.to_proto())
        return self._call(self._admin.GetExecution, request)

    def execution_data(self, execution_id: ExecutionId) -> execution_pb2.WorkflowExecutionGetDataResponse:
        request = execution_pb2.WorkflowExecutionGetDataRequest(id=execution_id.to_proto())
        return self._call(self._admin.GetExecutionData, request)

    def create_execution(
        self,
        project: str,
        domain: str,
        name: str,
        spec: execution_pb2.ExecutionSpec,
        inputs: literals_pb2.LiteralMap,
    ) -> ExecutionId:
        request = execution_pb2.ExecutionCreateRequest(
            project=project, domain=domain, name=name, spec=spec, inputs=inputs
        )
        return ExecutionId.from_proto(self._call(self._admin.CreateExecution, request).id)

    def relaunch(self, execution_id: ExecutionId, *, overwrite_cache: bool) -> ExecutionId:
        request = execution_pb2.ExecutionRelaunchRequest(
            id=execution_id.to_proto(), overwrite_cache=overwrite_cache
        )
        return ExecutionId.from_proto(self._call(self._admin.RelaunchExecution, request).id)

    def recover(self, execution_id: ExecutionId) -> ExecutionId:
        request = execution_pb2.ExecutionRecoverRequest(id=execution_id.to_proto())
        return ExecutionId.from_proto(self._call(self._admin.RecoverExecution, request).id)

    def terminate(self, execution_id: ExecutionId, cause: str) -> None:
        request = execution_pb2.ExecutionTerminateRequest(id=execution_id.to_proto(), cause=cause)
        self._call(self._admin.TerminateExecution, request)

    def signals(self, execution_id: ExecutionId) -> Iterator[signal_pb2.Signal]:
        """What gates of an execution wait for, or were given."""
        token = ""
        while True:
            request = signal_pb2.SignalListRequest(
                workflow_execution_id=execution_id.to_proto(), limit=SIGNALS_AT_ONCE, token=token
            )
            answer = self._call(self._signals.ListSignals, request)
            yield from answer.signals
            token = answer.token
            if not token:
                return

    def set_signal(self, execution_id: ExecutionId, signal: str, value: literals_pb2.Literal) -> None:
        """Give what gates wait for under that name."""
        signal_id = identifier_pb2.SignalIdentifier(signal_id=signal, execution_id=execution_id.to_proto())
        self._call(self._signals.SetSignal, signal_pb2.SignalSetRequest(id=signal_id, value=value))

    # Nodes and attempts.

    def node_executions(
        self, execution_id: ExecutionId, *, parent: str = "", limit: int, token: str = "", filters: str = ""
    ) -> node_execution_pb2.NodeExecutionList:
        """Nodes at the top level, or below `parent`, in the order they came up."""
        request = node_execution_pb2.NodeExecutionListRequest(
            workflow_execution_id=execution_id.to_proto(),
            unique_parent_id=parent,
            limit=limit,
            token=token,
            filters=filters,
            sort_by=OLDEST_FIRST,
        )
        return self._call(self._admin.ListNodeExecutions, request)

    def node_execution(self, execution_id: ExecutionId, node: str) -> node_execution_pb2.NodeExecution:
        request = node_execution_pb2.NodeExecutionGetRequest(id=node_id(execution_id, node))
        return self._call(self._admin.GetNodeExecution, request)

    def node_data(
        self, execution_id: ExecutionId, node: str
    ) -> node_execution_pb2.NodeExecutionGetDataResponse:
        request = node_execution_pb2.NodeExecutionGetDataRequest(id=node_id(execution_id, node))
        return self._call(self._admin.GetNodeExecutionData, request)

    def attempts(self, execution_id: ExecutionId, node: str) -> Sequence[task_execution_pb2.TaskExecution]:
        """The attempts of a task node, first attempt first."""
        return self.attempts_of(execution_id, [node])[0]

    def attempts_of(
        self, execution_id: ExecutionId, nodes: Sequence[str]
    ) -> list[Sequence[task_execution_pb2.TaskExecution]]:
        """The attempts of several nodes, asked for all at once."""
        under_way = [
            self._admin.ListTaskExecutions.future(
                task_execution_pb2.TaskExecutionListRequest(
                    node_execution_id=node_id(execution_id, node), limit=100, sort_by=OLDEST_FIRST
                ),
                timeout=self._timeout,
            )
            for node in nodes
        ]
        with errors.from_admin():
            answers = [future.result().task_executions for future in under_way]
        return [sorted(attempts, key=lambda attempt: attempt.id.retry_attempt) for attempts in answers]

    # Objects.

    def deck_url(self, execution_id: ExecutionId, node: str) -> str:
        """A signed URL of the node's deck."""
        request = dataproxy_pb2.CreateDownloadLinkRequest(
            artifact_type=dataproxy_pb2.ARTIFACT_TYPE_DECK,
            expires_in=_lifetime(),
            node_execution_id=node_id(execution_id, node),
        )
        answer = self._call(self._data.CreateDownloadLink, request)
        signed = list(answer.pre_signed_urls.signed_url) or list(answer.signed_url)
        if not signed:
            raise errors.NotFound(
                "The node has no deck.", remedy="Decks come from tasks with enable_deck=True."
            )
        return str(signed[0])

    def download_url(self, uri: str) -> str:
        """A signed URL of any object."""
        request = dataproxy_pb2.CreateDownloadLocationRequest(native_url=uri, expires_in=_lifetime())
        return str(self._call(self._data.CreateDownloadLocation, request).signed_url)


def node_id(execution_id: ExecutionId, node: str) -> identifier_pb2.NodeExecutionIdentifier:
    """The identifier of a node within an execution."""
    return identifier_pb2.NodeExecutionIdentifier(node_id=node, execution_id=execution_id.to_proto())


def _lifetime() -> Duration:
    return Duration(seconds=int(LINK_LIFETIME.total_seconds()))
