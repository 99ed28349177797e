"""Registered things kept in memory: a version never changes once it is there.

Bounded by the serialised size of what is kept, since workflows differ by a factor of a thousand.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

from sandbox.idl.identifiers import EntityId

Kept = TypeVar("Kept")


class EntityCache(Generic[Kept]):
    """The versions that were asked for last. Thread-safe; what it gives out must not be changed."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[EntityId, tuple[Kept, int]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, entity: EntityId) -> Kept | None:
        """What is kept under this name, if it still is."""
        with self._lock:
            found = self._kept.get(entity)
            if found is None:
                return None
            self._kept.move_to_end(entity)
            return found[0]

    def keep(self, entity: EntityId, value: Kept, size: int) -> None:
        """Keep it, in place of what was asked for longest ago; nothing of half the cache's size is kept.

        Only what is committed may be kept. `size` is in bytes.
        """
        if size > self._max_bytes // 2:
            return
        with self._lock:
            if entity in self._kept:
                return
            self._kept[entity] = (value, size)
            self._bytes += size
            while self._bytes > self._max_bytes:
                _, (_, dropped) = self._kept.popitem(last=False)
                self._bytes -= dropped
