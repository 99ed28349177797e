"""Castability is Flyte's, and a string may be a file."""

from __future__ import annotations

import pytest
from flyteidl.core import types_pb2
from hypothesis import given

from sandbox.idl import types
from tests.unit.idl.kinds import (
    BOOLEAN,
    COLOUR,
    CSV,
    FILE,
    FLOAT,
    INTEGER,
    NONE,
    STRING,
    STRUCT,
    TYPES,
    LiteralType,
    dataclass,
    dataset,
    listed,
    mapped,
    schema,
    tagged,
    union,
)

COLUMN = types_pb2.SchemaType.SchemaColumn
INT = tagged(INTEGER, "int")
STR = tagged(STRING, "str")
NOTHING = tagged(NONE, "none")

PARENT = dataclass("A", ["a"], a={"type": "integer"})
CHILD = dataclass("B", ["a", "b"], a={"type": "integer"}, b={"anyOf": [{"type": "string"}, {"type": "null"}]})


@pytest.mark.parametrize(
    ("upstream", "downstream"),
    [
        (COLOUR, STRING),
        (STRING, COLOUR),
        (listed(NONE), listed(INTEGER)),
        (mapped(NONE), mapped(STRING)),
        (listed(COLOUR), listed(STRING)),
        (CSV, FILE),
        (FILE, CSV),
        (INTEGER, union(INT, STR)),
        (NONE, union(INT, NOTHING)),
        (union(INT, STR), union(STR, INT, NOTHING)),
        (union(INTEGER), INTEGER),
        (NONE, dataset(a=INTEGER)),
        (schema(), schema(a=COLUMN.INTEGER)),
        (schema(a=COLUMN.INTEGER, b=COLUMN.FLOAT), schema(a=COLUMN.INTEGER)),
        (schema(a=COLUMN.INTEGER), dataset(a=INTEGER)),
        (dataset(a=INTEGER, b=FLOAT), schema(a=COLUMN.INTEGER)),
        (dataset(format="PARQUET"), schema()),
        (dataset(format="csv"), dataset()),
        (dataset(a=INTEGER, b=FLOAT), dataset(a=INTEGER)),
        (STRUCT, PARENT),
        (PARENT, STRUCT),
        (CHILD, PARENT),
        (CHILD, dataclass("C", ["b"], b={"anyOf": [{"type": "string"}, {"type": "null"}]})),
        (CHILD, dataclass("C", ["a"], a={})),
        (PARENT, PARENT),
    ],
)
def test_flyte_casts(upstream: LiteralType, downstream: LiteralType) -> None:
    assert types.castable_in_flyte(upstream, downstream)
    assert types.castable(upstream, downstream)


@pytest.mark.parametrize(
    ("upstream", "downstream"),
    [
        (INTEGER, FLOAT),
        (INTEGER, STRING),
        (INTEGER, NONE),
        (NONE, INTEGER),
        (listed(INTEGER), INTEGER),
        (INTEGER, listed(INTEGER)),
        (listed(INTEGER), mapped(INTEGER)),
        (tagged(CSV, ""), tagged(LiteralType(blob=types_pb2.BlobType(format="png")), "")),
        (INTEGER, FILE),
        (FILE, STRING),
        (INTEGER, union(tagged(INTEGER, "a"), tagged(INTEGER, "b"))),
        (union(INT, STR), union(INT, NOTHING)),
        (union(INT, STR), INTEGER),
        (tagged(INTEGER, "a"), tagged(INTEGER, "b")),
        (schema(a=COLUMN.INTEGER), schema(a=COLUMN.INTEGER, b=COLUMN.FLOAT)),
        (schema(a=COLUMN.INTEGER), schema(a=COLUMN.FLOAT)),
        (schema(a=COLUMN.INTEGER), dataset(a=FLOAT)),
        (schema(), dataset(format="csv")),
        (dataset(format="csv"), schema()),
        (dataset(format="csv"), dataset(format="parquet")),
        (NONE, schema()),
        (PARENT, CHILD),
        (dataclass("A", ["a"], a={"type": "string"}), PARENT),
        (CHILD, dataclass("C", ["a"], a={"anyOf": [{"type": "integer"}, {"type": "null"}]})),
        (CHILD, dataclass("C", ["b"], b={"type": "string"})),
        (LiteralType(), INTEGER),
        (LiteralType(), NONE),
    ],
)
def test_flyte_does_not_cast(upstream: LiteralType, downstream: LiteralType) -> None:
    assert not types.castable(upstream, downstream)


@pytest.mark.parametrize(
    "wanted", [FILE, CSV, listed(FILE), mapped(listed(CSV)), union(tagged(FILE, "f"), INT)]
)
def test_a_string_is_a_file_wherever_the_file_is(wanted: LiteralType) -> None:
    given = {"collection_type": listed(STRING), "map_value_type": mapped(listed(STRING))}.get(
        wanted.WhichOneof("type"), STRING
    )
    assert types.castable(given, wanted)
    assert not types.castable_in_flyte(given, wanted)


def test_a_string_is_a_string_first_where_it_could_be_a_file() -> None:
    assert types.castable(STRING, union(STR, tagged(FILE, "file")))


@given(TYPES)
def test_every_type_is_castable_to_itself(kind: LiteralType) -> None:
    assert types.castable(kind, kind)


@given(TYPES)
def test_every_type_has_a_name_for_people(kind: LiteralType) -> None:
    assert types.describe(kind)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (union(INT, NOTHING), "integer | none"),
        (listed(mapped(BOOLEAN)), "list[map[string, boolean]]"),
        (CSV, "file (csv)"),
        (LiteralType(blob=types_pb2.BlobType(dimensionality=types_pb2.BlobType.MULTIPART)), "directory"),
        (schema(a=COLUMN.INTEGER), "schema(a: integer)"),
        (dataset(format="parquet", a=STRING), "structured dataset(a: string) (parquet)"),
        (COLOUR, "enum(red, green)"),
        (PARENT, "struct A"),
        (LiteralType(), "unknown type"),
    ],
)
def test_types_are_described_in_plain_words(kind: LiteralType, text: str) -> None:
    assert types.describe(kind) == text


def test_recursive_data_classes_are_compared_to_the_end() -> None:
    def tree(*names: str) -> LiteralType:
        kind = LiteralType(simple=types_pb2.STRUCT)
        properties = {name: {"type": "integer"} for name in names}
        properties["children"] = {"type": "array", "items": {"$ref": "#/$defs/Tree"}}  # type: ignore[dict-item]
        kind.metadata.update({"$ref": "#/$defs/Tree", "$defs": {"Tree": {"properties": properties}}})
        return kind

    assert types.castable(tree("a", "b"), tree("a"))
    assert not types.castable(tree("a"), tree("a", "b"))
