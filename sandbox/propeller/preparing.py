"""Preparing a node: resolve its inputs, write them, decide its way, look in the catalog and in what is
recovered, tell what a gate waits for.

Everything here can be done again with the same result (short of what the catalog has learnt meanwhile), so
it happens before anything is committed. The answer is one event: NodePrepared, NodeRecovered or NodeRefused.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from flyteidl.core import catalog_pb2, interface_pb2, literals_pb2, tasks_pb2, types_pb2

from sandbox.idl import bindings, conditions, hashing, interfaces, names, types
from sandbox.idl.identifiers import NodeId
from sandbox.propeller import clock, elements, failure_nodes, memoization, offloading
from sandbox.propeller.core import events
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.kinds import gate
from sandbox.propeller.core.state import Node
from sandbox.propeller.elements import NodeInputs
from sandbox.propeller.literal_store import LiteralStore, UnreadableLiterals
from sandbox.propeller.recovery import Recoverer
from sandbox.propeller.running import Running
from sandbox.propeller.unfolding import Unfolded
from sandbox.store import errors, signals
from sandbox.store.database import Database

_LOG = logging.getLogger(__name__)
_TASKS = (NodeKind.TASK, NodeKind.ELEMENT)
_READERS = (NodeKind.TASK, NodeKind.ARRAY)
"""Nodes whose tasks read the node's inputs.pb."""
_NO_VARIABLES: dict[str, interface_pb2.Variable] = {}


@dataclass(frozen=True, slots=True)
class Blocked:
    """Another execution computes the same cached outputs now: prepare again a little later."""

    node: int


Prepared = events.NodePrepared | events.NodeRecovered | events.NodeRefused | Unfolded | Blocked


class Preparer:
    """Answers PrepareNode."""

    def __init__(
        self, literals: LiteralStore, inputs: NodeInputs, database: Database, recoverer: Recoverer
    ) -> None:
        self._literals = literals
        self._recoverer = recoverer
        self._inputs = inputs
        self._database = database

    def takes_long(self, running: Running, node: Node) -> bool:
        """Whether preparing the node takes a query, or may copy what was recovered."""
        if running.source is not None:
            return True
        if node.spec.kind is NodeKind.GATE:
            return not gate.sleeps(node)
        if node.spec.kind not in _TASKS:
            return False
        return memoization.is_cacheable(node.template)

    def prepare(self, running: Running, node: Node) -> Prepared:
        """What answers. Raises store.errors.Unavailable when it should be tried again."""
        try:
            inputs = self._resolve(running, node)
            recovered = self._recoverer.whole(running, node, inputs)
            if recovered is not None:
                return recovered
            decided = self._decide(running, node, inputs)
            if isinstance(decided, events.NodePrepared):
                return self._recoverer.parts(running, node, inputs, decided)
            return decided
        except bindings.BindingError as error:
            return refuse(node, Failure(error.code, str(error), USER))
        except elements.InvalidArrayLength as error:
            return refuse(node, Failure("InvalidArrayLength", str(error), USER))
        except conditions.ConditionError as error:
            return refuse(node, Failure("ConditionEvaluationFailed", str(error), USER))
        except (errors.ObjectNotFound, UnreadableLiterals) as error:
            message = f"an output that node {node.spec.node_id} needs can't be read: {error}"
            return refuse(node, Failure("InputsNotFound", message, SYSTEM))

    def _resolve(self, running: Running, node: Node) -> literals_pb2.LiteralMap:
        if node.spec.kind in (NodeKind.ELEMENT, NodeKind.CHILD):
            share = self._inputs.of(running, node)
            if node.spec.own_inputs:
                self._literals.put(running.places.inputs(node), share)
            return share

        def upstream(name: NodeId) -> literals_pb2.LiteralMap:
            source = running.places.upstream(node, name)
            if not source.outputs:
                return literals_pb2.LiteralMap()
            return self._literals.get(running.places.outputs(source))

        target = _target(running, node)
        inputs = bindings.resolve(node.spec.proto.inputs, upstream, target, self._literals.whole)
        if failure_nodes.is_one(running.state, node):
            failure_nodes.tell(running.state, node, inputs, target)
        reader = node.spec.task if node.spec.kind in _READERS else None
        if reader is not None and not offloading.is_understood(reader):
            inputs = offloading.inlined(self._literals, inputs)
        uri = running.places.outputs(node) if node.spec.kind is NodeKind.END else running.places.inputs(node)
        self._literals.put(uri, inputs)
        return inputs

    def _decide(
        self, running: Running, node: Node, inputs: literals_pb2.LiteralMap
    ) -> events.NodePrepared | events.NodeRefused | Blocked:
        kind = node.spec.kind
        if kind is NodeKind.BRANCH:
            return _choose(node, offloading.followed(self._literals, inputs))
        if kind is NodeKind.END:
            return events.NodePrepared(clock.now(), node.number, outputs=True)
        if kind is NodeKind.ARRAY:
            size = elements.length(node.spec.proto.array_node, self._inputs.lists(running, node))
            return events.NodePrepared(clock.now(), node.number, size=size)
        if kind is NodeKind.GATE and not gate.sleeps(node):
            return self._announce(running, node)
        if kind in _TASKS:
            template = node.template
            if memoization.is_cacheable(template):
                return self._recall(running, node, template, inputs)
        return events.NodePrepared(clock.now(), node.number)

    def _announce(self, running: Running, node: Node) -> events.NodePrepared | events.NodeRefused:
        """Let people know the signal that a gate waits for, before they see that it waits."""
        name, wanted = gate.signal_of(node), gate.signal_type(node)
        with self._database.reading() as connection:
            told = signals.expect(connection, running.id, name, wanted.SerializeToString(deterministic=True))
        declared = types_pb2.LiteralType.FromString(told)
        if declared == wanted:
            return events.NodePrepared(clock.now(), node.number)
        message = (
            f"the signal {name!r} is already known in this execution as a {types.describe(declared)}, "
            f"and can't be a {types.describe(wanted)} as well. Give one of the gates another name."
        )
        return refuse(node, Failure("SignalTypeConflict", message, USER))

    def _recall(
        self,
        running: Running,
        node: Node,
        template: tasks_pb2.TaskTemplate,
        inputs: literals_pb2.LiteralMap,
    ) -> events.NodePrepared | Blocked:
        try:
            key = memoization.key(template, inputs)
            if running.spec.overwrite_cache:
                return _uncached(node, key, catalog_pb2.CACHE_SKIPPED)
            found = memoization.lookup(self._database, key)
        except errors.Unavailable:
            raise
        except (hashing.CacheKeyError, errors.StoreError) as error:
            _LOG.warning(
                "%s: no look into the catalog for node %s: %s", running.execution, node.unique_id, error
            )
            return events.NodePrepared(clock.now(), node.number, cache=catalog_pb2.CACHE_LOOKUP_FAILURE)
        if found is None:
            serial = template.metadata.cache_serializable
            if serial and not memoization.reserve(self._database, key, reservation_owner(running, node)):
                return Blocked(node.number)
            return _uncached(node, key, catalog_pb2.CACHE_MISS)
        self._literals.put(running.places.attempt(node, 0).outputs, found.outputs)
        packed = memoization.pack(found.metadata)
        return events.NodePrepared(
            clock.now(), node.number, cache=catalog_pb2.CACHE_HIT, catalog=packed, outputs=True
        )


def _is_of_lists(array: Node) -> bool:
    """Whether the task that an array node maps declares the lists themselves, as in flytekit's `map_task`."""
    return not array.spec.proto.array_node.is_original_sub_node_interface.value


def reservation_owner(running: Running, node: Node) -> str:
    """In whose name a node reserves the right to compute cached outputs."""
    return names.unique_task_name(running.execution.name, node.unique_id, 0)


def refuse(node: Node, failure: Failure) -> events.NodeRefused:
    """The node can't run."""
    return events.NodeRefused(clock.now(), node.number, failure)


def _uncached(node: Node, key: memoization.CacheKey, status: int) -> events.NodePrepared:
    packed = memoization.pack(memoization.empty_metadata(key))
    return events.NodePrepared(clock.now(), node.number, cache=status, catalog=packed)


def _choose(node: Node, inputs: literals_pb2.LiteralMap) -> events.NodePrepared | events.NodeRefused:
    """The case of a branch that applies. Raises ConditionError."""
    block = node.spec.proto.branch_node.if_else
    cases = [block.case, *block.other]
    for position, case in enumerate(cases):
        if conditions.evaluate(case.condition, inputs):
            return events.NodePrepared(clock.now(), node.number, case=position)
    default = block.WhichOneof("default")
    if default == "else_node":
        return events.NodePrepared(clock.now(), node.number, case=len(cases))
    if default == "error":
        return refuse(node, Failure("UserProvidedError", block.error.message, USER))
    tried = ", ".join(conditions.describe(case.condition) for case in cases)
    message = f"no condition of branch node {node.spec.node_id} holds, and it has no else: {tried}"
    return refuse(node, Failure("MalformedBranchUserError", message, USER))


def _target(running: Running, node: Node) -> Mapping[str, interface_pb2.Variable]:
    """The variables that a node's bindings feed."""
    kind = node.spec.kind
    if kind is NodeKind.TASK or (kind is NodeKind.ARRAY and node.spec.task and _is_of_lists(node)):
        return interfaces.inputs(node.template.interface)
    if kind is NodeKind.SUBWORKFLOW:
        graph = running.state.scopes[node.scope].closure.workflows[node.spec.subworkflow]
        return interfaces.inputs(graph.template.interface)
    if kind is NodeKind.END:
        return interfaces.outputs(running.state.scopes[node.scope].graph.template.interface)
    return _NO_VARIABLES
