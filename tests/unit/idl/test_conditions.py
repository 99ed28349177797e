"""Conditions hold, or do not, or say what is wrong with them."""

from __future__ import annotations

import datetime as dt
import operator
from typing import Any

import pytest
from flyteidl.core import condition_pb2, literals_pb2
from hypothesis import given
from hypothesis import strategies as st

from sandbox.idl import conditions, literals
from tests.unit.idl.kinds import INTEGER

Comparison = condition_pb2.ComparisonExpression
Conjunction = condition_pb2.ConjunctionExpression

SIGNS = {
    Comparison.EQ: operator.eq,
    Comparison.NEQ: operator.ne,
    Comparison.GT: operator.gt,
    Comparison.GTE: operator.ge,
    Comparison.LT: operator.lt,
    Comparison.LTE: operator.le,
}
NOTHING = literals_pb2.LiteralMap()


def constant(value: Any) -> condition_pb2.Operand:
    return condition_pb2.Operand(primitive=literals.from_python(value).scalar.primitive)


def compare(sign: int, left: Any, right: Any) -> condition_pb2.BooleanExpression:
    operands = [side if isinstance(side, condition_pb2.Operand) else constant(side) for side in (left, right)]
    comparison = Comparison(operator=sign, left_value=operands[0], right_value=operands[1])
    return condition_pb2.BooleanExpression(comparison=comparison)


def var(name: str) -> condition_pb2.Operand:
    return condition_pb2.Operand(var=name)


def join(
    sign: int, left: condition_pb2.BooleanExpression, right: condition_pb2.BooleanExpression
) -> condition_pb2.BooleanExpression:
    conjunction = Conjunction(operator=sign, left_expression=left, right_expression=right)
    return condition_pb2.BooleanExpression(conjunction=conjunction)


PAIRS = st.one_of(
    st.tuples(kind, kind)
    for kind in (
        st.integers(-3, 3),
        st.floats(allow_nan=False),
        st.text(max_size=2),
        st.datetimes(min_value=dt.datetime(1900, 1, 1)),
        st.timedeltas(),
    )
)


@given(st.sampled_from(sorted(SIGNS)), PAIRS)
def test_every_operator_compares_every_ordered_type(sign: int, pair: tuple[Any, Any]) -> None:
    left, right = pair
    assert conditions.evaluate(compare(sign, left, right), NOTHING) == SIGNS[sign](left, right)


def test_times_differ_by_less_than_a_second() -> None:
    moment = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    later = moment + dt.timedelta(milliseconds=1)
    assert conditions.evaluate(compare(Comparison.LT, moment, later), NOTHING)
    assert not conditions.evaluate(compare(Comparison.EQ, moment, later), NOTHING)


@given(st.booleans(), st.booleans())
def test_booleans_are_equal_or_not(left: bool, right: bool) -> None:
    assert conditions.evaluate(compare(Comparison.EQ, left, right), NOTHING) == (left == right)
    assert conditions.evaluate(compare(Comparison.NEQ, left, right), NOTHING) == (left != right)


@given(st.booleans(), st.booleans())
def test_conjunctions_join_two_sides(left: bool, right: bool) -> None:
    sides = compare(Comparison.EQ, left, True), compare(Comparison.EQ, right, True)
    assert conditions.evaluate(join(Conjunction.AND, *sides), NOTHING) == (left and right)
    assert conditions.evaluate(join(Conjunction.OR, *sides), NOTHING) == (left or right)


def test_variables_are_the_inputs_of_the_node() -> None:
    inputs = literals_pb2.LiteralMap(
        literals={"x": literals.from_python(4), "y": literals.union(literals.from_python(3), INTEGER)}
    )
    assert conditions.evaluate(compare(Comparison.GT, var("x"), var("y")), inputs)
    assert not conditions.evaluate(compare(Comparison.GT, 4, var("x")), inputs)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (compare(Comparison.EQ, var("z"), 1), r"asks for \[z\], which is not an input"),
        (compare(Comparison.EQ, var("items"), 1), r"\[items\] is of type list\[integer\]"),
        (compare(Comparison.EQ, var("nothing"), 1), r"\[nothing\] is of type none"),
        (
            compare(Comparison.EQ, var("x"), "a"),
            r"\[x\] of type integer does not compare with \['a'\] of type",
        ),
        (compare(Comparison.GT, 1, 1.0), "only values of the same type do"),
        (compare(Comparison.GT, True, False), r"\[>\] is not defined for booleans"),
        (compare(99, 1, 2), "unknown comparison operator 99"),
        (compare(Comparison.EQ, condition_pb2.Operand(), 2), "operand of the condition is empty"),
        (condition_pb2.BooleanExpression(), "neither a comparison nor a conjunction"),
        (
            join(Conjunction.OR, compare(Comparison.EQ, 1, 1), compare(Comparison.EQ, var("z"), 1)),
            r"asks for \[z\]",
        ),
    ],
)
def test_a_broken_condition_names_its_operand(
    expression: condition_pb2.BooleanExpression, message: str
) -> None:
    inputs = literals_pb2.LiteralMap(
        literals={
            "x": literals.from_python(4),
            "items": literals.from_python([1]),
            "nothing": literals.from_python(None),
        }
    )
    with pytest.raises(conditions.ConditionError, match=message):
        conditions.evaluate(expression, inputs)


def test_a_condition_reads_like_code() -> None:
    expression = join(
        Conjunction.AND, compare(Comparison.GTE, var("x"), 3), compare(Comparison.NEQ, "a", var("y"))
    )
    assert conditions.describe(expression) == "(x >= 3 and 'a' != y)"
