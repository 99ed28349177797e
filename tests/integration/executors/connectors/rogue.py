"""A connector that does what the test says, by the protocol's own stubs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2
from flyteidl.service import agent_pb2_grpc

Answer = Callable[[Any, grpc.ServicerContext], Any]
Phase = execution_pb2.TaskExecution


def running(request: Any, context: grpc.ServicerContext) -> agent_pb2.GetTaskResponse:
    return agent_pb2.GetTaskResponse(resource=agent_pb2.Resource(phase=Phase.RUNNING))


def refusing(code: grpc.StatusCode) -> Answer:
    """Ends the call with that status."""

    def refuse(request: Any, context: grpc.ServicerContext) -> None:
        context.abort(code, f"no: {code.name}")

    return refuse


@dataclass
class Rogue(
    agent_pb2_grpc.AsyncAgentServiceServicer,  # type: ignore[misc]
    agent_pb2_grpc.SyncAgentServiceServicer,  # type: ignore[misc]
    agent_pb2_grpc.AgentMetadataServiceServicer,  # type: ignore[misc]
):
    """The answers, and what was asked."""

    agents: list[agent_pb2.Agent]
    create: Answer = lambda request, context: agent_pb2.CreateTaskResponse(resource_meta=b"job")
    get: Answer = running
    delete: Answer = lambda request, context: agent_pb2.DeleteTaskResponse()
    execute: Callable[[Iterator[Any]], Iterator[agent_pb2.ExecuteTaskSyncResponse]] | None = None
    listing: Answer | None = None
    asked: list[Any] = field(default_factory=list)

    def ListAgents(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.listing is not None:
            return self.listing(request, context)
        return agent_pb2.ListAgentsResponse(agents=self.agents)

    def CreateTask(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        return self.create(request, context)

    def GetTask(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        return self.get(request, context)

    def DeleteTask(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        return self.delete(request, context)

    def ExecuteTaskSync(self, requests: Any, context: grpc.ServicerContext) -> Any:
        if self.execute is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")
        else:
            yield from self.execute(requests)

    def count(self, kind: type[Any]) -> int:
        """How many requests of a kind came."""
        return sum(isinstance(request, kind) for request in self.asked)


@contextmanager
def serving(rogue: Rogue, port: int = 0) -> Iterator[str]:
    """`host:port` of a server that gives these answers."""
    server = grpc.server(ThreadPoolExecutor(8))
    agent_pb2_grpc.add_AsyncAgentServiceServicer_to_server(rogue, server)
    agent_pb2_grpc.add_SyncAgentServiceServicer_to_server(rogue, server)
    agent_pb2_grpc.add_AgentMetadataServiceServicer_to_server(rogue, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        server.stop(None).wait()


def agent(name: str, version: int = 0, *, is_sync: bool = False) -> agent_pb2.Agent:
    category = agent_pb2.TaskCategory(name=name, version=version)
    return agent_pb2.Agent(
        name=name, supported_task_types=[name], supported_task_categories=[category], is_sync=is_sync
    )
