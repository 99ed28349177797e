"""Bindings are resolved against upstream outputs, however deep a promise reaches."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core import interface_pb2, literals_pb2, types_pb2

from sandbox.idl import bindings, literals
from sandbox.idl.identifiers import NodeId
from tests.unit.idl import kinds
from tests.unit.idl.kinds import CSV, FILE, STRING, LiteralType, listed

METRICS = {"loss": [1.0, 0.5], "best": {"epoch": 2, "name": "last"}}
OUTPUTS = {
    "start-node": {"uri": literals.from_python("s3://data.csv"), "n": literals.from_python(3)},
    "n0": {
        "o0": literals.from_python([1, 2, 3]),
        "by_name": literals.mapping({"a": literals.from_python(["x", "y"])}),
        "struct": literals.generic(METRICS),
        "packed": literals.messagepack(METRICS),
        "maybe": literals.union(literals.messagepack(METRICS), LiteralType(simple=types_pb2.STRUCT)),
        "raw": literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=literals_pb2.Binary(value=b"x"))),
    },
}


def upstream(node: NodeId) -> literals_pb2.LiteralMap:
    return literals_pb2.LiteralMap(literals=OUTPUTS[node])


def promise(var: str, *path: str | int, node: str = "n0") -> literals_pb2.BindingData:
    return kinds.promise(node, var, *path)


def resolve(data: literals_pb2.BindingData, kind: LiteralType | None = None) -> Any:
    target = {} if kind is None else {"x": interface_pb2.Variable(type=kind)}
    resolved = bindings.resolve([literals_pb2.Binding(var="x", binding=data)], upstream, target)
    return literals.to_python(resolved.literals["x"])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (promise("n", node=""), 3),
        (promise("o0"), [1, 2, 3]),
        (promise("[1].o0"), 2),
        (promise("o0", 2), 3),
        (promise("by_name", "a", 1), "y"),
        (promise("struct", "loss", 1), 0.5),
        (promise("struct", "best"), METRICS["best"]),
        (promise("packed", "best", "epoch"), 2),
        (promise("packed", "best"), METRICS["best"]),
        (promise("packed", "loss"), [1.0, 0.5]),
        (promise("maybe", "best", "name"), "last"),
    ],
)
def test_a_promise_reaches_its_value(data: literals_pb2.BindingData, expected: Any) -> None:
    assert resolve(data) == expected


def test_the_kind_of_a_document_stays() -> None:
    struct = bindings.resolve_data(promise("struct", "best"), upstream)
    packed = bindings.resolve_data(promise("packed", "best"), upstream)
    items = bindings.resolve_data(promise("packed", "loss"), upstream)
    assert struct.scalar.WhichOneof("value") == "generic"
    assert packed.scalar.binary.tag == literals.MESSAGEPACK
    assert items.collection.literals[0].scalar.binary.tag == literals.MESSAGEPACK


def test_lists_and_maps_of_bindings_are_resolved_item_by_item() -> None:
    items = literals_pb2.BindingDataCollection(bindings=[promise("n", node=""), promise("o0", 0)])
    listed_data = literals_pb2.BindingData(collection=items)
    mapped = literals_pb2.BindingData(map=literals_pb2.BindingDataMap(bindings={"k": listed_data}))
    assert resolve(listed_data) == [3, 1]
    assert resolve(mapped) == {"k": [3, 1]}


def test_scalars_are_taken_as_they_are() -> None:
    scalar = literals.from_python(None).scalar
    assert resolve(literals_pb2.BindingData(scalar=scalar)) is None


def test_a_string_bound_to_a_file_becomes_one() -> None:
    data = promise("uri", node="start-node")
    target = {"x": interface_pb2.Variable(type=CSV), "y": interface_pb2.Variable(type=STRING)}
    both = [literals_pb2.Binding(var=var, binding=data) for var in ("x", "y")]
    resolved = bindings.resolve(both, upstream, target)
    assert resolved.literals["x"].scalar.blob.uri == "s3://data.csv"
    assert resolved.literals["y"].scalar.primitive.string_value == "s3://data.csv"


def test_strings_in_a_map_of_lists_become_files_as_well() -> None:
    assert resolve(promise("by_name", "a"), listed(FILE)) == ["x", "y"]
    made = bindings.resolve(
        [literals_pb2.Binding(var="x", binding=promise("by_name", "a"))],
        upstream,
        {"x": interface_pb2.Variable(type=listed(FILE))},
    )
    assert made.literals["x"].collection.literals[0].scalar.WhichOneof("value") == "blob"


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (promise("nope"), bindings.UNRESOLVED, r"node \[n0\] has no output \[nope\]; its outputs: by_name, "),
        (promise("o0", 3), bindings.BAD_ATTRIBUTE, r"index \[3\] is out of range of a list of 3"),
        (promise("o0", -1), bindings.BAD_ATTRIBUTE, r"index \[-1\] is out of range"),
        (promise("o0", "a"), bindings.BAD_ATTRIBUTE, r"attribute \[a\] is no index"),
        (promise("by_name", "b"), bindings.BAD_ATTRIBUTE, r"key \[b\] does not exist; the keys there are: a"),
        (promise("struct", "no"), bindings.BAD_ATTRIBUTE, r"key \[no\] does not exist"),
        (promise("packed", "loss", 7), bindings.BAD_ATTRIBUTE, r"index \[7\] is out of range"),
        (
            promise("packed", "best", "epoch", "x"),
            bindings.BAD_ATTRIBUTE,
            r"\[x\] does not exist in the value 2",
        ),
        (promise("raw", "x"), bindings.BAD_ATTRIBUTE, "no fields that can be read"),
        (promise("n", "x", node=""), bindings.BAD_ATTRIBUTE, r"kind \[primitive\] has no fields"),
        (literals_pb2.BindingData(), bindings.UNRESOLVED, "holds nothing"),
    ],
)
def test_what_cannot_be_resolved_says_why(data: literals_pb2.BindingData, code: str, message: str) -> None:
    with pytest.raises(bindings.BindingError, match=message) as caught:
        resolve(data)
    assert caught.value.code == code
    assert "failed to bind input [x]" in str(caught.value)


def test_a_reference_is_passed_on_and_followed_where_a_promise_reaches_into_it() -> None:
    reference = literals_pb2.Literal()
    reference.offloaded_metadata.uri = "s3://bucket/large"

    def upstream_of(_: NodeId) -> literals_pb2.LiteralMap:
        return literals_pb2.LiteralMap(literals={"x": reference})

    def load(literal: literals_pb2.Literal) -> literals_pb2.Literal:
        return literals.from_python([1, 2, 3]) if literal == reference else literal

    assert bindings.resolve_data(promise("x"), upstream_of, load) == reference
    for data in (promise("x", 1), promise("[1].x")):
        assert bindings.resolve_data(data, upstream_of, load) == literals.from_python(2)
        with pytest.raises(bindings.BindingError, match="s3://bucket/large"):
            bindings.resolve_data(data, upstream_of)
