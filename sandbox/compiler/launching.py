"""Launching: from what a launch plan fixes and presets, and what a request gives, to an execution's inputs.

Admin uses it for requests, propeller for launch-plan nodes (`flyteadmin/pkg/manager/impl/validation`).
"""

from __future__ import annotations

from collections.abc import Mapping

from flyteidl.admin import launch_plan_pb2
from flyteidl.core import interface_pb2, literals_pb2

from sandbox.compiler.errors import InputsRejected
from sandbox.idl import interfaces, literals, types


def resolve_inputs(
    parameters: interface_pb2.ParameterMap,
    fixed: literals_pb2.LiteralMap,
    given: literals_pb2.LiteralMap,
) -> literals_pb2.LiteralMap:
    """The inputs of an execution: those given, then defaults, then the fixed ones.

    `parameters` are the launch plan's expected inputs; a string given for a blob becomes one. Raises
    InputsRejected naming every unknown, missing, mistyped and fixed input.
    """
    reasons = [_unexpected(name, parameters, fixed) for name in _unknown(parameters, given)]
    resolved = literals_pb2.LiteralMap()
    for name in sorted(parameters.parameters):
        parameter = parameters.parameters[name]
        if name in given.literals:
            reason = _mismatch(name, given.literals[name], parameter.var)
            if reason:
                reasons.append(reason)
            else:
                value = literals.coerce(given.literals[name], parameter.var.type)
                resolved.literals[name].CopyFrom(value)
        elif interfaces.is_required(parameter):
            reasons.append(f"missing input {name}: a value of type {types.describe(parameter.var.type)}")
        else:
            resolved.literals[name].CopyFrom(_default(parameter))
    if reasons:
        raise InputsRejected(reasons)
    for name, literal in fixed.literals.items():
        resolved.literals[name].CopyFrom(literal)
    return resolved


def launch_plan_expected_inputs(
    spec: launch_plan_pb2.LaunchPlanSpec, workflow_interface: interface_pb2.TypedInterface
) -> tuple[interface_pb2.ParameterMap, literals_pb2.LiteralMap]:
    """What a launch of this plan expects, and what the plan fixes.

    Expected is every input of the workflow that is not fixed: with the plan's default, or else required.
    Raises InputsRejected when the plan names inputs that the workflow does not have, or gives them the
    wrong type.
    """
    variables = interfaces.inputs(workflow_interface)
    defaults, fixed = spec.default_inputs.parameters, spec.fixed_inputs.literals
    reasons = [
        *_check_defaults(spec.default_inputs, variables),
        *_check_fixed(spec.fixed_inputs, variables),
    ]
    if reasons:
        raise InputsRejected(reasons)
    expected = interface_pb2.ParameterMap()
    for name in sorted(variables):
        if name in defaults:
            expected.parameters[name].CopyFrom(defaults[name])
        elif name not in fixed:
            expected.parameters[name].CopyFrom(_required(variables[name]))
    resolved = literals_pb2.LiteralMap()
    for name in sorted(fixed):
        resolved.literals[name].CopyFrom(literals.coerce(fixed[name], variables[name].type))
    return expected, resolved


def _unknown(parameters: interface_pb2.ParameterMap, given: literals_pb2.LiteralMap) -> list[str]:
    return sorted(name for name in given.literals if name not in parameters.parameters)


def _unexpected(name: str, parameters: interface_pb2.ParameterMap, fixed: literals_pb2.LiteralMap) -> str:
    if name in fixed.literals:
        return f"fixed input {name} cannot be overridden: the launch plan sets it"
    return f"invalid input {name}: there is no such input; expected are: {_names(parameters.parameters)}"


def _mismatch(name: str, literal: literals_pb2.Literal, variable: interface_pb2.Variable) -> str | None:
    if literals.literal_matches_type(literal, variable.type):
        return None
    given = types.describe(literals.literal_type_of(literal))
    expected = types.describe(variable.type)
    if variable.type.WhichOneof("type") == "enum_type" and given == "string":
        given = repr(literals.to_python(literal))
    return f"invalid input {name}: wrong type. Expected {expected}, but got {given}"


def _default(parameter: interface_pb2.Parameter) -> literals_pb2.Literal:
    """The default as its type wants it; without one the input is optional, and None."""
    if parameter.WhichOneof("behavior") == "default":
        return literals.coerce(parameter.default, parameter.var.type)
    nothing = literals.none()
    for variant in parameter.var.type.union_type.variants:
        if types.is_none(variant):
            return literals.union(nothing, variant)
    return nothing


def _required(variable: interface_pb2.Variable) -> interface_pb2.Parameter:
    return interface_pb2.Parameter(
        var=interface_pb2.Variable(type=variable.type, description=variable.description), required=True
    )


def _check_defaults(
    defaults: interface_pb2.ParameterMap, variables: Mapping[str, interface_pb2.Variable]
) -> list[str]:
    reasons = []
    for name in sorted(defaults.parameters):
        parameter = defaults.parameters[name]
        if name not in variables:
            reasons.append(f"unexpected default_input {name}: the workflow's inputs are: {_names(variables)}")
        elif not types.castable(parameter.var.type, variables[name].type):
            have, want = types.describe(parameter.var.type), types.describe(variables[name].type)
            reasons.append(f"invalid default_input {name}: wrong type. Expected {want}, but got {have}")
        elif parameter.WhichOneof("behavior") == "default":
            reason = _mismatch(name, parameter.default, variables[name])
            if reason:
                reasons.append(f"default_input {name}: {reason}")
    return reasons


def _check_fixed(
    fixed: literals_pb2.LiteralMap, variables: Mapping[str, interface_pb2.Variable]
) -> list[str]:
    reasons = []
    for name in sorted(fixed.literals):
        if name not in variables:
            reasons.append(f"unexpected fixed_input {name}: the workflow's inputs are: {_names(variables)}")
        elif reason := _mismatch(name, fixed.literals[name], variables[name]):
            reasons.append(f"fixed_input {name}: {reason}")
    return reasons


def _names(mapping: Mapping[str, object]) -> str:
    return ", ".join(sorted(mapping)) or "none"
