"""What goes in and what comes out: small views of `TypedInterface` and of a launch plan's expectations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from flyteidl.core import interface_pb2, types_pb2


class LaunchPlanInterface(Protocol):
    """What the compiler must know about a launch plan; `admin.LaunchPlanClosure` is one."""

    @property
    def expected_inputs(self) -> interface_pb2.ParameterMap: ...

    @property
    def expected_outputs(self) -> interface_pb2.VariableMap: ...


def inputs(interface: interface_pb2.TypedInterface) -> Mapping[str, interface_pb2.Variable]:
    """The input variables by name."""
    variables: Mapping[str, interface_pb2.Variable] = interface.inputs.variables
    return variables


def outputs(interface: interface_pb2.TypedInterface) -> Mapping[str, interface_pb2.Variable]:
    """The output variables by name."""
    variables: Mapping[str, interface_pb2.Variable] = interface.outputs.variables
    return variables


def typed(
    inputs: Mapping[str, interface_pb2.Variable], outputs: Mapping[str, interface_pb2.Variable]
) -> interface_pb2.TypedInterface:
    """An interface whose maps are both present, even when empty, as Flyte's compiler leaves them."""
    return interface_pb2.TypedInterface(
        inputs=interface_pb2.VariableMap(variables=inputs),
        outputs=interface_pb2.VariableMap(variables=outputs),
    )


def empty() -> interface_pb2.TypedInterface:
    """Nothing in, nothing out."""
    return typed({}, {})


def of_launch_plan(plan: LaunchPlanInterface, bound: Collection[str]) -> interface_pb2.TypedInterface:
    """The interface of a node that runs `plan` and binds the inputs `bound`.

    Required inputs must be bound; those with a default show up only when the node overrides them.
    """
    exposed = {
        name: parameter.var
        for name, parameter in plan.expected_inputs.parameters.items()
        if is_required(parameter) or name in bound
    }
    return typed(exposed, plan.expected_outputs.variables)


def is_required(parameter: interface_pb2.Parameter) -> bool:
    """Whether a launch must give a value for it: it has no default, and None is not one of its values."""
    behaviour = parameter.WhichOneof("behavior")
    if behaviour == "required":
        return bool(parameter.required)
    return behaviour != "default" and not is_optional(parameter.var.type)


def is_optional(literal_type: types_pb2.LiteralType) -> bool:
    """Whether None is one of the values of the type, so that it need not be bound."""
    return any(
        variant.WhichOneof("type") == "simple" and variant.simple == types_pb2.NONE
        for variant in literal_type.union_type.variants
    )
