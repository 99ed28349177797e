"""The static side of a node tree: which workflow template a node execution belongs to, and what the node is.

Node executions carry only ids. Their names, entities and kinds come from the compiled closure: the primary
template at the top level, a sub-workflow's template below a workflow node, the same template inside a branch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from flyteidl.core import compiler_pb2, identifier_pb2, workflow_pb2

from sandbox.idl.identifiers import EntityId

START_NODE = "start-node"
END_NODE = "end-node"


@dataclass(frozen=True, slots=True)
class NodeKind:
    """What a node does, in a word and a sign."""

    name: str
    label: str
    sign: str


TASK = NodeKind("task", "Task", "ƒ")
WORKFLOW = NodeKind("workflow", "Workflow", "▣")
LAUNCH_PLAN = NodeKind("launch_plan", "Launch plan", "↗")
BRANCH = NodeKind("branch", "Branch", "◇")
GATE = NodeKind("gate", "Gate", "‖")
ARRAY = NodeKind("array", "Map", "≡")
DYNAMIC = NodeKind("dynamic", "Dynamic", "✳")
START = NodeKind("start", "Start", "○")
END = NodeKind("end", "End", "◎")
UNKNOWN = NodeKind("unknown", "Node", "□")


@dataclass(frozen=True)
class Scope:
    """A workflow template within its closure."""

    closure: compiler_pb2.CompiledWorkflowClosure
    workflow: compiler_pb2.CompiledWorkflow
    _nodes: dict[str, workflow_pb2.Node] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.workflow.template.nodes:
            for each in (node, *inner_nodes(node)):
                self._nodes[each.id] = each
        if self.workflow.template.HasField("failure_node"):
            failure = self.workflow.template.failure_node
            self._nodes[failure.id] = failure

    @classmethod
    def of(cls, closure: compiler_pb2.CompiledWorkflowClosure) -> Scope:
        """The scope of the top-level nodes."""
        return cls(closure, closure.primary)

    def node(self, spec_id: str) -> workflow_pb2.Node | None:
        """The node with this id, also inside branches."""
        return self._nodes.get(spec_id)

    def below(self, spec_id: str) -> Scope:
        """The scope of the children of a node; this one where nothing better is known."""
        node = self.node(spec_id)
        if node is None or node.WhichOneof("target") != "workflow_node":
            return self
        if node.workflow_node.WhichOneof("reference") != "sub_workflow_ref":
            return self
        return self.sub_workflow(node.workflow_node.sub_workflow_ref) or self

    def sub_workflow(self, reference: identifier_pb2.Identifier) -> Scope | None:
        """The scope of a sub-workflow of the closure."""
        for candidate in self.closure.sub_workflows:
            if candidate.template.id == reference:
                return Scope(self.closure, candidate)
        return None


def inner_nodes(node: workflow_pb2.Node) -> Iterator[workflow_pb2.Node]:
    """The nodes inside a branch, however deep, or the one inside a map."""
    target = node.WhichOneof("target")
    if target == "array_node":
        yield node.array_node.node
    elif target == "branch_node":
        for case in cases(node.branch_node):
            yield case
            yield from inner_nodes(case)


def cases(branch: workflow_pb2.BranchNode) -> Iterator[workflow_pb2.Node]:
    """The nodes that a branch chooses from, in order."""
    block = branch.if_else
    if block.HasField("case"):
        yield block.case.then_node
    for other in block.other:
        yield other.then_node
    if block.WhichOneof("default") == "else_node":
        yield block.else_node


def kind_of(node: workflow_pb2.Node | None) -> NodeKind:
    """What the node does."""
    if node is None:
        return UNKNOWN
    if node.id == START_NODE:
        return START
    if node.id == END_NODE:
        return END
    match node.WhichOneof("target"):
        case "task_node":
            return TASK
        case "workflow_node":
            is_plan = node.workflow_node.WhichOneof("reference") == "launchplan_ref"
            return LAUNCH_PLAN if is_plan else WORKFLOW
        case "branch_node":
            return BRANCH
        case "gate_node":
            return GATE
        case "array_node":
            return ARRAY
        case _:
            return UNKNOWN


def entity_of(node: workflow_pb2.Node | None) -> EntityId | None:
    """The task, workflow or launch plan that the node runs."""
    if node is None:
        return None
    match node.WhichOneof("target"):
        case "task_node":
            return EntityId.from_proto(node.task_node.reference_id)
        case "workflow_node":
            reference = node.workflow_node.WhichOneof("reference")
            if reference is None:
                return None
            return EntityId.from_proto(getattr(node.workflow_node, reference))
        case "array_node":
            return entity_of(node.array_node.node)
        case _:
            return None


def title_of(node: workflow_pb2.Node | None, spec_id: str) -> str:
    """How people call the node: its name, else what it runs, else its id."""
    if node is None:
        return spec_id
    entity = entity_of(node)
    if entity and _squeezed(node.metadata.name) in ("", _squeezed(entity.name)):
        return short(entity.name)
    return short(node.metadata.name) or spec_id


def _squeezed(name: str) -> str:
    """The name as Flyte makes a node's id of it: the node around a lone task is called so."""
    return re.sub(r"[^0-9a-zA-Z]", "", name).lower()


def short(name: str) -> str:
    """The last part of a dotted name."""
    return name.rsplit(".", 1)[-1] or name
