"""Literal maps by URI: the object store is the truth, memory saves most of the reads.

What a task wrote is read once, whoever needs it afterwards. Maps are shared: nobody changes one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from flyteidl.core import literals_pb2
from google.protobuf import message

from sandbox.store.objects import ObjectStore


class UnreadableLiterals(Exception):
    """An object that should hold a literal map does not."""


class LiteralStore:
    """Reads and writes literal maps. Thread-safe."""

    def __init__(self, objects: ObjectStore, max_bytes: int) -> None:
        self._objects = objects
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._cached: OrderedDict[str, tuple[literals_pb2.LiteralMap, int]] = OrderedDict()
        self._bytes = 0

    def get(self, uri: str) -> literals_pb2.LiteralMap:
        """The map at a URI. Raises ObjectNotFound, ObjectStoreUnavailable, UnreadableLiterals."""
        with self._lock:
            found = self._cached.get(uri)
            if found is not None:
                self._cached.move_to_end(uri)
                return found[0]
        data = self._objects.get(uri)
        literals = parse(uri, data)
        self._remember(uri, literals, len(data))
        return literals

    def whole(self, literal: literals_pb2.Literal) -> literals_pb2.Literal:
        """The literal; for a reference to an offloaded one, what it refers to, with the reference's hash.

        Raises ObjectNotFound, ObjectStoreUnavailable, UnreadableLiterals.
        """
        if literal.WhichOneof("value") != "offloaded_metadata":
            return literal
        uri = literal.offloaded_metadata.uri
        try:
            found = literals_pb2.Literal.FromString(self._objects.get(uri))
        except message.DecodeError as error:
            raise UnreadableLiterals(f"{uri} does not hold a Literal: {error}") from error
        if not found.hash:
            found.hash = literal.hash
        return found

    def put_bytes(self, uri: str, data: bytes) -> None:
        """Write what is not to be remembered. Raises ObjectStoreUnavailable."""
        self._objects.put(uri, data)

    def put(self, uri: str, literals: literals_pb2.LiteralMap) -> None:
        """Write a map. Raises ObjectStoreUnavailable."""
        data = literals.SerializeToString()
        self._objects.put(uri, data)
        self._remember(uri, literals, len(data))

    def remember(self, uri: str, literals: literals_pb2.LiteralMap, size: int) -> None:
        """Keep a map that someone else read."""
        self._remember(uri, literals, size)

    def _remember(self, uri: str, literals: literals_pb2.LiteralMap, size: int) -> None:
        cost = size + len(uri) + 256
        if cost > self._max_bytes // 4:
            return
        with self._lock:
            old = self._cached.pop(uri, None)
            self._bytes += cost - (old[1] if old else 0)
            self._cached[uri] = (literals, cost)
            while self._bytes > self._max_bytes:
                _, (_, freed) = self._cached.popitem(last=False)
                self._bytes -= freed


def parse(uri: str, data: bytes) -> literals_pb2.LiteralMap:
    """The bytes of an object as a literal map. Raises UnreadableLiterals."""
    try:
        return literals_pb2.LiteralMap.FromString(data)
    except message.DecodeError as error:
        raise UnreadableLiterals(f"{uri} does not hold a LiteralMap: {error}") from error
