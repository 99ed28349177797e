"""When to look at an attempt again, although nothing happened. Pure."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from datetime import datetime

from sandbox.idl.identifiers import AttemptKey


class Alarms:
    """One heap of dates for all attempts. A date that has lost its meaning costs one look in vain."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, AttemptKey]] = []
        self._numbers = itertools.count()
        self._set: set[tuple[datetime, AttemptKey]] = set()

    def at(self, moment: datetime, key: AttemptKey) -> None:
        """Look at an attempt then."""
        if (moment, key) not in self._set:
            self._set.add((moment, key))
            heapq.heappush(self._heap, (moment, next(self._numbers), key))

    def next(self) -> datetime | None:
        """When the first one rings."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: datetime) -> Iterator[AttemptKey]:
        """Those to look at now; they are gone then."""
        while self._heap and self._heap[0][0] <= now:
            moment, _, key = heapq.heappop(self._heap)
            self._set.discard((moment, key))
            yield key
