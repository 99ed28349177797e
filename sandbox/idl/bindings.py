"""Bindings: from what a node's inputs are bound to, and what upstream nodes gave, to the node's inputs.

A promise may reach into its value (`promise.metrics["loss"][0]`): first through collections and maps of
literals, then through the fields of a data class, be it a struct or a MessagePack document. Scalars found
in a document become primitives, the rest stays a document of the same kind
(`flytepropeller/pkg/controller/nodes/attr_path_resolver.go`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flyteidl.core import interface_pb2, literals_pb2, types_pb2

from sandbox.idl import literals
from sandbox.idl.identifiers import NodeId
from sandbox.idl.paths import START_NODE

Upstream = Callable[[NodeId], literals_pb2.LiteralMap]
"""The outputs of an upstream node; `start-node` has the workflow's inputs."""

Load = Callable[[literals_pb2.Literal], literals_pb2.Literal]
"""Follows a reference to an offloaded literal; gives any other literal back."""

_INDEXED = re.compile(r"\[(?P<index>\d+)\]\.(?P<var>\w+)")


class BindingError(Exception):
    """An input could not be resolved. `code` is Flyte's name for the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


UNRESOLVED = "BindingResolutionError"
BAD_ATTRIBUTE = "PromiseAttributeResolveError"


def resolve(
    bindings: Sequence[literals_pb2.Binding],
    upstream: Upstream,
    target: Mapping[str, interface_pb2.Variable],
    load: Load | None = None,
) -> literals_pb2.LiteralMap:
    """The inputs of a node.

    `target` is the node's own inputs by name: a string bound to a blob becomes one. A branch has no declared
    inputs; what is not in `target` is taken as it is. References to offloaded literals are passed on, and
    followed by `load` only where a promise reaches into them. Raises BindingError.
    """
    resolved = literals_pb2.LiteralMap()
    for binding in bindings:
        try:
            literal = resolve_data(binding.binding, upstream, load or _refuse)
        except BindingError as exc:
            raise BindingError(exc.code, f"failed to bind input [{binding.var}]: {exc}") from exc
        if binding.var in target:
            literal = literals.coerce(literal, target[binding.var].type)
        resolved.literals[binding.var].CopyFrom(literal)
    return resolved


def resolve_data(
    data: literals_pb2.BindingData, upstream: Upstream, load: Load | None = None
) -> literals_pb2.Literal:
    """The value of one binding. Raises BindingError."""
    load = load or _refuse
    match data.WhichOneof("value"):
        case "scalar":
            return literals_pb2.Literal(scalar=data.scalar)
        case "promise":
            return _resolve_promise(data.promise, upstream, load)
        case "collection":
            return literals.collection(
                resolve_data(item, upstream, load) for item in data.collection.bindings
            )
        case "map":
            items = data.map.bindings
            return literals.mapping({key: resolve_data(items[key], upstream, load) for key in items})
        case _:
            raise BindingError(UNRESOLVED, "the binding holds nothing: neither a value nor a promise")


def parse_variable(name: str) -> tuple[str, int | None]:
    """The variable and the index of a promise's name: `x` → (x, None), `[2].x` → (x, 2)."""
    match = _INDEXED.fullmatch(name)
    return (match["var"], int(match["index"])) if match else (name, None)


def _refuse(literal: literals_pb2.Literal) -> literals_pb2.Literal:
    if literal.WhichOneof("value") == "offloaded_metadata":
        uri = literal.offloaded_metadata.uri
        raise BindingError(BAD_ATTRIBUTE, f"the value was offloaded to {uri}; read it first")
    return literal


def _resolve_promise(
    promise: types_pb2.OutputReference, upstream: Upstream, load: Load
) -> literals_pb2.Literal:
    node = NodeId(promise.node_id or START_NODE)
    outputs = upstream(node)
    name, index = parse_variable(promise.var)
    if name not in outputs.literals:
        known = ", ".join(sorted(outputs.literals)) or "none"
        raise BindingError(UNRESOLVED, f"node [{node}] has no output [{name}]; its outputs: {known}")
    literal = outputs.literals[name]
    if index is not None:
        literal = _item(load(literal), index)
    return follow(literal, promise.attr_path, load) if promise.attr_path else literal


# Attribute paths.


def follow(
    literal: literals_pb2.Literal, path: Sequence[types_pb2.PromiseAttribute], load: Load = _refuse
) -> literals_pb2.Literal:
    """What `path` leads to, starting from `literal`. Raises BindingError."""
    for depth, attribute in enumerate(path):
        literal = literals.unwrap(load(literals.unwrap(literal)))
        match literal.WhichOneof("value"):
            case "map":
                literal = _value(literal, attribute)
            case "collection":
                literal = _item(literal, _index(attribute))
            case _:
                return _follow_document(literal.scalar, path[depth:])
    return literal


def _value(literal: literals_pb2.Literal, attribute: types_pb2.PromiseAttribute) -> literals_pb2.Literal:
    values = literal.map.literals
    if attribute.string_value not in values:
        raise _no_key(attribute.string_value, values)
    return values[attribute.string_value]


def _item(literal: literals_pb2.Literal, index: int) -> literals_pb2.Literal:
    items = literal.collection.literals
    if literal.WhichOneof("value") != "collection" or not 0 <= index < len(items):
        raise _no_index(index, len(items))
    return items[index]


def _follow_document(
    scalar: literals_pb2.Scalar, path: Sequence[types_pb2.PromiseAttribute]
) -> literals_pb2.Literal:
    match scalar.WhichOneof("value"):
        case "generic":
            return _from_struct(_descend(literals.read_struct(scalar.generic), path))
        case "binary" if scalar.binary.tag == literals.MESSAGEPACK:
            return _from_messagepack(_descend(_unpack(scalar.binary), path))
        case "binary":
            tag = scalar.binary.tag
            raise BindingError(BAD_ATTRIBUTE, f"a binary of format [{tag}] has no fields that can be read")
        case kind:
            raise BindingError(BAD_ATTRIBUTE, f"a value of kind [{kind}] has no fields or items")


def _unpack(binary: literals_pb2.Binary) -> Any:
    try:
        return literals.read_binary(binary)
    except literals.UnsupportedValue as exc:
        raise BindingError(BAD_ATTRIBUTE, str(exc)) from exc


def _descend(value: Any, path: Sequence[types_pb2.PromiseAttribute]) -> Any:
    for attribute in path:
        if isinstance(value, Mapping):
            key = (
                attribute.string_value
                if attribute.WhichOneof("value") == "string_value"
                else _index(attribute)
            )
            if key not in value:
                raise _no_key(key, value)
            value = value[key]
        elif isinstance(value, list):
            index = _index(attribute)
            if not 0 <= index < len(value):
                raise _no_index(index, len(value))
            value = value[index]
        else:
            raise BindingError(BAD_ATTRIBUTE, f"{_name(attribute)} does not exist in the value {value!r}")
    return value


def _index(attribute: types_pb2.PromiseAttribute) -> int:
    if attribute.WhichOneof("value") != "int_value":
        raise BindingError(BAD_ATTRIBUTE, f"{_name(attribute)} is no index of a list")
    return int(attribute.int_value)


def _from_struct(value: Any) -> literals_pb2.Literal:
    if isinstance(value, Mapping):
        return literals.generic(value)
    if isinstance(value, list):
        return literals.collection(_from_struct(item) for item in value)
    return literals.from_python(value)


def _from_messagepack(value: Any) -> literals_pb2.Literal:
    """A list becomes a collection, so that an array node can map over it; its items stay documents."""
    if isinstance(value, list):
        return literals.collection(literals.messagepack(item) for item in value)
    if value is None or isinstance(value, Mapping | bytes):
        return literals.messagepack(value)
    try:
        return literals.from_python(value)
    except literals.UnsupportedValue as exc:
        raise BindingError(BAD_ATTRIBUTE, str(exc)) from exc


def _name(attribute: types_pb2.PromiseAttribute) -> str:
    kind = attribute.WhichOneof("value")
    return f"attribute [{getattr(attribute, kind) if kind else ''}]"


def _no_key(key: str | int, values: Mapping[Any, Any]) -> BindingError:
    known = ", ".join(sorted(map(str, values))) or "none"
    return BindingError(BAD_ATTRIBUTE, f"key [{key}] does not exist; the keys there are: {known}")


def _no_index(index: int, length: int) -> BindingError:
    return BindingError(BAD_ATTRIBUTE, f"index [{index}] is out of range of a list of {length}")
