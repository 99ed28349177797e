from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flyteidl.core import interface_pb2, types_pb2
from hypothesis import given
from hypothesis import strategies as st

from sandbox.console import inputs, values
from sandbox.idl import literals, types

INTEGER, FLOAT, STRING = (types.simple(k) for k in (types_pb2.INTEGER, types_pb2.FLOAT, types_pb2.STRING))
BOOLEAN, DATETIME, DURATION, STRUCT, NONE = (
    types.simple(k)
    for k in (types_pb2.BOOLEAN, types_pb2.DATETIME, types_pb2.DURATION, types_pb2.STRUCT, types_pb2.NONE)
)
COLOUR = types_pb2.LiteralType(enum_type=types_pb2.EnumType(values=["red", "green"]))
NUMBERS = types_pb2.LiteralType(collection_type=INTEGER)
WEIGHTS = types_pb2.LiteralType(map_value_type=FLOAT)
FILE = types_pb2.LiteralType(blob=types_pb2.BlobType(format="csv"))


def union(*variants: types_pb2.LiteralType) -> types_pb2.LiteralType:
    return types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=variants))


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("42", INTEGER, 42),
        (" -1 ", INTEGER, -1),
        ("0.5", FLOAT, 0.5),
        ("  kept  ", STRING, "  kept  "),
        ("yes", BOOLEAN, True),
        ("false", BOOLEAN, False),
        ("2026-03-01T12:30:00Z", DATETIME, datetime(2026, 3, 1, 12, 30, tzinfo=UTC)),
        ("2026-03-01", DATETIME, datetime(2026, 3, 1, tzinfo=UTC)),
        ("1h30m", DURATION, timedelta(minutes=90)),
        ("90s", DURATION, timedelta(seconds=90)),
        ("1:30:00", DURATION, timedelta(minutes=90)),
        ("500ms", DURATION, timedelta(milliseconds=500)),
        ("green", COLOUR, "green"),
        ("[1, 2]", NUMBERS, [1, 2]),
        ('{"a": 1}', WEIGHTS, {"a": 1.0}),
        ('{"depth": 4}', STRUCT, {"depth": 4.0}),
        ("s3://bucket/key", FILE, "s3://bucket/key"),
        ("7", union(STRING, INTEGER), 7),
        ("seven", union(STRING, INTEGER), "seven"),
        ("", union(INTEGER, NONE), None),
    ],
)
def test_a_text_becomes_the_literal_of_its_type(
    text: str, kind: types_pb2.LiteralType, expected: Any
) -> None:
    literal = inputs.literal(text, kind)
    assert literals.to_python(literal) == expected
    assert literals.literal_matches_type(literal, kind)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("1.5", INTEGER, "integer is needed"),
        ("99999999999999999999", INTEGER, "64 bits"),
        ("many", FLOAT, "number is needed"),
        ("perhaps", BOOLEAN, "true or false"),
        ("tomorrow", DATETIME, "date and time"),
        ("soon", DURATION, "duration is needed"),
        ("blue", COLOUR, "red, green"),
        ("[1, ", NUMBERS, "no JSON"),
        ('[1, "b"]', NUMBERS, "item 1"),
        ("{}", NUMBERS, "JSON list"),
        ("[true]", NUMBERS, "integer is needed"),
        ('{"a": [1]}', WEIGHTS, "'a'"),
        ("[1]", STRUCT, "JSON object"),
        ("", FILE, "address"),
        ("many", union(INTEGER, NONE), "none of"),
    ],
)
def test_a_wrong_text_is_told_what_would_be_right(text: str, kind: types_pb2.LiteralType, said: str) -> None:
    with pytest.raises(inputs.InvalidInput, match=said):
        inputs.literal(text, kind)


@given(
    st.one_of(
        st.integers(-(2**63), 2**63 - 1).map(lambda v: (v, INTEGER)),
        st.floats(allow_nan=False, allow_infinity=False).map(lambda v: (v, FLOAT)),
        st.text(st.characters(exclude_categories=["Cs"])).map(lambda v: (v, STRING)),
        st.booleans().map(lambda v: (v, BOOLEAN)),
        st.lists(st.integers(-(2**63), 2**63 - 1)).map(lambda v: (v, NUMBERS)),
    )
)
def test_what_a_field_shows_reads_back_as_the_same_value(case: tuple[Any, types_pb2.LiteralType]) -> None:
    value, kind = case
    text = values.brief(literals.from_python(value))
    assert literals.to_python(inputs.literal(text, kind)) == value


def parameters(**kinds: types_pb2.LiteralType) -> interface_pb2.ParameterMap:
    return interface_pb2.ParameterMap(
        parameters={
            name: interface_pb2.Parameter(var=interface_pb2.Variable(type=kind), required=True)
            for name, kind in kinds.items()
        }
    )


def test_a_blank_field_is_missing_unless_none_is_a_value() -> None:
    read, wrong = inputs.read(parameters(x=INTEGER, y=union(INTEGER, NONE)), {"x": " ", "y": ""})
    assert wrong == {"x": "A value is needed."}
    assert literals.is_none(read.literals["y"])


def test_a_blank_field_leaves_the_default_alone() -> None:
    expected = parameters(x=INTEGER)
    expected.parameters["x"].default.CopyFrom(literals.from_python(3))
    read, wrong = inputs.read(expected, {"x": ""})
    assert (dict(read.literals), wrong) == ({}, {})
    assert inputs.fields(expected)[0].default == "3"


def test_required_fields_come_first() -> None:
    expected = parameters(b=INTEGER, a=INTEGER)
    expected.parameters["a"].default.CopyFrom(literals.from_python(3))
    assert [(field.name, field.required) for field in inputs.fields(expected)] == [("b", True), ("a", False)]
