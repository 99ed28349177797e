"""Failure nodes: what the node that runs when a workflow failed is told about the failure.

An input of the type *error* (flytekit: `err: Optional[FlyteError]`) becomes the failure: its message, and the
id of the node of the same workflow that failed. (Flyte gives the failure node's own id,
`flytepropeller/pkg/controller/nodes/resolve.go`.)
"""

from __future__ import annotations

from collections.abc import Mapping

from flyteidl.core import interface_pb2, literals_pb2, types_pb2

from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.state import Node, Scope, State

_NAME = "err"
"""Of the input, where the interface of what is to run is not known: that of a launch plan."""
_ERROR = types_pb2.LiteralType(simple=types_pb2.ERROR, structure=types_pb2.TypeStructure(tag="FlyteError"))
_OPTIONAL = types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=[_ERROR]))


def is_one(state: State, node: Node) -> bool:
    """Whether the node is its workflow's failure node."""
    scope = state.scopes[node.scope]
    return node.number == scope.base + scope.graph.failure_node


def tell(
    state: State,
    node: Node,
    inputs: literals_pb2.LiteralMap,
    declared: Mapping[str, interface_pb2.Variable],
) -> None:
    """Put the failure of the node's workflow into its inputs, where they have room for it."""
    scope = state.scopes[node.scope]
    if scope.failure is None:
        return
    error = types_pb2.Error(failed_node_id=failed_node(state, scope), message=scope.failure.message)
    for name, literal in inputs.literals.items():
        kind = declared[name].type if name in declared else None
        if kind is None and name == _NAME and _is_none(literal):
            kind = _OPTIONAL
        told = None if kind is None else _as(kind, error)
        if told is not None:
            literal.CopyFrom(told)


def failed_node(state: State, scope: Scope) -> str:
    """The id, in its workflow, of the node whose failure is the workflow's; empty if it is none's."""
    if scope.failed < 0:
        return ""
    node = state.nodes[scope.failed]
    while node.spec.kind is NodeKind.BRANCH and isinstance(node.child, int):
        node = state.nodes[node.child]
    return node.spec.node_id


def _as(kind: types_pb2.LiteralType, error: types_pb2.Error) -> literals_pb2.Literal | None:
    """The error as a value of this type; None if the type has no room for it."""
    literal = literals_pb2.Literal(scalar=literals_pb2.Scalar(error=error))
    if kind.WhichOneof("type") == "simple":
        return literal if kind.simple == types_pb2.ERROR else None
    for variant in kind.union_type.variants:
        if variant.WhichOneof("type") == "simple" and variant.simple == types_pb2.ERROR:
            union = literals_pb2.Union(value=literal, type=variant)
            return literals_pb2.Literal(scalar=literals_pb2.Scalar(union=union))
    return None


def _is_none(literal: literals_pb2.Literal) -> bool:
    if literal.scalar.WhichOneof("value") == "union":
        return _is_none(literal.scalar.union.value)
    return bool(literal.scalar.WhichOneof("value") == "none_type")
