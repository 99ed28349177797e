"""Elements of array nodes, as the shell sees them: how many there are, and what each reads.

Elements share their array's inputs.pb, which holds whole lists; flytekit takes the item at the index that the
environment names. What the catalog and templates in a command see is the element's own value. Reading the
lists is done once for many elements, however large they are.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from flyteidl.core import literals_pb2, workflow_pb2

from sandbox.propeller import offloading
from sandbox.propeller.core.state import Node
from sandbox.propeller.literal_store import LiteralStore
from sandbox.propeller.running import Running

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


def elements_of(running: Running, node: Node) -> list[Node]:
    """The elements of an array node, in order."""
    elements = node.elements
    if elements is None:
        return []
    return running.state.nodes[elements.base : elements.base + elements.size]
