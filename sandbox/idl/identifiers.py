"""The names of things: which execution, node and attempt is meant.

`UniqueNodeId` is unique within one execution (`n0`, `n0-0-n1`; long ones are hashed), as Flyte's propeller
builds it (`flytepropeller/pkg/controller/nodes/common/utils.go`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from flyteidl.core import identifier_pb2

NodeId = NewType("NodeId", str)
"""The id of a node in its workflow's source: `n0`, `start-node`."""

UniqueNodeId = NewType("UniqueNodeId", str)
"""The id of a node within its execution; equal to `NodeId` at the top level."""


@dataclass(frozen=True, slots=True, order=True)
class ExecutionId:
    """A workflow execution."""

    project: str
    domain: str
    name: str

    @classmethod
    def from_proto(cls, proto: identifier_pb2.WorkflowExecutionIdentifier) -> ExecutionId:
        return cls(proto.project, proto.domain, proto.name)

    def to_proto(self) -> identifier_pb2.WorkflowExecutionIdentifier:
        return identifier_pb2.WorkflowExecutionIdentifier(
            project=self.project, domain=self.domain, name=self.name
        )

    def __str__(self) -> str:
        return f"{self.project}:{self.domain}:{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class EntityId:
    """A registered task, workflow or launch plan; `resource_type` is a `core.ResourceType` value."""

    resource_type: int
    project: str
    domain: str
    name: str
    version: str

    @classmethod
    def from_proto(cls, proto: identifier_pb2.Identifier) -> EntityId:
        return cls(proto.resource_type, proto.project, proto.domain, proto.name, proto.version)

    def to_proto(self) -> identifier_pb2.Identifier:
        return identifier_pb2.Identifier(
            resource_type=self.resource_type,
            project=self.project,
            domain=self.domain,
            name=self.name,
            version=self.version,
        )

    def __str__(self) -> str:
        known = identifier_pb2.ResourceType
        is_known = self.resource_type in known.values()
        kind = known.Name(self.resource_type).lower() if is_known else f"entity of type {self.resource_type}"
        return f"{kind} {self.project}:{self.domain}:{self.name}:{self.version}"


@dataclass(frozen=True, slots=True, order=True)
class AttemptKey:
    """One attempt of one task node: the unit that an executor starts at most once.

    `attempt` counts from 0 and is never reused within an execution.
    """

    execution: ExecutionId
    node: UniqueNodeId
    attempt: int

    def __str__(self) -> str:
        return f"{self.execution}/{self.node}/{self.attempt}"
