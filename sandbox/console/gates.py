"""Gate nodes as people see them: what a gate waits for, and the form in which it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from flyteidl.core import interface_pb2, literals_pb2, types_pb2, workflow_pb2

from sandbox.console import inputs
from sandbox.console.inputs import Field
from sandbox.idl import literals, types

VALUE = "value"
"""The name of the field for a gate's value."""
_BOOLEAN = types_pb2.LiteralType(simple=types_pb2.BOOLEAN)


@dataclass(frozen=True, slots=True)
class Gate:
    """What a gate node waits for."""

    signal: str
    """The name under which it is answered; empty for one that sleeps."""
    type: types_pb2.LiteralType
    is_approval: bool = False
    sleeps: timedelta | None = None
    timeout: timedelta | None = None
    """How long it waits for an answer."""

    @property
    def wants(self) -> str:
        """The type of the value that must be given, in words."""
        return types.describe(self.type)


def of_node(node: workflow_pb2.Node | None) -> Gate | None:
    """What a node of a workflow waits for; None if it is no gate."""
    if node is None or not node.HasField("gate_node"):
        return None
    gate = node.gate_node
    timeout = node.metadata.timeout.ToTimedelta() or None
    match gate.WhichOneof("condition"):
        case "approve":
            return Gate(gate.approve.signal_id, _BOOLEAN, is_approval=True, timeout=timeout)
        case "signal":
            return Gate(gate.signal.signal_id, gate.signal.type, timeout=timeout)
        case "sleep":
            return Gate("", _BOOLEAN, sleeps=gate.sleep.duration.ToTimedelta())
        case _:
            return None


def field(gate: Gate, text: str = "", wrong: str = "") -> Field:
    """The field for a gate's value, as it was filled in and refused."""
    [empty] = inputs.fields(_parameters(gate.type))
    return replace(empty, default=text, error=wrong)


def read(kind: types_pb2.LiteralType, posted: Mapping[str, str]) -> literals_pb2.Literal:
    """The answer in a posted form. Raises inputs.InvalidInput."""
    decision = posted.get("answer", "")
    if decision in ("approve", "reject"):
        return literals.from_python(decision == "approve")
    texts = {VALUE: posted.get(f"input.{VALUE}", "")}
    given, wrong = inputs.read(_parameters(kind), texts)
    if wrong:
        raise inputs.InvalidInput(wrong[VALUE])
    return given.literals[VALUE]


def _parameters(kind: types_pb2.LiteralType) -> interface_pb2.ParameterMap:
    parameter = interface_pb2.Parameter(var=interface_pb2.Variable(type=kind), required=True)
    return interface_pb2.ParameterMap(parameters={VALUE: parameter})
