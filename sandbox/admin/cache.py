"""Registered things kept in memory: a version never changes once it is there.

Bounded by the serialised size of what is kept, since workflows differ by a factor of a thousand.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar, cast

from flyteidl.admin import workflow_pb2
from google.protobuf.message import Message

from sandbox.idl.identifiers import EntityId

Kept = TypeVar("Kept", bound=Message)


class EntityCache:
    """The versions that were asked for last. Thread-safe; what it gives out must not be changed."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[EntityId, tuple[Message, int]] = OrderedDict()
        self._lock = threading.Lock()

    def workflow(self, entity: EntityId, load: Callable[[], workflow_pb2.Workflow]) -> workflow_pb2.Workflow:
        """The workflow, loaded unless it is kept; `load`'s errors pass."""
        return self._get(entity, load)

    def _get(self, entity: EntityId, load: Callable[[], Kept]) -> Kept:
        with self._lock:
            found = self._kept.get(entity)
            if found is not None:
                self._kept.move_to_end(entity)
                return cast(Kept, found[0])
        loaded = load()
        self._put(entity, loaded)
        return loaded

    def _put(self, entity: EntityId, message: Message) -> None:
        size = message.ByteSize()
        if size > self._max_bytes // 2:
            return
        with self._lock:
            if entity in self._kept:
                return
            self._kept[entity] = (message, size)
            self._bytes += size
            while self._bytes > self._max_bytes:
                _, (_, dropped) = self._kept.popitem(last=False)
                self._bytes -= dropped
