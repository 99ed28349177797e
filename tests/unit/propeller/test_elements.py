"""How many elements an array node has."""

from __future__ import annotations

import pytest
from flyteidl.core import literals_pb2, workflow_pb2

from sandbox.idl import literals
from sandbox.propeller.elements import InvalidArrayLength, length

LIST = literals.from_python([1, 2, 3])
SHORT = literals.from_python([1])
NUMBER = literals.from_python(7)


@pytest.mark.parametrize(
    ("inputs", "bound", "expected"),
    [
        ({"x": LIST}, [], 3),
        ({"x": LIST, "y": LIST}, [], 3),
        ({"x": LIST, "y": SHORT}, ["y"], 3),
        ({"x": LIST, "y": NUMBER}, ["y"], 3),
        ({"x": LIST, "y": NUMBER}, [], 3),
        ({"y": NUMBER}, ["y"], 1),
        ({"x": literals.from_python([])}, [], 0),
    ],
)
def test_lists_that_are_not_bound_decide(
    inputs: dict[str, literals_pb2.Literal], bound: list[str], expected: int
) -> None:
    array = workflow_pb2.ArrayNode(bound_inputs=bound)
    assert length(array, literals_pb2.LiteralMap(literals=inputs)) == expected


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"x": LIST, "y": SHORT}, r"\[x\] has 3, \[y\] has 1"),
        ({"y": NUMBER}, "no input array"),
    ],
)
def test_inputs_without_a_common_length_are_refused(
    inputs: dict[str, literals_pb2.Literal], words: str
) -> None:
    with pytest.raises(InvalidArrayLength, match=words):
        length(workflow_pb2.ArrayNode(), literals_pb2.LiteralMap(literals=inputs))
