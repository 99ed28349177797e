"""Which order starts when: so many at once as the machine bears, the earliest deadline first, and among
equals the first to come.
"""

from __future__ import annotations

import heapq
import itertools
import time
import typing

from . import protocol, timers

_STARVED_AFTER = 0.5
"""Seconds without a start after which one more is admitted: tasks may wait for tasks that they started."""


class Admission:
    """The orders that wait. `running` counts the living tasks; `start` makes an order one of them."""

    def __init__(
        self,
        most: int,
        clock: timers.Timers,
        running: typing.Callable[[], int],
        start: typing.Callable[[protocol.Order], None],
    ) -> None:
        self._most = most
        self._timers = clock
        self._running = running
        self._start = start
        self._queue: list[tuple[float, int, protocol.Order]] = []
        """A heap: deadline, order of arrival."""
        self._arrivals = itertools.count()
        self._starving = False
        self._closed = False
        self.last_start = time.monotonic()
        """When an order was started last (or when this began)."""

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, order: protocol.Order) -> None:
        """Let an order start at once if there is room, else in its turn."""
        heapq.heappush(self._queue, (order.start_by, next(self._arrivals), order))
        self.admit()

    def remove(self, directory: str) -> protocol.Order | None:
        """Take an attempt's order out of the queue; `None` if it does not wait."""
        for entry in self._queue:
            if entry[2].directory == directory:
                self._queue.remove(entry)
                heapq.heapify(self._queue)
                return entry[2]
        return None

    def close(self) -> None:
        """Start nothing any more."""
        self._closed = True

    def admit(self) -> None:
        """Start as many as there is room for."""
        while self._queue and self._running() < self._most and not self._closed:
            self._start_next()
        if self._queue and not self._starving:
            self._starving = True
            self._timers.after(_STARVED_AFTER, self._relieve)

    def _relieve(self) -> None:
        self._starving = False
        idle = time.monotonic() - self.last_start
        if self._queue and idle >= _STARVED_AFTER and not self._closed:
            self._start_next()
        self.admit()

    def _start_next(self) -> None:
        self.last_start = time.monotonic()
        self._start(heapq.heappop(self._queue)[2])
