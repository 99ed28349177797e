"""Names are Flyte's, character by character: the expectations are those of Flyte's own tests."""

from __future__ import annotations

import random

import pytest

from sandbox.idl import names
from sandbox.idl.identifiers import NodeId, UniqueNodeId

LONG = ["x", "y", "z", "m", "n", "y", "z", "m", "n", "y", "z", "m", "n"]


@pytest.mark.parametrize(
    ("parts", "max_length", "wide", "expected"),
    [
        (["x"], 5, False, "x"),
        (["xx"], 1, False, "flfryc2i"),
        (["xxxxxx"], 5, False, "fufiti6i"),
        (["x" * 24], 20, False, "fuaa3aji"),
        (["x", "y", "z"], 10, False, "x-y-z"),
        (["x", "y"], 1, False, "fz2jizji"),
        (["x", "y", "z"], 4, False, "fxzsoqrq"),
        (LONG, 15, False, "fe63sz6y"),
        (LONG, 15, True, "fwp4bky2kucex5"),
        (["", "", "n0"], 20, False, "n0"),
    ],
)
def test_parts_are_joined_or_hashed_as_flyte_does(
    parts: list[str], max_length: int, wide: bool, expected: str
) -> None:
    assert names.fixed_length(parts, max_length, wide=wide) == expected


def test_a_node_is_unique_by_its_lineage() -> None:
    top = names.unique_node_id(None, 0, NodeId("n0"))
    child = names.unique_node_id(top, 0, NodeId("n1"))
    assert (top, child) == ("n0", "n0-0-n1")
    assert names.unique_node_id(child, 2, NodeId("n3")) == "n0-0-n1-2-n3"


def test_a_long_unique_node_id_is_eight_characters() -> None:
    unique = names.unique_node_id(UniqueNodeId("n0-0-n1-0-n2"), 0, NodeId("much-longer"))
    assert len(unique) == 8
    assert unique.startswith("f")


def test_names_of_children_and_attempts_fit_their_limits() -> None:
    assert names.child_execution_name("abc", UniqueNodeId("n0"), 1) == "abc-n0-1"
    assert len(names.child_execution_name("a" * 20, UniqueNodeId("n0"), 0)) == 14
    assert names.unique_task_name("a" * 20, UniqueNodeId("n0"), 0) == "a" * 20 + "-n0-0"
    assert len(names.unique_task_name("a" * 60, UniqueNodeId("n0"), 0)) == 8
    assert len(names.unique_task_name("a" * 43, UniqueNodeId("n0"), 0)) == 48
    assert len(names.unique_task_name("a" * 43, UniqueNodeId("n0"), 0, task_type="ray")) == 8
    assert len(names.unique_task_name("a" * 42, UniqueNodeId("n0"), 0, task_type="ray")) == 47


def test_a_generated_name_is_valid_and_20_characters_long() -> None:
    name = names.generated_execution_name(random.Random(7))
    names.validate_execution_name(name)
    assert len(name) == 20
    assert name != names.generated_execution_name(random.Random(8))


@pytest.mark.parametrize("name", ["a", "a-b-1", "z" * 63])
def test_flytes_execution_names_are_valid(name: str) -> None:
    names.validate_execution_name(name)


@pytest.mark.parametrize("name", ["", "1a", "-a", "aB", "a_b", "a\n", "ä", "z" * 64, "a/b"])
def test_other_execution_names_are_refused_with_a_reason(name: str) -> None:
    with pytest.raises(names.InvalidName, match="invalid name format"):
        names.validate_execution_name(name)


def test_the_node_of_a_lone_task_is_its_sanitised_name() -> None:
    assert names.single_task_node_id("flyte.workflows.example.fit") == "flyteworkflowsexamplefit"
    assert names.single_task_node_id("a" * 70 + ".b_c-d") == "a" * 57 + "bc-d"
