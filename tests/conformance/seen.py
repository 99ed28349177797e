"""Executions as a client sees them: begun by the SDK, and looked at by the SDK and the admin API."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import grpc
from flyteidl.admin import common_pb2, execution_pb2, node_execution_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2
from flyteidl.core import execution_pb2 as core
from flyteidl.service import admin_pb2_grpc
from flytekit.remote import FlyteRemote, FlyteWorkflowExecution

from tests.conformance.backends import VERSION, Backend
from tests.waiting import eventually

NodeExecution = node_execution_pb2.NodeExecution
TaskExecution = task_execution_pb2.TaskExecution

_POLL = timedelta(milliseconds=200)
_OLDEST_FIRST = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.ASCENDING)


def fresh_name() -> str:
    """A name for an execution, so short that the names of its children begin with it."""
    return f"c{uuid.uuid4().hex[:7]}"


def launch(
    backend: Backend, plan: str, /, *, name: str | None = None, overwrite_cache: bool = False, **inputs: Any
) -> Seen:
    """Begin an execution of the launch plan `projects.PLAN`."""
    remote = backend.remote()
    found = remote.fetch_launch_plan(name=f"projects.{plan}", version=VERSION)
    execution = remote.execute(
        found, inputs=inputs, execution_name=name or fresh_name(), overwrite_cache=overwrite_cache
    )
    return Seen(backend, execution)


def run(backend: Backend, plan: str, /, *, name: str | None = None, **inputs: Any) -> Seen:
    """Execute the launch plan `projects.PLAN` to its end, whatever that is."""
    return launch(backend, plan, name=name, **inputs).ended()


def begin_recovery(seen: Seen) -> str:
    """Recover an execution: the name of the new one."""
    return str(seen.backend.remote().client.recover_execution(seen.execution.id, name=fresh_name()).name)


def recover(seen: Seen) -> Seen:
    """Recover an execution, and wait for the end of the recovery."""
    return fetch(seen.backend, begin_recovery(seen)).ended()


def fetch(backend: Backend, name: str) -> Seen:
    """An execution by its name."""
    return Seen(backend, backend.remote().fetch_execution(name=name))


@dataclass(frozen=True)
class Seen:
    """One execution at one moment. What was asked once is kept: `fetch` again to see what changed."""

    backend: Backend
    execution: FlyteWorkflowExecution

    @property
    def name(self) -> str:
        return str(self.execution.id.name)

    @cached_property
    def proto(self) -> execution_pb2.Execution:
        return self.admin.GetExecution(execution_pb2.WorkflowExecutionGetRequest(id=self._id))

    @property
    def phase(self) -> str:
        return str(core.WorkflowExecution.Phase.Name(self.proto.closure.phase))

    @property
    def error(self) -> core.ExecutionError:
        return self.proto.closure.error

    def ended(self) -> Seen:
        """The same execution once it has ended, with its nodes as the SDK syncs them."""
        done = self._remote.wait(
            self.execution,
            timeout=timedelta(seconds=self.backend.patience),
            poll_interval=_POLL,
            sync_nodes=False,
        )
        return Seen(self.backend, self._remote.sync_execution(done, sync_nodes=True))

    def output(self, name: str = "o0", *, kind: type[Any]) -> Any:
        """An output of an execution that succeeded."""
        assert self.phase == "SUCCEEDED", f"{self.name}: {self.phase} {self.error}"
        return self.execution.outputs.get(name, as_type=kind)

    def aborted(self, cause: str) -> Seen:
        """Terminate it with a cause, and see how it ended."""
        self._remote.terminate(self.execution, cause)
        return Seen(self.backend, self.execution).ended()

    # --- nodes ---------------------------------------------------------------------------------------------

    def nodes(self, inside: Node | None = None) -> list[Node]:
        """The rows right below the execution, or below one of its nodes; without start and end nodes."""
        found: list[Node] = []
        token = ""
        while True:
            page = self.admin.ListNodeExecutions(
                node_execution_pb2.NodeExecutionListRequest(
                    workflow_execution_id=self._id,
                    unique_parent_id=inside.id if inside else "",
                    limit=100,
                    token=token,
                    sort_by=_OLDEST_FIRST,
                )
            )
            found += (Node(self, row) for row in page.node_executions)
            token = page.token
            if not token:
                return [node for node in found if not node.spec_id.endswith(("start-node", "end-node"))]

    def node(self, *path: str) -> Node:
        """The node that is found by the ids of the workflow's author, from the outside inwards."""
        inside: Node | None = None
        for spec_id in path:
            siblings = self.nodes(inside)
            matching = [node for node in siblings if node.spec_id == spec_id]
            assert len(matching) == 1, f"{self.name}: {spec_id} among {[n.spec_id for n in siblings]}"
            inside = matching[0]
        if inside is None:
            raise ValueError("a path has at least one node id")
        return inside

    def tree(self) -> Iterator[Node]:
        """All nodes at any depth; children of launch plan nodes are executions of their own."""
        waiting = self.nodes()
        while waiting:
            node = waiting.pop(0)
            yield node
            waiting += self.nodes(node)

    def when_running(self, *path: str) -> Seen:
        """Wait until the node at `path` has an attempt that runs, or waits for somebody."""

        def running() -> bool:
            node = self.node(*path)
            phases = [node.phase, *(attempt.phase for attempt in node.attempts())]
            assert set(phases) == {"RUNNING"}, phases
            return True

        eventually(running, self.backend.patience, interval=_POLL.total_seconds())
        return self

    @property
    def _id(self) -> Any:
        return self.execution.id.to_flyte_idl()

    @property
    def _remote(self) -> FlyteRemote:
        return self.backend.remote()

    @property
    def admin(self) -> admin_pb2_grpc.AdminServiceStub:
        return stubs(self.backend)


@dataclass(frozen=True)
class Node:
    """A node execution, as the admin API has it."""

    seen: Seen
    proto: NodeExecution

    @property
    def id(self) -> str:
        return str(self.proto.id.node_id)

    @property
    def spec_id(self) -> str:
        """The id in the workflow; the rows themselves are named by where they are in the execution."""
        return str(self.proto.metadata.spec_node_id)

    @property
    def phase(self) -> str:
        return str(core.NodeExecution.Phase.Name(self.proto.closure.phase))

    @cached_property
    def error(self) -> core.ExecutionError:
        """The whole error: lists cut its message."""
        request = node_execution_pb2.NodeExecutionGetRequest(id=self.proto.id)
        return self.seen.admin.GetNodeExecution(request).closure.error

    @property
    def cache_status(self) -> str:
        metadata = self.proto.closure.task_node_metadata
        return str(catalog_pb2.CatalogCacheStatus.Name(metadata.cache_status))

    @property
    def kinds(self) -> set[str]:
        """Which of the metadata's flags are set."""
        flags = ("is_parent_node", "is_dynamic", "is_array")
        return {flag for flag in flags if getattr(self.proto.metadata, flag)}

    def attempts(self) -> list[Attempt]:
        """Its task executions, the first one first."""
        request = task_execution_pb2.TaskExecutionListRequest(
            node_execution_id=self.proto.id, limit=100, sort_by=_OLDEST_FIRST
        )
        return [
            Attempt(self.seen, row) for row in self.seen.admin.ListTaskExecutions(request).task_executions
        ]

    def child(self) -> Seen:
        """The execution that a launch plan node began."""
        return fetch(self.seen.backend, self.proto.closure.workflow_node_metadata.executionId.name)

    def outputs(self) -> dict[str, Any]:
        """As literals."""
        request = node_execution_pb2.NodeExecutionGetDataRequest(id=self.proto.id)
        return dict(self.seen.admin.GetNodeExecutionData(request).full_outputs.literals)


@dataclass(frozen=True)
class Attempt:
    """A task execution, as the admin API has it."""

    seen: Seen
    proto: TaskExecution

    @property
    def number(self) -> int:
        return int(self.proto.id.retry_attempt)

    @property
    def phase(self) -> str:
        return str(core.TaskExecution.Phase.Name(self.proto.closure.phase))

    @cached_property
    def error(self) -> core.ExecutionError:
        """The whole error: lists cut its message."""
        request = task_execution_pb2.TaskExecutionGetRequest(id=self.proto.id)
        return self.seen.admin.GetTaskExecution(request).closure.error

    @property
    def elements(self) -> list[Any]:
        """What the one attempt of a map task tells of its elements."""
        return list(self.proto.closure.metadata.external_resources)


_mine = threading.local()


def stubs(backend: Backend) -> admin_pb2_grpc.AdminServiceStub:
    """The admin service without the SDK in between, for what its models leave out; one for each thread."""
    if getattr(_mine, "endpoint", None) != backend.endpoint:
        _mine.endpoint = backend.endpoint
        _mine.stub = admin_pb2_grpc.AdminServiceStub(grpc.insecure_channel(backend.endpoint))
    stub: admin_pb2_grpc.AdminServiceStub = _mine.stub
    return stub
