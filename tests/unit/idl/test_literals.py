"""Literals: to Python and back, their types, and strings that become files."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from flyteidl.core import literals_pb2, types_pb2
from hypothesis import given

from sandbox.idl import literals, types
from tests.unit.idl.kinds import (
    COLOUR,
    CSV,
    FILE,
    FLOAT,
    INTEGER,
    NONE,
    STRING,
    VALUES,
    LiteralType,
    listed,
    mapped,
    tagged,
    union,
)


def _aware(value: Any) -> Any:
    if isinstance(value, list):
        return [_aware(item) for item in value]
    return value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value


@given(VALUES)
def test_plain_values_survive_the_way_there_and_back(value: Any) -> None:
    assert literals.to_python(literals.from_python(value)) == _aware(value)


@pytest.mark.parametrize(
    "value",
    [1, "a", None, [1], [1, "a"], [[1, "a"], [2]], [[], [1]], [["a"], [1]], {"k": 1}, [[[1]], [["a"]]]],
)
def test_a_literal_matches_the_type_it_shows(value: Any) -> None:
    literal = literals.from_python(value)
    assert literals.literal_matches_type(literal, literals.literal_type_of(literal))


def test_documents_are_read_whatever_their_format() -> None:
    document = {"a": [1.0, {"b": None}], "c": "x"}
    assert literals.to_python(literals.generic(document)) == document
    assert literals.to_python(literals.messagepack(document)) == document
    assert literals.to_python(literals.messagepack({1: "integer keys"})) == {1: "integer keys"}


def test_values_that_json_or_python_cannot_say_are_still_shown() -> None:
    endless = literals_pb2.Literal()
    endless.scalar.primitive.datetime.seconds = 10**14
    assert literals.to_python(endless) == 1e14
    endless.scalar.primitive.duration.seconds = 10**15
    assert literals.to_python(endless) == 1e15
    assert math.isnan(literals.to_python(literals.generic({"x": math.nan}))["x"])


def test_a_broken_document_is_refused() -> None:
    binary = literals_pb2.Binary(value=b"\xc1", tag=literals.MESSAGEPACK)
    with pytest.raises(literals.UnsupportedValue, match="MessagePack"):
        literals.read_binary(binary)


@pytest.mark.parametrize("value", [2**63, object(), b"bytes", {1: 2}, {"a": object()}])
def test_what_has_no_literal_is_refused(value: Any) -> None:
    with pytest.raises(literals.UnsupportedValue):
        literals.from_python(value)


def test_unions_are_transparent_to_people() -> None:
    nothing = literals.union(literals.none(), NONE)
    assert literals.is_none(nothing)
    assert literals.to_python(nothing) is None
    assert not literals.is_none(literals.from_python(0))
    assert literals.to_python(literals.union(literals.from_python(3), INTEGER)) == 3


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([], "list[none]"),
        ([[], []], "list[list[none]]"),
        ([[], [1]], "list[list[integer]]"),
        ([1, "a", 2], "list[integer | string]"),
        ([[1, "a"], [2]], "list[list[integer | string]]"),
        ({"a": 1}, "struct"),
        (None, "none"),
    ],
)
def test_a_collection_has_the_type_of_its_items(value: Any, kind: str) -> None:
    assert types.describe(literals.literal_type_of(literals.from_python(value))) == kind


@pytest.mark.parametrize(
    ("value", "kind", "matches"),
    [
        ([1, 2], listed(INTEGER), True),
        ([1, "a"], listed(INTEGER), False),
        ([1, "a"], listed(union(tagged(INTEGER, "int"), tagged(STRING, "str"))), True),
        ([], listed(FLOAT), True),
        (1, FLOAT, False),
        ("red", COLOUR, True),
        ("blue", COLOUR, False),
        ("s3://x", CSV, True),
        (["s3://x"], listed(FILE), True),
        (None, union(tagged(INTEGER, "int"), tagged(NONE, "none")), True),
        (None, INTEGER, False),
    ],
)
def test_values_match_types_item_by_item(value: Any, kind: LiteralType, matches: bool) -> None:
    assert literals.literal_matches_type(literals.from_python(value), kind) is matches


def test_a_literal_that_holds_nothing_matches_nothing() -> None:
    assert not literals.literal_matches_type(literals_pb2.Literal(), INTEGER)


def test_a_string_becomes_the_file_that_is_wanted() -> None:
    made = literals.coerce(literals.from_python("s3://x.csv"), CSV)
    assert made.scalar.blob.uri == "s3://x.csv"
    assert made.scalar.blob.metadata.type.format == "csv"


def test_strings_become_files_inside_of_lists_maps_and_unions() -> None:
    uris = literals.from_python(["s3://a", "s3://b"])
    assert literals.coerce(uris, listed(FILE)).collection.literals[1].scalar.blob.uri == "s3://b"
    by_name = literals.mapping({"k": uris})
    assert literals.coerce(by_name, mapped(listed(FILE))).map.literals["k"].collection.literals[0].scalar.blob
    optional = union(tagged(FILE, "file"), tagged(NONE, "none"))
    wrapped = literals.coerce(literals.from_python("s3://a"), optional)
    assert wrapped.scalar.union.type.structure.tag == "file"
    assert wrapped.scalar.union.value.scalar.blob.uri == "s3://a"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", STRING),
        ("text", union(tagged(STRING, "str"), tagged(FILE, "file"))),
        (None, union(tagged(FILE, "file"), tagged(NONE, "none"))),
        (3, INTEGER),
        ([1], listed(INTEGER)),
    ],
)
def test_everything_else_stays_the_same_object(value: Any, kind: LiteralType) -> None:
    literal = literals.from_python(value)
    assert literals.coerce(literal, kind) is literal


def test_tables_and_errors_are_shown_by_what_people_look_for() -> None:
    table = literals_pb2.StructuredDataset(uri="s3://t")
    error = types_pb2.Error(message="broken")
    scalars = [literals_pb2.Scalar(structured_dataset=table), literals_pb2.Scalar(error=error)]
    shown = [literals.to_python(literals_pb2.Literal(scalar=scalar)) for scalar in scalars]
    assert shown == ["s3://t", "broken"]
