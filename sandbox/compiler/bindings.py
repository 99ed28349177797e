"""Bindings: is every input bound once, to something that exists and has the right type?

Yields, besides mistakes, the nodes that a node reads from and the types that arrive, which are the
interface of nodes that declare none (branches and approvals).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from flyteidl.core import interface_pb2, literals_pb2, types_pb2

from sandbox.compiler.errors import ErrorCode, Problems
from sandbox.compiler.scope import Node, Scope, Variables
from sandbox.idl import bindings as idl_bindings
from sandbox.idl import interfaces, literals, types
from sandbox.idl.paths import START_NODE

OutputsOf = Callable[[Node], Variables | None]
"""The outputs of a node; None when a mistake hides them."""


@dataclass(slots=True)
class Bound:
    """What a node's bindings amount to."""

    variables: dict[str, interface_pb2.Variable] = field(default_factory=dict)
    upstream: dict[str, None] = field(default_factory=dict)
    """The ids of the nodes that are read from, in the order of the bindings."""


def check(
    scope: Scope,
    node: Node,
    bindings: Sequence[literals_pb2.Binding],
    parameters: Variables | None,
    outputs_of: OutputsOf,
) -> Bound:
    """Check the bindings of `node` against its inputs; `parameters` is None where it declares none.

    A promise of the workflow's own inputs gets its node id, `start-node`, filled in.
    """
    checker = _Checker(scope, node, scope.problems, outputs_of)
    bound = Bound()
    seen: set[str] = set()
    for binding in bindings:
        if binding.var in seen:
            checker.report(
                ErrorCode.PARAMETER_BOUND_MORE_THAN_ONCE, f"Input [{binding.var}] is bound more than once."
            )
            continue
        seen.add(binding.var)
        expected = _expected(checker, binding, parameters)
        if expected is None and parameters is not None:
            continue
        kind = checker.resolve(binding.var, binding.binding, expected)
        if kind is not None:
            bound.variables[binding.var] = interface_pb2.Variable(type=kind)
    bound.upstream.update(checker.upstream)
    if parameters is not None:
        _check_complete(checker, parameters, seen)
    return bound


def _expected(
    checker: _Checker, binding: literals_pb2.Binding, parameters: Variables | None
) -> types_pb2.LiteralType | None:
    if parameters is None:
        return None
    if binding.var not in parameters:
        checker.report(
            ErrorCode.VARIABLE_NAME_NOT_FOUND,
            f"Variable [{binding.var}] not found on node [{checker.node.id}]: "
            f"it has the inputs {names(parameters)}.",
        )
        return None
    kind: types_pb2.LiteralType = parameters[binding.var].type
    return kind


def _check_complete(checker: _Checker, parameters: Variables, bound: set[str]) -> None:
    for name in sorted(parameters):
        if name not in bound and not interfaces.is_optional(parameters[name].type):
            checker.report(
                ErrorCode.PARAMETER_NOT_BOUND,
                f"Parameter not bound [{name}]: it needs a value of type "
                f"{types.describe(parameters[name].type)}.",
            )


@dataclass(slots=True)
class _Checker:
    """Resolves the types of one node's bindings. `upstream` grows as promises are met."""

    scope: Scope
    node: Node
    problems: Problems
    outputs_of: OutputsOf
    upstream: dict[str, None] = field(default_factory=dict)

    def report(self, code: ErrorCode, description: str) -> None:
        self.problems.add(code, self.node.id, description)

    def resolve(
        self, name: str, data: literals_pb2.BindingData, expected: types_pb2.LiteralType | None
    ) -> types_pb2.LiteralType | None:
        """The type of what is bound; None after a mistake. With `expected` None, any type goes."""
        match data.WhichOneof("value"):
            case "scalar":
                return self._scalar(name, data.scalar, expected)
            case "promise":
                return self._promise(name, data.promise, expected)
            case "collection" | "map" if expected is not None and expected.union_type.variants:
                return self._variant(name, data, expected)
            case "collection":
                return self._items(name, data, "collection_type", data.collection.bindings, expected)
            case "map":
                items = data.map.bindings
                values = [items[key] for key in sorted(items)]
                return self._items(name, data, "map_value_type", values, expected)
            case _:
                self.report(
                    ErrorCode.PARAMETER_NOT_BOUND, f"Parameter not bound [{name}]: its binding is empty."
                )
                return None

    def _scalar(
        self, name: str, scalar: literals_pb2.Scalar, expected: types_pb2.LiteralType | None
    ) -> types_pb2.LiteralType | None:
        kind = literals.scalar_type(scalar)
        if kind.WhichOneof("type") is None:
            self.report(
                ErrorCode.UNRECOGNIZED_VALUE, f"Unrecognized value bound to [{name}]: it has no known type."
            )
            return None
        if expected is None:
            return kind
        if not types.castable(kind, expected):
            self.report(
                ErrorCode.MISMATCHING_TYPES,
                f"Variable [{name}] (type [{types.describe(kind)}]) "
                f"doesn't match expected type [{types.describe(expected)}].",
            )
            return None
        if not self._is_enum_value(name, scalar, expected):
            return None
        return kind

    def _is_enum_value(self, name: str, scalar: literals_pb2.Scalar, expected: types_pb2.LiteralType) -> bool:
        if expected.WhichOneof("type") != "enum_type":
            return True
        if literals.is_enum_value(literals_pb2.Literal(scalar=scalar), expected.enum_type):
            return True
        self.report(
            ErrorCode.ILLEGAL_ENUM_VALUE,
            f"Input [{name}] on node [{self.node.id}] is an Enum and expects value to be one of "
            f"[{', '.join(expected.enum_type.values)}].  Received [{scalar.primitive.string_value}]",
        )
        return False

    def _promise(
        self, name: str, promise: types_pb2.OutputReference, expected: types_pb2.LiteralType | None
    ) -> types_pb2.LiteralType | None:
        node_id = promise.node_id or START_NODE
        if node_id not in self.scope.nodes:
            self.report(
                ErrorCode.NODE_REFERENCE_NOT_FOUND,
                f"Referenced node [{node_id}] not found: "
                f"input [{name}] is bound to its output [{promise.var}].",
            )
            return None
        promise.node_id = node_id
        self.upstream.setdefault(node_id)
        provider = self.scope.nodes[node_id]
        outputs = self.outputs_of(provider)
        if outputs is None:
            return None  # the mistake at the provider was reported there
        kind = self._promised_type(promise, provider, outputs)
        if kind is None or expected is None or types.is_unknown(kind) or types.castable(kind, expected):
            return kind
        self.report(
            ErrorCode.MISMATCHING_TYPES,
            f"The output variable '{provider.name}.{promise.var}' has type [{types.describe(kind)}], "
            f"but it's assigned to the input variable '{self.node.name}.{name}' which has type "
            f"[{types.describe(expected)}].",
        )
        return None

    def _promised_type(
        self, promise: types_pb2.OutputReference, provider: Node, outputs: Variables
    ) -> types_pb2.LiteralType | None:
        variable, index = idl_bindings.parse_variable(promise.var)
        if variable not in outputs:
            what = "inputs" if provider.id == START_NODE else "outputs"
            self.report(
                ErrorCode.VARIABLE_NAME_NOT_FOUND,
                f"Variable [{variable}] not found on node [{provider.id}]: "
                f"it has the {what} {names(outputs)}.",
            )
            return None
        kind: types_pb2.LiteralType = outputs[variable].type
        if index is not None:
            if kind.WhichOneof("type") != "collection_type":
                self.report(
                    ErrorCode.MISMATCHING_TYPES,
                    f"The output variable '{provider.name}.{variable}' has type [{types.describe(kind)}]: "
                    "only a list has items.",
                )
                return None
            kind = kind.collection_type
        return self._attribute_type(kind, promise)

    def _attribute_type(
        self, kind: types_pb2.LiteralType, promise: types_pb2.OutputReference
    ) -> types_pb2.LiteralType | None:
        """The type at the end of the promise's path.

        It is unknown where a struct says nothing of its fields: what is there turns out at run time.
        """
        for attribute in promise.attr_path:
            kind = types.without_none(kind)
            fields = kind.structure.dataclass_type
            match kind.WhichOneof("type"):
                case "collection_type":
                    kind = kind.collection_type
                case "map_value_type":
                    kind = kind.map_value_type
                case _ if fields and attribute.string_value not in fields:
                    self.report(
                        ErrorCode.FIELD_NOT_FOUND,
                        f"Variable [{promise.var}] (type [{types.describe(kind)}]) doesn't have field "
                        f"[{attribute.string_value}]: it has {names(fields)}.",
                    )
                    return None
                case _ if fields:
                    kind = fields[attribute.string_value]
                case _ if types.is_simple(kind, types_pb2.STRUCT):
                    return types_pb2.LiteralType()
        return kind

    def _items(
        self,
        name: str,
        data: literals_pb2.BindingData,
        container: str,
        items: Sequence[literals_pb2.BindingData],
        expected: types_pb2.LiteralType | None,
    ) -> types_pb2.LiteralType | None:
        if expected is not None and expected.WhichOneof("type") != container:
            self.report(
                ErrorCode.MISMATCHING_BINDINGS,
                f"Input [{name}] on node [{self.node.id}] expects bindings of type "
                f"[{types.describe(expected)}].  Received [{_describe(data)}]",
            )
            return None
        wanted = None if expected is None else getattr(expected, container)
        found = [self.resolve(name, item, wanted) for item in items]
        if None in found:
            return None
        kinds = [kind for kind in found if kind is not None]
        return types_pb2.LiteralType(**{container: kinds[-1] if kinds else types.simple(types_pb2.NONE)})

    def _variant(
        self, name: str, data: literals_pb2.BindingData, expected: types_pb2.LiteralType
    ) -> types_pb2.LiteralType | None:
        """A list or a map bound to a union must fit exactly one of its variants."""
        fitting = []
        for variant in expected.union_type.variants:
            trial = _Checker(self.scope, self.node, Problems(), self.outputs_of)
            kind = trial.resolve(name, data, variant)
            if kind is not None and not len(trial.problems):
                fitting.append((variant, kind, trial))
        if len(fitting) == 1:
            _, kind, trial = fitting[0]
            self.upstream.update(trial.upstream)
            return kind
        kinds = " and ".join(f"[{types.describe(variant)}]" for variant, _, _ in fitting)
        reason = (
            f"which is ambiguous as {kinds} match" if fitting else "which does not match any of the variants"
        )
        code = (
            ErrorCode.AMBIGUOUS_BINDING_UNION_VALUE if fitting else ErrorCode.INCOMPATIBLE_BINDING_UNION_VALUE
        )
        self.report(
            code,
            f"Input [{name}] on node [{self.node.id}] expects bindings of union type "
            f"[{types.describe(expected)}].  Received [{_describe(data)}] {reason}.",
        )
        return None


def _describe(data: literals_pb2.BindingData) -> str:
    """A binding in few words: `list of 3`, `map`."""
    match data.WhichOneof("value"):
        case "collection":
            return f"list of {len(data.collection.bindings)}"
        case "map":
            return f"map with keys {names(data.map.bindings)}"
        case kind:
            return str(kind)


def names(mapping: Iterable[str]) -> str:
    """The names that there are, for a message: `[a, b]`, or `none`."""
    listed = ", ".join(sorted(mapping))
    return f"[{listed}]" if listed else "none"
