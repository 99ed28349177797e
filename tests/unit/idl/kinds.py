"""Literal types and literals to test with, made by hand or by hypothesis."""

from __future__ import annotations

from flyteidl.core import literals_pb2, types_pb2
from hypothesis import strategies as st

from sandbox.idl import literals

LiteralType = types_pb2.LiteralType

NONE = LiteralType(simple=types_pb2.NONE)
INTEGER = LiteralType(simple=types_pb2.INTEGER)
FLOAT = LiteralType(simple=types_pb2.FLOAT)
STRING = LiteralType(simple=types_pb2.STRING)
BOOLEAN = LiteralType(simple=types_pb2.BOOLEAN)
STRUCT = LiteralType(simple=types_pb2.STRUCT)
FILE = LiteralType(blob=types_pb2.BlobType())
CSV = LiteralType(blob=types_pb2.BlobType(format="csv"))
COLOUR = LiteralType(enum_type=types_pb2.EnumType(values=["red", "green"]))

_Column = types_pb2.SchemaType.SchemaColumn


def listed(kind: LiteralType) -> LiteralType:
    return LiteralType(collection_type=kind)


def mapped(kind: LiteralType) -> LiteralType:
    return LiteralType(map_value_type=kind)


def union(*variants: LiteralType) -> LiteralType:
    return LiteralType(union_type=types_pb2.UnionType(variants=variants))


def tagged(kind: LiteralType, tag: str) -> LiteralType:
    copy = LiteralType()
    copy.CopyFrom(kind)
    copy.structure.tag = tag
    return copy


def schema(**columns: int) -> LiteralType:
    listed = [_Column(name=name, type=kind) for name, kind in columns.items()]
    return LiteralType(schema=types_pb2.SchemaType(columns=listed))


def dataset(format: str = "", **columns: LiteralType) -> LiteralType:
    column = types_pb2.StructuredDatasetType.DatasetColumn
    listed = [column(name=name, literal_type=kind) for name, kind in columns.items()]
    return LiteralType(structured_dataset_type=types_pb2.StructuredDatasetType(columns=listed, format=format))


def dataclass(title: str, required: list[str], **properties: object) -> LiteralType:
    kind = LiteralType(simple=types_pb2.STRUCT)
    kind.metadata.update({"type": "object", "title": title, "properties": properties, "required": required})
    return kind


SIMPLE = st.sampled_from([INTEGER, FLOAT, STRING, BOOLEAN, STRUCT, FILE, CSV, COLOUR, NONE])
TABLES = st.sampled_from([schema(), schema(a=_Column.INTEGER), dataset(), dataset(a=INTEGER, b=STRING)])
DISTINCT = st.lists(SIMPLE, min_size=1, max_size=4, unique_by=lambda kind: kind.SerializeToString())


def tag_all(variants: list[LiteralType]) -> LiteralType:
    """A union as flytekit makes it: every variant has a tag of its own."""
    return union(*(tagged(kind, f"t{number}") for number, kind in enumerate(variants)))


TYPES = st.recursive(
    SIMPLE | TABLES,
    lambda inner: (
        inner.map(listed) | inner.map(mapped) | st.lists(inner, min_size=1, max_size=3).map(tag_all)
    ),
    max_leaves=6,
)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.datetimes().map(lambda time: time.replace(microsecond=0))
    | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


def struct_of(**values: object) -> literals_pb2.Literal:
    return literals.generic(values)


def promise(node: str, var: str = "o0", *path: str | int) -> literals_pb2.BindingData:
    """A binding of a node's output, or of what lies at a path inside it."""
    attributes = [
        types_pb2.PromiseAttribute(int_value=part)
        if isinstance(part, int)
        else types_pb2.PromiseAttribute(string_value=part)
        for part in path
    ]
    return literals_pb2.BindingData(
        promise=types_pb2.OutputReference(node_id=node, var=var, attr_path=attributes)
    )
