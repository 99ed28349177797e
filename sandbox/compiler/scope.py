"""What is known while one workflow is compiled: its nodes, their interfaces, its edges, the mistakes
found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flyteidl.core import compiler_pb2, interface_pb2, workflow_pb2

from sandbox.compiler.connections import Connections
from sandbox.compiler.errors import ErrorCode, Problems
from sandbox.idl.identifiers import EntityId
from sandbox.idl.interfaces import LaunchPlanInterface

Variables = Mapping[str, interface_pb2.Variable]


@dataclass(frozen=True, slots=True)
class Library:
    """Everything that the workflow and its subworkflows may refer to."""

    tasks: Mapping[EntityId, compiler_pb2.CompiledTask]
    launch_plans: Mapping[EntityId, LaunchPlanInterface]
    subworkflows: Mapping[EntityId, workflow_pb2.WorkflowTemplate]


@dataclass(slots=True, eq=False)
class Node:
    """A node and what was found out about it. `proto` lies in the compiled template and is changed in
    place."""

    proto: workflow_pb2.Node
    inputs: Variables | None = None
    """None: not known, because of a mistake that was reported."""
    outputs: Variables | None = None
    """With the node's output aliases applied. None: not known, because of a mistake that was reported."""
    inner: list[Node] = field(default_factory=list)
    """The nodes inside of a branch, in the order of its cases; known once the branch is resolved."""
    resolved: bool = False
    """Whether `inputs` and `outputs` were looked for."""

    @property
    def id(self) -> str:
        return str(self.proto.id)

    @property
    def name(self) -> str:
        """The node as messages name it: as its author called it."""
        return str(self.proto.metadata.name or self.proto.id)

    @property
    def kind(self) -> str | None:
        """The field of `core.Node.target` that is set."""
        target: str | None = self.proto.WhichOneof("target")
        return target


@dataclass(slots=True)
class Scope:
    """One workflow under compilation."""

    library: Library
    problems: Problems
    nodes: dict[str, Node] = field(default_factory=dict)
    """Those that a promise may name: the top level, `start-node` included."""
    connections: Connections = field(default_factory=Connections)

    def report(self, code: ErrorCode, node: str, description: str) -> None:
        self.problems.add(code, node, description)
