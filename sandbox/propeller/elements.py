"""Elements of array nodes, as the shell sees them: how many there are, what each reads, what all gave.

Elements share their array's inputs.pb, which holds whole lists; flytekit takes the item at the index that the
environment names. What the catalog and templates in a command see is the element's own value. Reading the
lists is done once for many elements, however large they are.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from flyteidl.core import literals_pb2, types_pb2, workflow_pb2

from sandbox.idl import literals
from sandbox.propeller import clock, offloading
from sandbox.propeller.core import events
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.state import Node
from sandbox.propeller.literal_store import LiteralStore, UnreadableLiterals
from sandbox.propeller.running import Running
from sandbox.propeller.settings import OffloadingSettings
from sandbox.store import errors

_ARRAYS_HELD = 4


class InvalidArrayLength(ValueError):
    """The inputs of an array node have no common length."""


def length(array: workflow_pb2.ArrayNode, inputs: literals_pb2.LiteralMap) -> int:
    """How many elements the array has. Raises InvalidArrayLength.

    What is no list is the same for all elements: SDKs before 1.14 do not say which inputs are bound.
    """
    bound = set(array.bound_inputs)
    lengths = {}
    for name in sorted(set(inputs.literals) - bound):
        value = inputs.literals[name]
        if value.WhichOneof("value") == "collection":
            lengths[name] = len(value.collection.literals)
    if not lengths:
        if len(bound) == len(inputs.literals):
            return 1
        raise InvalidArrayLength("no input array provided")
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"[{name}] has {size}" for name, size in lengths.items())
        raise InvalidArrayLength(f"input arrays have different lengths: {told}")
    return next(iter(lengths.values()))


class NodeInputs:
    """The inputs of nodes; an element's are its share of its array's. Thread-safe."""

    def __init__(self, literal_store: LiteralStore) -> None:
        self._literals = literal_store
        self._lock = threading.Lock()
        self._arrays: OrderedDict[str, literals_pb2.LiteralMap] = OrderedDict()

    def of(self, running: Running, node: Node) -> literals_pb2.LiteralMap:
        """The inputs. Raises ObjectNotFound, ObjectStoreUnavailable, UnreadableLiterals."""
        if node.index < 0:
            return self._literals.get(running.places.inputs(node))
        array = running.state.nodes[node.owner]
        whole = self.lists(running, array)
        bound = array.spec.proto.array_node.bound_inputs
        share = literals_pb2.LiteralMap()
        for name, value in whole.literals.items():
            is_shared = name in bound or value.WhichOneof("value") != "collection"
            item = value if is_shared else value.collection.literals[node.index]
            share.literals[name].CopyFrom(item)
        return share

    def lists(self, running: Running, array: Node) -> literals_pb2.LiteralMap:
        """The inputs of an array node as they are mapped over: references to offloaded lists followed.

        Raises ObjectNotFound, ObjectStoreUnavailable, UnreadableLiterals.
        """
        uri = running.places.inputs(array)
        with self._lock:
            found = self._arrays.get(uri)
            if found is not None:
                self._arrays.move_to_end(uri)
                return found
        found = offloading.followed(self._literals, self._literals.get(uri))
        with self._lock:
            self._arrays[uri] = found
            while len(self._arrays) > _ARRAYS_HELD:
                self._arrays.popitem(last=False)
        return found


def gather(
    store: LiteralStore, settings: OffloadingSettings, running: Running, node: Node
) -> events.ElementsGathered:
    """Write the array's outputs: a list for each variable, with None for elements that failed.

    Raises store.errors.Unavailable when it should be tried again.
    """
    variables = list(node.template.interface.outputs.variables)
    lists = {name: literals_pb2.LiteralCollection() for name in variables}
    try:
        for element in elements_of(running, node):
            outputs = _outputs(store, running, element)
            for name in variables:
                value = outputs.literals[name] if name in outputs.literals else literals.none()
                lists[name].literals.append(value)
    except (errors.ObjectNotFound, UnreadableLiterals) as error:
        message = f"an output of the array node {node.spec.node_id} can't be read: {error}"
        return events.ElementsGathered(clock.now(), node.number, Failure("OutputsNotFound", message, SYSTEM))
    together = literals_pb2.LiteralMap()
    for name, items in lists.items():
        together.literals[name].collection.CopyFrom(items)
    prefix = running.places.attempt(node, node.attempt.number).prefix
    try:
        outputs = offloading.offloaded(store, settings, together, prefix, _list_types(node))
    except offloading.LiteralTooLarge as error:
        failure = Failure("OutputSizeExceeded", f"array node {node.spec.node_id}: {error}", USER)
        return events.ElementsGathered(clock.now(), node.number, failure)
    store.put(running.places.outputs(node), outputs)
    return events.ElementsGathered(clock.now(), node.number)


def _list_types(node: Node) -> dict[str, types_pb2.LiteralType]:
    """The types of an array's outputs. Its task declares the lists, or (one of its own) their items."""
    declares_items = node.spec.proto.array_node.is_original_sub_node_interface.value
    return {
        name: types_pb2.LiteralType(collection_type=variable.type) if declares_items else variable.type
        for name, variable in node.template.interface.outputs.variables.items()
    }


def elements_of(running: Running, node: Node) -> list[Node]:
    """The elements of an array node, in order."""
    elements = node.elements
    if elements is None:
        return []
    return running.state.nodes[elements.base : elements.base + elements.size]


def _outputs(store: LiteralStore, running: Running, element: Node) -> literals_pb2.LiteralMap:
    if not element.has_succeeded or not element.outputs:
        return literals_pb2.LiteralMap()
    return store.get(running.places.outputs(element))
