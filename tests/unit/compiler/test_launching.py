"""Inputs of launches: given before default, fixed never overridden, every objection named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from flyteidl.admin import launch_plan_pb2
from flyteidl.core import interface_pb2, literals_pb2

from sandbox.compiler import launching
from sandbox.compiler.errors import InputsRejected
from sandbox.idl import literals
from tests.unit.compiler import build
from tests.unit.idl.kinds import COLOUR, CSV, INTEGER, NONE, STRING, LiteralType, tagged, union

OPTIONAL = union(tagged(INTEGER, "int"), tagged(NONE, "none"))


def values(**given: Any) -> literals_pb2.LiteralMap:
    return literals_pb2.LiteralMap(
        literals={key: literals.from_python(value) for key, value in given.items()}
    )


def required(kind: LiteralType) -> interface_pb2.Parameter:
    return interface_pb2.Parameter(var=interface_pb2.Variable(type=kind), required=True)


def default(kind: LiteralType, value: Any) -> interface_pb2.Parameter:
    return interface_pb2.Parameter(var=interface_pb2.Variable(type=kind), default=literals.from_python(value))


def parameters(**expected: interface_pb2.Parameter) -> interface_pb2.ParameterMap:
    return interface_pb2.ParameterMap(parameters=expected)


def resolved(
    expected: interface_pb2.ParameterMap, fixed: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    result = launching.resolve_inputs(expected, values(**fixed), values(**given))
    return literals.map_to_python(result)


def test_given_inputs_come_before_defaults_and_fixed_ones_are_added() -> None:
    expected = parameters(a=required(INTEGER), b=default(INTEGER, 2), c=default(INTEGER, 3))
    assert resolved(expected, {"d": 4}, {"a": 1, "c": 9}) == {"a": 1, "b": 2, "c": 9, "d": 4}


def test_an_optional_input_without_default_is_none() -> None:
    nothing = interface_pb2.Parameter(var=interface_pb2.Variable(type=OPTIONAL))
    result = launching.resolve_inputs(parameters(a=nothing), values(), values())
    assert result.literals["a"].scalar.union.type.structure.tag == "none"
    assert literals.is_none(result.literals["a"])


def test_a_string_given_for_a_file_becomes_one() -> None:
    given = values(a="s3://x", b="s3://y")
    result = launching.resolve_inputs(
        parameters(a=required(CSV), b=required(STRING), c=default(CSV, "s3://z")), values(), given
    )
    kinds = [result.literals[name].scalar.WhichOneof("value") for name in "abc"]
    assert kinds == ["blob", "primitive", "blob"]


@pytest.mark.parametrize(
    ("fixed", "given", "reason"),
    [
        ({}, {}, "missing input a: a value of type integer"),
        ({}, {"a": "x"}, "invalid input a: wrong type. Expected integer, but got string"),
        ({}, {"a": 1, "z": 1}, "invalid input z: there is no such input; expected are: a, colour"),
        ({"f": 1}, {"a": 1, "f": 2}, "fixed input f cannot be overridden: the launch plan sets it"),
        ({}, {"a": 1, "colour": "blue"}, "Expected enum(red, green), but got 'blue'"),
        ({}, {"a": None}, "invalid input a: wrong type. Expected integer, but got none"),
    ],
)
def test_an_objection_names_the_input(fixed: dict[str, Any], given: dict[str, Any], reason: str) -> None:
    expected = parameters(a=required(INTEGER), colour=default(COLOUR, "red"))
    with pytest.raises(InputsRejected) as caught:
        resolved(expected, fixed, given)
    assert len(caught.value.reasons) == 1
    assert reason in str(caught.value)


def test_all_objections_are_raised_at_once() -> None:
    with pytest.raises(InputsRejected) as caught:
        resolved(parameters(a=required(INTEGER), b=required(STRING)), {}, {"b": 1, "c": 2})
    assert len(caught.value.reasons) == 3


INTERFACE = build.interface({"a": INTEGER, "b": STRING, "c": CSV}, {})


def _spec(
    defaults: Mapping[str, interface_pb2.Parameter] | None = None, **fixed: Any
) -> launch_plan_pb2.LaunchPlanSpec:
    return launch_plan_pb2.LaunchPlanSpec(
        default_inputs=parameters(**(defaults or {})), fixed_inputs=values(**fixed)
    )


def test_a_launch_plan_expects_what_it_does_not_fix() -> None:
    expected, fixed = launching.launch_plan_expected_inputs(
        _spec({"b": default(STRING, "x")}, c="s3://c"), INTERFACE
    )
    assert sorted(expected.parameters) == ["a", "b"]
    assert expected.parameters["a"].required
    assert expected.parameters["b"].default.scalar.primitive.string_value == "x"
    assert fixed.literals["c"].scalar.blob.uri == "s3://c"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (_spec({"z": required(INTEGER)}), "unexpected default_input z: the workflow's inputs are: a, b, c"),
        (_spec({"a": required(STRING)}), "invalid default_input a: wrong type. Expected integer"),
        (_spec({"a": default(INTEGER, "text")}), "default_input a: invalid input a: wrong type"),
        (_spec(z=1), "unexpected fixed_input z"),
        (_spec(a="x"), "fixed_input a: invalid input a: wrong type. Expected integer, but got string"),
    ],
)
def test_a_launch_plan_fits_its_workflow(spec: launch_plan_pb2.LaunchPlanSpec, reason: str) -> None:
    with pytest.raises(InputsRejected) as caught:
        launching.launch_plan_expected_inputs(spec, INTERFACE)
    assert reason in str(caught.value)
