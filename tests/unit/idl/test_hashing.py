"""Hashes are stable, blind to order, and Flyte's: the expectations are those of Flyte's own tests."""

from __future__ import annotations

import base64
import math
import random
from typing import Any

import pytest
from flyteidl.core import interface_pb2, literals_pb2, tasks_pb2, types_pb2
from hypothesis import given
from hypothesis import strategies as st

from sandbox.idl import hashing, literals

PARTIAL = {"integer": "18", "floatValue": 1.3, "stringValue": "lets test this", "boolean": True}
FULL = {
    **PARTIAL,
    "datetime": "2019-03-29T12:00:00Z",
    "duration": "0.001s",
    "mapValue": {"z": "last", "a": "first"},
    "collections": ["1", "2", "3"],
}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (FULL, "YpWyLCP1NW0DVk3Hj64tK70H/9t+5fQlj7yyDK2lSEQ="),
        (PARTIAL, "GhPMTKvJfUPHK8U3vEmoi/wdVBx7IQSPqyjGXAZzquI="),
        (["foo"], "JovCfUl02dV2Ii5M27j3xr1nkYlAmGRaGe7KnBAtCWQ="),
    ],
)
def test_the_object_hash_is_the_one_flyte_uses(document: Any, expected: str) -> None:
    assert base64.b64encode(hashing.hash_json(document)).decode() == expected


def _task(version: str, **inputs: types_pb2.LiteralType) -> tasks_pb2.TaskTemplate:
    template = tasks_pb2.TaskTemplate()
    template.id.name = "my.task"
    template.id.project = "p"
    template.id.domain = "d"
    template.metadata.discovery_version = version
    for name, kind in inputs.items():
        template.interface.inputs.variables[name].type.CopyFrom(kind)
    return template


def test_a_dataset_is_named_by_the_task_and_versioned_by_its_interface() -> None:
    assert hashing.catalog_dataset(_task("1.0.0")) == hashing.DatasetKey(
        "p", "d", "flyte_task-my.task", "1.0.0-GKw-c0Pw-GKw-c0Pw"
    )
    integer = types_pb2.LiteralType(simple=types_pb2.INTEGER)
    with_inputs = hashing.catalog_dataset(_task("1.0.0", **{"1": integer, "2": integer}))
    assert with_inputs.version == "1.0.0-UxVtPm0k-GKw-c0Pw"


def test_a_cached_task_without_a_cache_version_is_refused() -> None:
    with pytest.raises(hashing.CacheKeyError, match="cache_version"):
        hashing.catalog_dataset(_task(" "))


def test_a_tag_is_flytes() -> None:
    inputs = {"1": literals.from_python(1), "2": literals.from_python(2)}
    tag = hashing.cache_tag(literals_pb2.LiteralMap(literals=inputs))
    assert tag == "flyte_cached-GQid5LjHbakcW68DS3P2jp80QLbiF0olFHF2hTh5bg8"


def test_ignored_inputs_do_not_count() -> None:
    one = literals_pb2.LiteralMap(literals={"a": literals.from_python(1), "b": literals.from_python(2)})
    other = literals_pb2.LiteralMap(literals={"a": literals.from_python(1), "b": literals.from_python(3)})
    assert hashing.cache_tag(one) != hashing.cache_tag(other)
    assert hashing.cache_tag(one, ["b"]) == hashing.cache_tag(other, ["b"])


def test_a_literal_that_brings_a_hash_stands_for_it_wherever_it_is() -> None:
    def tag(uri: str, hashed: str) -> str:
        item = literals.blob(uri, types_pb2.BlobType())
        item.hash = hashed
        values = {"list": literals.collection([item]), "map": literals.mapping({"k": item}), "own": item}
        return hashing.cache_tag(literals_pb2.LiteralMap(literals=values))

    assert tag("s3://a", "h") == tag("s3://b", "h")
    assert tag("s3://a", "h") != tag("s3://a", "g")


def test_what_json_cannot_say_has_no_cache_key() -> None:
    broken = literals.generic({"x": math.nan})
    with pytest.raises(hashing.CacheKeyError, match="JSON"):
        hashing.cache_tag(literals_pb2.LiteralMap(literals={"x": broken}))


def _slow_normalise(value: float) -> str:
    """The algorithm as its author describes it, one halving at a time."""
    if value == 0:
        return "+0:"
    sign, value, exponent = ("-" if value < 0 else "+"), abs(value), 0
    while value > 1:
        value, exponent = value / 2, exponent + 1
    while value <= 0.5:
        value, exponent = value * 2, exponent - 1
    text = f"{sign}{exponent}:"
    while value:
        text += "1" if value >= 1 else "0"
        value = (value - 1 if value >= 1 else value) * 2
    return text


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_floats_are_normalised_by_definition(value: float) -> None:
    assert hashing.normalise_float(value) == _slow_normalise(value)


NAMES = st.text(alphabet="abcdefgh", min_size=1, max_size=3)


@given(st.dictionaries(NAMES, st.integers(-5, 5), min_size=2), st.randoms())
def test_digests_and_tags_do_not_depend_on_the_order_of_a_map(
    values: dict[str, int], shuffle: random.Random
) -> None:
    items = list(values.items())
    one = literals_pb2.LiteralMap(literals={k: literals.from_python(v) for k, v in items})
    shuffle.shuffle(items)
    other = literals_pb2.LiteralMap(literals={k: literals.from_python(v) for k, v in items})
    assert hashing.digest(one) == hashing.digest(other)
    assert hashing.cache_tag(one) == hashing.cache_tag(other)


def test_digests_differ_with_the_content() -> None:
    one = interface_pb2.Variable(description="a")
    assert hashing.digest(one) == hashing.digest(interface_pb2.Variable(description="a"))
    assert hashing.digest(one) != hashing.digest(interface_pb2.Variable(description="b"))
