"""Taking turns at a few things, first come, first served.

The standard semaphore and SQLAlchemy's pool let a thread that comes back at once overtake those that wait;
under load, some wait for seconds. Here who gives something back hands it to the one who has waited longest.
"""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A fair semaphore."""

    def __init__(self, permits: int) -> None:
        self._free = permits
        self._waiting: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    def acquire(self, timeout: float) -> bool:
        """Wait for a turn at most `timeout` seconds; False if none came."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout):
            return True
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # It was handed over just then.

    def release(self) -> None:
        """End a turn."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
