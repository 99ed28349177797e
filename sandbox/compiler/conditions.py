"""Conditions of branches: does every operand exist, and do the two sides of a comparison compare?"""

from __future__ import annotations

from flyteidl.core import condition_pb2, literals_pb2, types_pb2

from sandbox.compiler.bindings import names
from sandbox.compiler.errors import ErrorCode
from sandbox.compiler.scope import Node, Scope
from sandbox.idl import literals, types


def check(scope: Scope, branch: Node, expression: condition_pb2.BooleanExpression) -> None:
    """Report what is wrong with a condition of `branch`, whose inputs are known."""
    match expression.WhichOneof("expr"):
        case "comparison":
            _check_comparison(scope, branch, expression.comparison)
        case "conjunction":
            check(scope, branch, expression.conjunction.left_expression)
            check(scope, branch, expression.conjunction.right_expression)
        case _:
            scope.report(
                ErrorCode.BRANCH_NODE_HAS_NO_CONDITION,
                branch.id,
                "One of the branches on the node doesn't have a condition.",
            )


def _check_comparison(scope: Scope, branch: Node, comparison: condition_pb2.ComparisonExpression) -> None:
    left = _operand(scope, branch, "LeftValue", comparison.left_value)
    right = _operand(scope, branch, "RightValue", comparison.right_value)
    if left is None or right is None or types.is_unknown(left) or types.is_unknown(right):
        return
    if not (types.castable_in_flyte(left, right) or types.castable_in_flyte(right, left)):
        scope.report(
            ErrorCode.MISMATCHING_TYPES,
            branch.id,
            f"A condition compares type [{types.describe(left)}] with type [{types.describe(right)}]: "
            "only values of the same type compare.",
        )


def _operand(
    scope: Scope, branch: Node, side: str, operand: condition_pb2.Operand
) -> types_pb2.LiteralType | None:
    """The operand's type; None where it is not known or was reported."""
    match operand.WhichOneof("val"):
        case "primitive":
            return literals.primitive_type(operand.primitive)
        case "scalar":
            return literals.literal_type_of(literals_pb2.Literal(scalar=operand.scalar))
        case "var":
            return _variable(scope, branch, operand.var)
        case _:
            scope.report(ErrorCode.VALUE_REQUIRED, branch.id, f"Value required [{side}].")
            return None


def _variable(scope: Scope, branch: Node, name: str) -> types_pb2.LiteralType | None:
    if branch.inputs is not None and name in branch.inputs:
        kind: types_pb2.LiteralType = branch.inputs[name].type
        return kind
    bound = {binding.var for binding in branch.proto.inputs}
    if name not in bound:
        scope.report(
            ErrorCode.VARIABLE_NAME_NOT_FOUND,
            branch.id,
            f"Variable [{name}] not found on node [{branch.id}]: "
            f"a condition asks for it, bound are {names(bound)}.",
        )
    return None
