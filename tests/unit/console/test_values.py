from __future__ import annotations

from flyteidl.core import literals_pb2, types_pb2

from sandbox.console import values
from sandbox.idl import literals


def test_a_long_list_is_cut_and_says_so() -> None:
    value = values.of(literals.from_python(list(range(150))))
    assert (len(value.items), value.left_out, value.note) == (100, 50, "150 items")


def test_a_long_text_is_cut_and_says_so() -> None:
    value = values.of(literals.from_python("x" * 50_000))
    assert len(value.text) == values.MAX_TEXT + 1
    assert "50,000" in value.note


def test_a_file_is_a_link_to_its_download_and_a_directory_only_an_address() -> None:
    kind = types_pb2.BlobType(format="csv")
    assert values.of(literals.blob("s3://b/k", kind)).href == "/console/download?uri=s3%3A%2F%2Fb%2Fk"
    kind.dimensionality = types_pb2.BlobType.MULTIPART
    assert values.of(literals.blob("s3://b/k", kind)).href == ""


def test_a_link_never_runs_a_script() -> None:
    assert values.of(literals.blob("javascript:alert(1)", types_pb2.BlobType())).href == ""


def test_a_data_class_is_a_map() -> None:
    value = values.of(literals.messagepack({"a": {"b": [1, None]}}))
    inner = dict(value.items)["a"]
    assert inner.kind == "map"
    assert [item.kind for _, item in dict(inner.items)["b"].items] == ["number", "none"]


def test_a_broken_binary_is_an_error_and_not_a_crash() -> None:
    broken = literals_pb2.Binary(value=b"\xc1", tag="msgpack")
    value = values.of(literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=broken)))
    assert value.kind == "error"


def test_deep_nesting_ends() -> None:
    literal = literals.from_python(1)
    for _ in range(20):
        literal = literals.collection([literal])
    value, depth = values.of(literal), 0
    while value.items:
        value, depth = value.items[0][1], depth + 1
    assert depth == values.MAX_DEPTH
