"""Nodes: what goes into and comes out of each kind, and what each kind must have.

A node's interface is that of what it runs. Branches and approvals declare none: theirs follows from their
bindings.
"""

from __future__ import annotations

from collections.abc import Mapping

from flyteidl.core import interface_pb2, types_pb2, workflow_pb2

from sandbox.compiler import bindings, conditions, requirements
from sandbox.compiler.errors import ErrorCode
from sandbox.compiler.scope import Node, Scope, Variables
from sandbox.idl import interfaces, types
from sandbox.idl.identifiers import EntityId

Interface = tuple[Variables, Variables]
"""Inputs and outputs."""


def resolve(scope: Scope, node: Node) -> None:
    """Find out the node's inputs and outputs, once; a mistake is reported and leaves them None."""
    if node.resolved:
        return
    node.resolved = True  # before, not after: approvals may wait for each other in a circle
    found = _interface(scope, node)
    if found is not None:
        node.inputs, outputs = found
        node.outputs = _aliased(scope, node, outputs)


def outputs_of(scope: Scope) -> bindings.OutputsOf:
    """The outputs of nodes of this scope, found out when first asked for."""

    def outputs(node: Node) -> Variables | None:
        resolve(scope, node)
        return node.outputs

    return outputs


def check(scope: Scope, node: Node) -> None:
    """Check the node itself, and, with their bindings, the nodes inside of a branch."""
    resolve(scope, node)
    ids = sorted(node.proto.upstream_node_ids)
    del node.proto.upstream_node_ids[:]
    node.proto.upstream_node_ids.extend(ids)
    if node.kind == "branch_node":
        _check_branch(scope, node)


def bind(scope: Scope, node: Node) -> bindings.Bound:
    """Check what the node's inputs are bound to."""
    if node.inputs is None:
        return bindings.Bound()
    return bindings.check(scope, node, node.proto.inputs, _parameters(node), outputs_of(scope))


def _parameters(node: Node) -> Variables | None:
    """The declared inputs; None for a node that takes what it is bound to."""
    if node.kind == "branch_node":
        return None
    if node.kind == "gate_node" and node.proto.gate_node.WhichOneof("condition") == "approve":
        return None
    return node.inputs


# Interfaces, by kind.


def _interface(scope: Scope, node: Node) -> Interface | None:
    match node.kind:
        case "task_node":
            return _task_interface(scope, node)
        case "workflow_node":
            return _workflow_interface(scope, node)
        case "branch_node":
            return _branch_interface(scope, node)
        case "gate_node":
            return _gate_interface(scope, node)
        case "array_node":
            return _array_interface(scope, node)
        case _:
            _require(scope, node, "Target", "the node says nothing about what it runs.")
            return None


def _task_interface(scope: Scope, node: Node) -> Interface | None:
    if not node.proto.task_node.HasField("reference_id"):
        _require(scope, node, "TaskNode.ReferenceId", "the node names no task.")
        return None
    task = EntityId.from_proto(node.proto.task_node.reference_id)
    if task not in scope.library.tasks:
        scope.report(
            ErrorCode.TASK_REFERENCE_NOT_FOUND,
            node.id,
            f"Referenced Task [{task}] not found: register it before the workflow.",
        )
        return None
    return _typed(scope.library.tasks[task].template.interface)


def _workflow_interface(scope: Scope, node: Node) -> Interface | None:
    match requirements.reference(node.proto):
        case ("launch_plan", plan) if plan in scope.library.launch_plans:
            bound = {binding.var for binding in node.proto.inputs}
            return _typed(interfaces.of_launch_plan(scope.library.launch_plans[plan], bound))
        case ("workflow", workflow) if workflow in scope.library.subworkflows:
            return _typed(scope.library.subworkflows[workflow].interface)
        case (kind, missing):
            advice = {
                "launch_plan": "register the launch plan before the workflow.",
                "workflow": "it is not among the subworkflows of the request.",
            }
            scope.report(
                ErrorCode.WORKFLOW_REFERENCE_NOT_FOUND,
                node.id,
                f"Referenced Workflow [{missing}] not found: {advice[kind]}",
            )
        case _:
            _require(scope, node, "WorkflowNode.Reference", "the node names no workflow and no launch plan.")
    return None


def _gate_interface(scope: Scope, node: Node) -> Interface | None:
    gate = node.proto.gate_node
    match gate.WhichOneof("condition"):
        case "approve":
            # What is approved is passed on.
            bound = bindings.check(scope, node, node.proto.inputs, None, outputs_of(scope))
            return bound.variables, bound.variables
        case "signal" if gate.signal.type.WhichOneof("type") is None:
            _require(scope, node, "GateNode.Signal.Type", "the signal has no known type.")
        case "signal" if not gate.signal.output_variable_name:
            _require(scope, node, "GateNode.Signal.OutputVariableName", "the signal's value has no name.")
        case "signal":
            return {}, {gate.signal.output_variable_name: interface_pb2.Variable(type=gate.signal.type)}
        case "sleep":
            return {}, {}
        case _:
            scope.report(
                ErrorCode.NO_CONDITION_FOUND, node.id, f"Can't find any condition in gate node [{node.id}]."
            )
    return None


def _array_interface(scope: Scope, node: Node) -> Interface | None:
    array = node.proto.array_node
    if not array.HasField("node"):
        _require(scope, node, "ArrayNode.Node", "the node says nothing about what it maps.")
        return None
    inner = Node(workflow_pb2.Node())
    inner.proto.CopyFrom(array.node)
    if not inner.proto.inputs:
        inner.proto.inputs.extend(node.proto.inputs)  # a launch plan's defaults give way to what is bound
    resolve(scope, inner)
    if inner.inputs is None or inner.outputs is None:
        return None
    if not array.is_original_sub_node_interface.value:
        return inner.inputs, inner.outputs  # flytekit made lists of it already
    mapped = {
        name: variable if name in array.bound_inputs else _listed(variable.type)
        for name, variable in inner.inputs.items()
    }
    may_fail = array.WhichOneof("success_criteria") == "min_success_ratio" and array.min_success_ratio < 1
    outputs = {
        name: _listed(_optional(variable.type) if may_fail else variable.type)
        for name, variable in inner.outputs.items()
    }
    return mapped, outputs


def _listed(kind: types_pb2.LiteralType) -> interface_pb2.Variable:
    return interface_pb2.Variable(type=types_pb2.LiteralType(collection_type=kind))


def _optional(kind: types_pb2.LiteralType) -> types_pb2.LiteralType:
    none = types_pb2.LiteralType(simple=types_pb2.NONE, structure=types_pb2.TypeStructure(tag="none"))
    return types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=[kind, none]))


def _typed(interface: interface_pb2.TypedInterface) -> Interface:
    return interfaces.inputs(interface), interfaces.outputs(interface)


def _aliased(scope: Scope, node: Node, outputs: Variables) -> Variables:
    """The outputs under the names that the node gives them."""
    if not node.proto.output_aliases:
        return outputs
    aliases: dict[str, str] = {}
    for alias in node.proto.output_aliases:
        if alias.var in aliases:
            scope.report(
                ErrorCode.DUPLICATE_ALIAS,
                node.id,
                f"Duplicate alias [{alias.alias}] found. "
                "An output alias can only be used once in the Workflow.",
            )
        elif alias.var not in outputs:
            scope.report(
                ErrorCode.PARAMETER_NOT_BOUND,
                node.id,
                f"Parameter not bound [{alias.alias}]: "
                f"it is an alias of [{alias.var}], which the node does not give.",
            )
        aliases[alias.var] = alias.alias
    return {aliases.get(name, name): variable for name, variable in outputs.items()}


def _require(scope: Scope, node: Node, what: str, why: str) -> None:
    scope.report(ErrorCode.VALUE_REQUIRED, node.id or "<node>", f"Value required [{what}]: {why}")


# Branches.


def _branch_interface(scope: Scope, node: Node) -> Interface | None:
    """In goes what is bound; out comes what all cases give. Inner nodes get their ids: `n0-n1` in branch
    `n0`."""
    cases = requirements.inner_nodes(node.proto)
    if not cases:
        scope.report(ErrorCode.BRANCH_NODE_ID_NOT_FOUND, node.id, "BranchNode not assigned: it has no case.")
        return None
    outputs: dict[str, interface_pb2.Variable] | None = None
    for case in cases:
        case.id = f"{node.id}-{case.id}"
        inner = Node(case)
        node.inner.append(inner)
        resolve(scope, inner)
        if inner.outputs is None:
            continue
        outputs = dict(inner.outputs) if outputs is None else _common(scope, inner, outputs)
    bound = bindings.check(scope, node, node.proto.inputs, None, outputs_of(scope))
    for provider in bound.upstream:
        scope.connections.add_upstream(provider, node.id)
    return None if outputs is None else (bound.variables, outputs)


def _common(
    scope: Scope, case: Node, outputs: Mapping[str, interface_pb2.Variable]
) -> dict[str, interface_pb2.Variable]:
    """What this case gives as well; it must be of the same type."""
    given = case.outputs or {}
    common = {name: variable for name, variable in outputs.items() if name in given}
    for name, variable in sorted(common.items()):
        if variable.type != given[name].type:
            scope.report(
                ErrorCode.MISMATCHING_TYPES,
                case.id,
                f"Variable [{name}] (type [{types.describe(given[name].type)}]) doesn't match expected type "
                f"[{types.describe(variable.type)}]: all cases of a branch must give the same types.",
            )
    return common


def _check_branch(scope: Scope, branch: Node) -> None:
    if_else = branch.proto.branch_node.if_else
    for block in (if_else.case, *if_else.other):
        conditions.check(scope, branch, block.condition)
        if not block.HasField("then_node"):
            scope.report(ErrorCode.BRANCH_NODE_ID_NOT_FOUND, branch.id, "BranchNode not assigned.")
    if if_else.WhichOneof("default") is None:
        scope.report(
            ErrorCode.BRANCH_NODE_HAS_NO_DEFAULT,
            branch.id,
            "Branch Node must have either the else case set or a default error.",
        )
    for inner in branch.inner:
        check(scope, inner)
        for provider in bind(scope, inner).upstream:
            scope.connections.add_upstream(provider, inner.id)
