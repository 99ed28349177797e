"""One connector's gRPC service, as blocking calls. All raise `errors.ConnectorError`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import grpc
from flyteidl.admin import agent_pb2

from sandbox.executors.agent import errors
from sandbox.executors.agent.notes import Note
from sandbox.executors.agent.settings import ConnectorSettings

_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    # A connector that was started again is found again within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
)


class SyncCall:
    """A task that is being carried out within a call."""

    def __init__(self, endpoint: str, call: grpc._CallIterator[agent_pb2.ExecuteTaskSyncResponse]) -> None:
        self._endpoint = endpoint
        self._call = call

    def cancel(self) -> None:
        """Hang up; `resources` raises Unreachable."""
        self._call.cancel()

    def resources(self) -> Iterator[agent_pb2.Resource]:
        """What the connector says while it works; the last one is the result.

        Outputs that it streams after a header are put together with those of the header.
        """
        latest: agent_pb2.Resource | None = None
        with errors.translated(self._endpoint):
            for response in self._call:
                if response.HasField("header"):
                    latest = agent_pb2.Resource()
                    latest.CopyFrom(response.header.resource)
                elif latest is not None:
                    latest.outputs.MergeFrom(response.outputs)
                else:
                    raise errors.Broke(self._endpoint, "INTERNAL", "it sent outputs before a header")
                yield latest
        if latest is None:
            raise errors.Broke(self._endpoint, "INTERNAL", "it ended the call without an answer")


class Connector:
    """The connector at an endpoint. Thread-safe; connects when it is first used."""

    def __init__(self, endpoint: str, settings: ConnectorSettings) -> None:
        self.endpoint = endpoint
        self._settings = settings
        self._channel = grpc.insecure_channel(endpoint, options=_OPTIONS)
        self._creating = 0
        self._changed = threading.Condition()

    def is_ready(self, timeout: float) -> bool:
        """Whether it answers: what is asked then is known to have arrived, or not to have been sent."""
        try:
            self._list_agents(timeout)
        except errors.Unreachable:
            return False
        except errors.ConnectorError:
            return True  # an answer, if not the one that was asked for
        return True

    def list_agents(self) -> Sequence[agent_pb2.Agent]:
        return self._list_agents(self._settings.look_timeout)

    def _list_agents(self, timeout: float) -> Sequence[agent_pb2.Agent]:
        with errors.translated(self.endpoint):
            stub = self._stubs.AgentMetadataServiceStub(self._channel)
            return list(stub.ListAgents(agent_pb2.ListAgentsRequest(), timeout=timeout).agents)

    def create(self, request: agent_pb2.CreateTaskRequest, keep: Callable[[bytes], None]) -> None:
        """Create the task; `keep` is told the connector's own name for it before anything else happens."""
        with self._changed:
            self._creating += 1
        try:
            with errors.translated(self.endpoint):
                answer = self._async.CreateTask(request, timeout=self._settings.create_timeout)
            keep(answer.resource_meta)
        finally:
            with self._changed:
                self._creating -= 1
                self._changed.notify_all()

    def get(self, note: Note, output_prefix: str) -> agent_pb2.Resource:
        request = agent_pb2.GetTaskRequest(
            task_type=note.task_type,
            task_category=agent_pb2.TaskCategory(name=note.task_type, version=note.version),
            resource_meta=note.meta or b"",
            output_prefix=output_prefix,
        )
        with errors.translated(self.endpoint):
            answer = self._async.GetTask(request, timeout=self._settings.get_timeout)
        resource: agent_pb2.Resource = answer.resource
        return resource

    def delete(self, note: Note) -> None:
        request = agent_pb2.DeleteTaskRequest(
            task_type=note.task_type,
            task_category=agent_pb2.TaskCategory(name=note.task_type, version=note.version),
            resource_meta=note.meta or b"",
        )
        with errors.translated(self.endpoint):
            self._async.DeleteTask(request, timeout=self._settings.delete_timeout)

    def execute(self, requests: Sequence[agent_pb2.ExecuteTaskSyncRequest], timeout: float) -> SyncCall:
        """Begin to carry a task out within a call of at most `timeout` seconds."""
        with errors.translated(self.endpoint):
            stub = self._stubs.SyncAgentServiceStub(self._channel)
            return SyncCall(self.endpoint, stub.ExecuteTaskSync(iter(requests), timeout=timeout))

    def close(self, patience: float) -> None:
        """Hang up; answers to CreateTask are waited for so many seconds, for nobody else knows them."""
        with self._changed:
            self._changed.wait_for(lambda: not self._creating, patience)
        self._channel.close()

    @functools.cached_property
    def _async(self) -> Any:  # the generated stubs have no types
        return self._stubs.AsyncAgentServiceStub(self._channel)

    @functools.cached_property
    def _stubs(self) -> ModuleType:
        # Loaded with the first call: most sandboxes have no connector.
        from flyteidl.service import agent_pb2_grpc  # noqa: PLC0415

        module: ModuleType = agent_pb2_grpc
        return module
