"""What the runner does later: actions by the clock, on the runner's one thread."""

from __future__ import annotations

import heapq
import itertools
import time
import typing


class Timers:
    """Actions and when they are due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, typing.Callable[[], None]]] = []
        self._sequence = itertools.count()

    def after(self, seconds: float, action: typing.Callable[[], None]) -> None:
        """Do something once, in so many seconds."""
        heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._sequence), action))

    def seconds_left(self) -> float | None:
        """How long until something is due; `None` if nothing is."""
        return max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else None

    def run(self) -> None:
        """Do everything that is due."""
        while self._heap and self._heap[0][0] <= time.monotonic():
            heapq.heappop(self._heap)[2]()
