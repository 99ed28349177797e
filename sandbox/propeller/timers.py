"""Deadlines of the core thread: things to do at a time, soonest first."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from sandbox.propeller import clock

_LONGEST_WAIT = 86_400.0
"""Seconds; a sleep may be of centuries, which no lock can wait."""


class Timers:
    """A heap of deadlines (microseconds since the epoch). One thread only."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, deadline: int, action: Callable[[], None]) -> None:
        """Have something done once the time has come."""
        heapq.heappush(self._heap, (deadline, next(self._order), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something done in so many seconds."""
        self.at(clock.now() + int(seconds * 1e6), action)

    def due(self, now: int) -> list[Callable[[], None]]:
        """What is to be done now."""
        actions = []
        while self._heap and self._heap[0][0] <= now:
            actions.append(heapq.heappop(self._heap)[2])
        return actions

    def seconds_left(self, now: int) -> float | None:
        """How long to wait for the next deadline, at most a day; None if there is none."""
        if not self._heap:
            return None
        return min(max(0.0, (self._heap[0][0] - now) / 1e6), _LONGEST_WAIT)
