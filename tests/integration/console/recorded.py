"""An admin that plays recorded messages: a real gRPC server on flyteidl's own servicer classes.

It keeps messages in dictionaries and honours what the console relies on: paging by token, filters by phase
and name, children by `unique_parent_id`, gRPC codes. Messages are made by the small builders below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

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
from flyteidl.core import compiler_pb2, identifier_pb2, interface_pb2, literals_pb2, tasks_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2
from flyteidl.service import admin_pb2_grpc, dataproxy_pb2, dataproxy_pb2_grpc, signal_pb2_grpc
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2_grpc

from sandbox.admin.health import HealthService

PROJECT, DOMAIN = "flytesnacks", "development"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)

Phase = core_execution_pb2.WorkflowExecution
NodePhase = core_execution_pb2.NodeExecution
TaskPhase = core_execution_pb2.TaskExecution


def stamp(seconds: float) -> Timestamp:
    """A moment after the recording began."""
    moment = Timestamp()
    moment.FromDatetime(START + timedelta(seconds=seconds))
    return moment


def identifier(kind: int, name: str, version: str = "v1") -> identifier_pb2.Identifier:
    return identifier_pb2.Identifier(
        resource_type=kind, project=PROJECT, domain=DOMAIN, name=name, version=version
    )


def execution_id(name: str) -> identifier_pb2.WorkflowExecutionIdentifier:
    return identifier_pb2.WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name=name)


def literal_map(**values: literals_pb2.Literal) -> literals_pb2.LiteralMap:
    return literals_pb2.LiteralMap(literals=values)


@dataclass
class Recording:
    """Everything the admin knows."""

    executions: dict[str, execution_pb2.Execution] = field(default_factory=dict)
    data: dict[str, execution_pb2.WorkflowExecutionGetDataResponse] = field(default_factory=dict)
    nodes: dict[str, list[node_execution_pb2.NodeExecution]] = field(default_factory=dict)
    parents: dict[tuple[str, str], str] = field(default_factory=dict)
    """(execution, node) → the node it lies in."""
    node_data: dict[tuple[str, str], node_execution_pb2.NodeExecutionGetDataResponse] = field(
        default_factory=dict
    )
    attempts: dict[tuple[str, str], list[task_execution_pb2.TaskExecution]] = field(default_factory=dict)
    workflows: list[workflow_pb2.Workflow] = field(default_factory=list)
    tasks: list[task_pb2.Task] = field(default_factory=list)
    launch_plans: list[launch_plan_pb2.LaunchPlan] = field(default_factory=list)
    signals: dict[str, list[signal_pb2.Signal]] = field(default_factory=dict)
    deck_url: str = ""
    troubles: tuple[str, ...] = ()
    created: list[execution_pb2.ExecutionCreateRequest] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    # Building.

    def task(
        self, name: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any], version: str = "v1"
    ) -> identifier_pb2.Identifier:
        """Register a task; variables are literal types by name."""
        task_id = identifier(identifier_pb2.TASK, name, version)
        template = tasks_pb2.TaskTemplate(
            id=task_id,
            type="python-task",
            interface=interface(inputs, outputs),
            container=tasks_pb2.Container(image="example:v1", args=["pyflyte-execute"]),
        )
        closure = task_pb2.TaskClosure(
            compiled_task=compiler_pb2.CompiledTask(template=template), created_at=stamp(-3600)
        )
        self.tasks.append(task_pb2.Task(id=task_id, closure=closure))
        return task_id

    def workflow(
        self,
        name: str,
        nodes: Sequence[core_workflow_pb2.Node],
        edges: Sequence[tuple[str, str]],
        *,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        sub_workflows: Sequence[compiler_pb2.CompiledWorkflow] = (),
        version: str = "v1",
    ) -> identifier_pb2.Identifier:
        """Register a workflow with a launch plan of its name."""
        workflow_id = identifier(identifier_pb2.WORKFLOW, name, version)
        primary = compiled(workflow_id, nodes, edges, interface(inputs or {}, outputs or {}))
        closure = compiler_pb2.CompiledWorkflowClosure(primary=primary, sub_workflows=sub_workflows)
        self.workflows.append(
            workflow_pb2.Workflow(
                id=workflow_id,
                closure=workflow_pb2.WorkflowClosure(compiled_workflow=closure, created_at=stamp(-3600)),
            )
        )
        self.launch_plans.append(_default_plan(workflow_id, primary.template.interface))
        return workflow_id

    def execution(
        self,
        name: str,
        workflow: identifier_pb2.Identifier,
        phase: int,
        *,
        seconds: float = 12.5,
        at: float = 0,
        error: core_execution_pb2.ExecutionError | None = None,
        inputs: literals_pb2.LiteralMap | None = None,
        outputs: literals_pb2.LiteralMap | None = None,
    ) -> execution_pb2.Execution:
        """An execution that began `at` and, if it is over, took that many seconds."""
        plan = identifier(identifier_pb2.LAUNCH_PLAN, workflow.name, workflow.version)
        spec = execution_pb2.ExecutionSpec(launch_plan=plan)
        closure = execution_pb2.ExecutionClosure(
            phase=phase,
            workflow_id=workflow,
            created_at=stamp(at),
            started_at=stamp(at),
            updated_at=stamp(at + 1),
        )
        if phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED):
            closure.duration.FromTimedelta(timedelta(seconds=seconds))
        if error is not None:
            closure.error.CopyFrom(error)
        execution = execution_pb2.Execution(id=execution_id(name), spec=spec, closure=closure)
        self.executions[name] = execution
        self.data[name] = execution_pb2.WorkflowExecutionGetDataResponse(
            full_inputs=inputs, full_outputs=outputs
        )
        return execution

    def node(
        self,
        execution: str,
        node: str,
        phase: int,
        *,
        spec: str = "",
        parent: str = "",
        at: float = 0,
        seconds: float | None = 1,
        is_parent: bool = False,
        cache: int | None = None,
        error: core_execution_pb2.ExecutionError | None = None,
    ) -> node_execution_pb2.NodeExecution:
        """A node execution; `seconds` None: it still runs."""
        closure = node_execution_pb2.NodeExecutionClosure(
            phase=phase, created_at=stamp(at), started_at=stamp(at + 0.2), updated_at=stamp(at + 1)
        )
        if seconds is not None:
            closure.duration.FromTimedelta(timedelta(seconds=seconds))
        if cache is not None:
            closure.task_node_metadata.cache_status = cache
        if error is not None:
            closure.error.CopyFrom(error)
        message = node_execution_pb2.NodeExecution(
            id=identifier_pb2.NodeExecutionIdentifier(node_id=node, execution_id=execution_id(execution)),
            closure=closure,
            metadata=node_execution_pb2.NodeExecutionMetaData(
                spec_node_id=spec or node, is_parent_node=is_parent
            ),
        )
        self.nodes.setdefault(execution, []).append(message)
        self.parents[execution, node] = parent
        return message

    def attempt(
        self,
        execution: str,
        node: str,
        task: identifier_pb2.Identifier,
        phase: int,
        *,
        peak: int = 0,
        limit: int = 0,
        error: core_execution_pb2.ExecutionError | None = None,
        reason: str = "",
        seconds: float = 1,
    ) -> task_execution_pb2.TaskExecution:
        """The next attempt of a node's task."""
        tried = self.attempts.setdefault((execution, node), [])
        closure = task_execution_pb2.TaskExecutionClosure(
            phase=phase, created_at=stamp(0), started_at=stamp(0), task_type="python-task"
        )
        closure.duration.FromTimedelta(timedelta(seconds=seconds))
        if peak:
            closure.custom_info.update({"peak_memory_bytes": peak, "memory_limit_bytes": limit})
        if error is not None:
            closure.error.CopyFrom(error)
        if reason:
            closure.reasons.add(occurred_at=stamp(0), message=reason)
        message = task_execution_pb2.TaskExecution(
            id=identifier_pb2.TaskExecutionIdentifier(
                task_id=task,
                node_execution_id=identifier_pb2.NodeExecutionIdentifier(
                    node_id=node, execution_id=execution_id(execution)
                ),
                retry_attempt=len(tried),
            ),
            closure=closure,
        )
        tried.append(message)
        return message


def gate_node(node: str, gate: core_workflow_pb2.GateNode, name: str = "") -> core_workflow_pb2.Node:
    made = core_workflow_pb2.Node(
        id=node, metadata=core_workflow_pb2.NodeMetadata(name=name or node), gate_node=gate
    )
    made.metadata.timeout.seconds = 3600
    return made


def interface(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> interface_pb2.TypedInterface:
    def variables(types: Mapping[str, Any]) -> interface_pb2.VariableMap:
        return interface_pb2.VariableMap(
            variables={
                name: interface_pb2.Variable(type=kind, description=name) for name, kind in types.items()
            }
        )

    return interface_pb2.TypedInterface(inputs=variables(inputs), outputs=variables(outputs))


def task_node(node: str, task: identifier_pb2.Identifier, name: str = "") -> core_workflow_pb2.Node:
    return core_workflow_pb2.Node(
        id=node,
        metadata=core_workflow_pb2.NodeMetadata(name=name),
        task_node=core_workflow_pb2.TaskNode(reference_id=task),
    )


def workflow_node(node: str, workflow: identifier_pb2.Identifier) -> core_workflow_pb2.Node:
    return core_workflow_pb2.Node(
        id=node, workflow_node=core_workflow_pb2.WorkflowNode(sub_workflow_ref=workflow)
    )


def plan_node(node: str, name: str) -> core_workflow_pb2.Node:
    plan = identifier(identifier_pb2.LAUNCH_PLAN, name)
    return core_workflow_pb2.Node(id=node, workflow_node=core_workflow_pb2.WorkflowNode(launchplan_ref=plan))


def branch_node(node: str, cases: Sequence[core_workflow_pb2.Node]) -> core_workflow_pb2.Node:
    blocks = [core_workflow_pb2.IfBlock(then_node=case) for case in cases]
    block = core_workflow_pb2.IfElseBlock(case=blocks[0], other=blocks[1:])
    return core_workflow_pb2.Node(id=node, branch_node=core_workflow_pb2.BranchNode(if_else=block))


def compiled(
    workflow_id: identifier_pb2.Identifier,
    nodes: Sequence[core_workflow_pb2.Node],
    edges: Sequence[tuple[str, str]],
    typed: interface_pb2.TypedInterface,
) -> compiler_pb2.CompiledWorkflow:
    """A workflow as the compiler leaves it, start and end node included."""
    ends = [core_workflow_pb2.Node(id="start-node"), core_workflow_pb2.Node(id="end-node")]
    template = core_workflow_pb2.WorkflowTemplate(id=workflow_id, nodes=[*ends, *nodes], interface=typed)
    sources, targets = {a for a, _ in edges}, {b for _, b in edges}
    outer = [("start-node", node.id) for node in nodes if node.id not in targets]
    inner = [(node.id, "end-node") for node in nodes if node.id not in sources]
    downstream: dict[str, list[str]] = {}
    for source, target in [*outer, *edges, *inner]:
        downstream.setdefault(source, []).append(target)
    connections = compiler_pb2.ConnectionSet(
        downstream={node: compiler_pb2.ConnectionSet.IdList(ids=ids) for node, ids in downstream.items()}
    )
    return compiler_pb2.CompiledWorkflow(template=template, connections=connections)


def _default_plan(
    workflow_id: identifier_pb2.Identifier, typed: interface_pb2.TypedInterface
) -> launch_plan_pb2.LaunchPlan:
    parameters = {
        name: interface_pb2.Parameter(var=variable, required=True)
        for name, variable in typed.inputs.variables.items()
    }
    return launch_plan_pb2.LaunchPlan(
        id=identifier(identifier_pb2.LAUNCH_PLAN, workflow_id.name, workflow_id.version),
        spec=launch_plan_pb2.LaunchPlanSpec(workflow_id=workflow_id),
        closure=launch_plan_pb2.LaunchPlanClosure(
            state=launch_plan_pb2.ACTIVE,
            expected_inputs=interface_pb2.ParameterMap(parameters=parameters),
            expected_outputs=typed.outputs,
            created_at=stamp(-3600),
        ),
    )


def _page(items: Sequence[Any], request: Any) -> tuple[Sequence[Any], str]:
    """Flyte's paging: the token is an offset, given only when there is more."""
    start = int(request.token or 0)
    page = items[start : start + request.limit]
    end = start + len(page)
    return page, str(end) if end < len(items) else ""


def _filtered(items: Sequence[Any], filters: str, fields: Mapping[str, Callable[[Any], str]]) -> list[Any]:
    """The few filters that the console sends."""
    kept = list(items)
    for part in [part for part in filters.split("+") if part]:
        match = re.fullmatch(r"(\w+)\(([\w.]+),(.*)\)", part)
        if match is None or match[2] not in fields:
            raise ValueError(f"invalid filter {part}")
        function, key, wanted = match[1], fields[match[2]], match[3]
        if function == "contains":
            kept = [item for item in kept if wanted in key(item)]
        elif function == "value_in":
            kept = [item for item in kept if key(item) in wanted.split(";")]
        else:
            kept = [item for item in kept if key(item) == wanted]
    return kept


class Admin(admin_pb2_grpc.AdminServiceServicer):
    """Answers from a recording."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def ListProjects(self, request: Any, context: grpc.ServicerContext) -> Any:
        domains = [
            project_pb2.Domain(id=d, name=d.capitalize()) for d in ("development", "staging", "production")
        ]
        return project_pb2.Projects(
            projects=[
                project_pb2.Project(
                    id=PROJECT, name=PROJECT, domains=domains, description="A place to start"
                ),
                project_pb2.Project(id="sandbox-system", name="sandbox-system", domains=domains),
            ]
        )

    def ListNamedEntities(self, request: Any, context: grpc.ServicerContext) -> Any:
        stored = {
            identifier_pb2.WORKFLOW: self.recording.workflows,
            identifier_pb2.TASK: self.recording.tasks,
            identifier_pb2.LAUNCH_PLAN: self.recording.launch_plans,
        }[request.resource_type]
        names = _filtered(sorted({item.id.name for item in stored}), request.filters, {"name": str})
        page, token = _page(names, request)
        return common_pb2.NamedEntityList(
            entities=[
                common_pb2.NamedEntity(
                    resource_type=request.resource_type,
                    id=common_pb2.NamedEntityIdentifier(project=PROJECT, domain=DOMAIN, name=name),
                )
                for name in page
            ],
            token=token,
        )

    def GetNamedEntity(self, request: Any, context: grpc.ServicerContext) -> Any:
        return common_pb2.NamedEntity(resource_type=request.resource_type, id=request.id)

    def _versions(self, stored: Sequence[Any], request: Any) -> tuple[Sequence[Any], str]:
        if not request.id.name:
            return _page(
                _filtered(stored, request.filters, {"workflow.name": lambda p: p.spec.workflow_id.name}),
                request,
            )
        return _page([item for item in reversed(stored) if item.id.name == request.id.name], request)

    def ListWorkflows(self, request: Any, context: grpc.ServicerContext) -> Any:
        page, token = self._versions(self.recording.workflows, request)
        return workflow_pb2.WorkflowList(workflows=page, token=token)

    def ListTasks(self, request: Any, context: grpc.ServicerContext) -> Any:
        page, token = self._versions(self.recording.tasks, request)
        return task_pb2.TaskList(tasks=page, token=token)

    def ListLaunchPlans(self, request: Any, context: grpc.ServicerContext) -> Any:
        page, token = self._versions(self.recording.launch_plans, request)
        return launch_plan_pb2.LaunchPlanList(launch_plans=page, token=token)

    def _get(self, stored: Sequence[Any], request: Any, context: grpc.ServicerContext) -> Any:
        for item in stored:
            if item.id == request.id:
                return item
        context.abort(grpc.StatusCode.NOT_FOUND, f"missing entity of type {request.id.name}")
        return None

    def GetWorkflow(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._get(self.recording.workflows, request, context)

    def GetTask(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._get(self.recording.tasks, request, context)

    def GetLaunchPlan(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._get(self.recording.launch_plans, request, context)

    def ListExecutions(self, request: Any, context: grpc.ServicerContext) -> Any:
        newest = sorted(
            self.recording.executions.values(), key=lambda e: e.closure.created_at.seconds, reverse=True
        )
        fields: dict[str, Callable[[Any], str]] = {
            "name": lambda e: str(e.id.name),
            "phase": lambda e: Phase.Phase.Name(e.closure.phase),
            "workflow.name": lambda e: str(e.closure.workflow_id.name),
            "task.name": lambda e: "",
            "launch_plan.name": lambda e: str(e.spec.launch_plan.name),
        }
        page, token = _page(_filtered(newest, request.filters, fields), request)
        return execution_pb2.ExecutionList(executions=page, token=token)

    def _found(self, name: str, context: grpc.ServicerContext) -> Any:
        if name not in self.recording.executions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no execution {name} in {PROJECT}/{DOMAIN}")
        return self.recording.executions[name]

    def GetExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.recording.calls.append("GetExecution")
        return self._found(request.id.name, context)

    def GetExecutionData(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self.recording.data[request.id.name]

    def CreateExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.name == "taken":
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "an execution named taken exists already")
        self.recording.created.append(request)
        name = request.name or f"f{len(self.recording.created)}"
        workflow = identifier(
            identifier_pb2.WORKFLOW, request.spec.launch_plan.name, request.spec.launch_plan.version
        )
        self.recording.execution(name, workflow, Phase.QUEUED, inputs=request.inputs)
        return execution_pb2.ExecutionCreateResponse(id=execution_id(name))

    def RelaunchExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        original = self._found(request.id.name, context)
        name = f"{request.id.name}-again"
        self.recording.execution(name, original.closure.workflow_id, Phase.QUEUED)
        return execution_pb2.ExecutionCreateResponse(id=execution_id(name))

    def RecoverExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        original = self._found(request.id.name, context)
        name = f"{request.id.name}-recovered"
        self.recording.execution(name, original.closure.workflow_id, Phase.QUEUED)
        return execution_pb2.ExecutionCreateResponse(id=execution_id(name))

    def TerminateExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        execution = self._found(request.id.name, context)
        if execution.closure.phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the execution has ended already")
        execution.closure.phase = Phase.ABORTED
        execution.closure.abort_metadata.cause = request.cause
        execution.closure.duration.FromTimedelta(timedelta(seconds=3))
        return execution_pb2.ExecutionTerminateResponse()

    def ListNodeExecutions(self, request: Any, context: grpc.ServicerContext) -> Any:
        name = request.workflow_execution_id.name
        level = [
            node
            for node in self.recording.nodes.get(name, [])
            if self.recording.parents[name, node.id.node_id] == request.unique_parent_id
        ]
        by_phase = {"phase": lambda n: NodePhase.Phase.Name(n.closure.phase)}
        page, token = _page(_filtered(level, request.filters, by_phase), request)
        return node_execution_pb2.NodeExecutionList(node_executions=page, token=token)

    def GetNodeExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        for node in self.recording.nodes.get(request.id.execution_id.name, []):
            if node.id.node_id == request.id.node_id:
                return node
        context.abort(grpc.StatusCode.NOT_FOUND, f"there is no node {request.id.node_id}")
        return None

    def GetNodeExecutionData(self, request: Any, context: grpc.ServicerContext) -> Any:
        key = (request.id.execution_id.name, request.id.node_id)
        return self.recording.node_data.get(key, node_execution_pb2.NodeExecutionGetDataResponse())

    def ListTaskExecutions(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.recording.calls.append("ListTaskExecutions")
        key = (request.node_execution_id.execution_id.name, request.node_execution_id.node_id)
        return task_execution_pb2.TaskExecutionList(task_executions=self.recording.attempts.get(key, []))


class Signals(signal_pb2_grpc.SignalServiceServicer):
    """What gates wait for, and were given."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def ListSignals(self, request: Any, context: grpc.ServicerContext) -> Any:
        page, token = _page(self.recording.signals.get(request.workflow_execution_id.name, []), request)
        return signal_pb2.SignalList(signals=page, token=token)

    def SetSignal(self, request: Any, context: grpc.ServicerContext) -> Any:
        for signal in self.recording.signals[request.id.execution_id.name]:
            if signal.id == request.id:
                signal.value.CopyFrom(request.value)
        return signal_pb2.SignalSetResponse()


class DataProxy(dataproxy_pb2_grpc.DataProxyServiceServicer):
    """Signed links, as recorded."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def CreateDownloadLink(self, request: Any, context: grpc.ServicerContext) -> Any:
        urls = [self.recording.deck_url] if self.recording.deck_url else []
        return dataproxy_pb2.CreateDownloadLinkResponse(
            pre_signed_urls=dataproxy_pb2.PreSignedURLs(signed_url=urls)
        )

    def CreateDownloadLocation(self, request: Any, context: grpc.ServicerContext) -> Any:
        key = request.native_url.removeprefix("s3://")
        return dataproxy_pb2.CreateDownloadLocationResponse(signed_url=f"http://localhost:30002/{key}?signed")


@contextmanager
def serving(recording: Recording) -> Iterator[str]:
    """Serve the recording; yields the gRPC target."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    admin_pb2_grpc.add_AdminServiceServicer_to_server(Admin(recording), server)
    dataproxy_pb2_grpc.add_DataProxyServiceServicer_to_server(DataProxy(recording), server)
    signal_pb2_grpc.add_SignalServiceServicer_to_server(Signals(recording), server)
    health_pb2_grpc.add_HealthServicer_to_server(HealthService((), lambda: recording.troubles), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
