"""Conditions of branch nodes: is this boolean expression true of these inputs?

Only primitives of the same kind compare; booleans only for equality
(`flytepropeller/pkg/controller/nodes/branch/comparator.go`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from flyteidl.core import condition_pb2, literals_pb2

from sandbox.idl import literals, types

MALFORMED = "MalformedBranchUserError"

_Comparison = condition_pb2.ComparisonExpression

_OPERATORS: dict[int, tuple[str, Callable[[Any, Any], bool]]] = {
    _Comparison.EQ: ("==", operator.eq),
    _Comparison.NEQ: ("!=", operator.ne),
    _Comparison.GT: (">", operator.gt),
    _Comparison.GTE: (">=", operator.ge),
    _Comparison.LT: ("<", operator.lt),
    _Comparison.LTE: ("<=", operator.le),
}


class ConditionError(Exception):
    """A condition cannot be evaluated; the message names the operand."""

    code = MALFORMED


def evaluate(expression: condition_pb2.BooleanExpression, inputs: literals_pb2.LiteralMap) -> bool:
    """Whether the expression holds for the branch node's inputs. Raises ConditionError."""
    match expression.WhichOneof("expr"):
        case "comparison":
            return _compare(expression.comparison, inputs)
        case "conjunction":
            conjunction = expression.conjunction
            # Both sides always: a broken operand is an error whatever the other side says, as in Flyte.
            left = evaluate(conjunction.left_expression, inputs)
            right = evaluate(conjunction.right_expression, inputs)
            if conjunction.operator == condition_pb2.ConjunctionExpression.OR:
                return left or right
            return left and right
        case _:
            raise ConditionError("the condition is neither a comparison nor a conjunction")


def describe(expression: condition_pb2.BooleanExpression) -> str:
    """The expression as a person would write it: `(x > 3 and y == "a")`."""
    match expression.WhichOneof("expr"):
        case "comparison":
            comparison = expression.comparison
            sign = _OPERATORS[comparison.operator][0] if comparison.operator in _OPERATORS else "?"
            return f"{_describe(comparison.left_value)} {sign} {_describe(comparison.right_value)}"
        case "conjunction":
            conjunction = expression.conjunction
            word = "or" if conjunction.operator == condition_pb2.ConjunctionExpression.OR else "and"
            return (
                f"({describe(conjunction.left_expression)} {word} {describe(conjunction.right_expression)})"
            )
        case _:
            return "nothing"


def _compare(comparison: condition_pb2.ComparisonExpression, inputs: literals_pb2.LiteralMap) -> bool:
    left = _operand(comparison.left_value, inputs)
    right = _operand(comparison.right_value, inputs)
    left_kind, right_kind = left.WhichOneof("value"), right.WhichOneof("value")
    if left_kind != right_kind:
        raise ConditionError(
            f"{_typed(comparison.left_value, left)} does not compare with "
            f"{_typed(comparison.right_value, right)}: only values of the same type do"
        )
    if comparison.operator not in _OPERATORS:
        raise ConditionError(f"unknown comparison operator {comparison.operator}")
    sign, compare = _OPERATORS[comparison.operator]
    if left_kind == "boolean" and sign not in ("==", "!="):
        raise ConditionError(f"[{sign}] is not defined for booleans")
    return bool(compare(_value(left), _value(right)))


def _operand(operand: condition_pb2.Operand, inputs: literals_pb2.LiteralMap) -> literals_pb2.Primitive:
    match operand.WhichOneof("val"):
        case "primitive":
            return operand.primitive
        case "scalar":
            return _primitive(literals_pb2.Literal(scalar=operand.scalar), _describe(operand))
        case "var":
            if operand.var not in inputs.literals:
                raise ConditionError(
                    f"the condition asks for [{operand.var}], which is not an input of the node"
                )
            return _primitive(inputs.literals[operand.var], operand.var)
        case _:
            raise ConditionError("an operand of the condition is empty")


def _primitive(literal: literals_pb2.Literal, name: str) -> literals_pb2.Primitive:
    scalar = literals.unwrap(literal).scalar
    if scalar.WhichOneof("value") != "primitive":
        kind = types.describe(literals.literal_type_of(literals.unwrap(literal)))
        raise ConditionError(f"only primitive values can be compared: [{name}] is of type {kind}")
    return scalar.primitive


def _value(primitive: literals_pb2.Primitive) -> Any:
    kind = primitive.WhichOneof("value")
    if kind in ("datetime", "duration"):
        time = getattr(primitive, kind)
        return (time.seconds, time.nanos)
    return getattr(primitive, kind) if kind else None


def _typed(operand: condition_pb2.Operand, primitive: literals_pb2.Primitive) -> str:
    return f"[{_describe(operand)}] of type {types.describe(literals.primitive_type(primitive))}"


def _describe(operand: condition_pb2.Operand) -> str:
    match operand.WhichOneof("val"):
        case "var":
            return str(operand.var)
        case "primitive":
            literal = literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=operand.primitive))
            return repr(literals.to_python(literal))
        case "scalar":
            return repr(literals.to_python(literals_pb2.Literal(scalar=operand.scalar)))
        case _:
            return "nothing"
