"""The core thread's queue: what other threads want it to do, in the order of arrival."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

Letter = tuple[Callable[..., None], tuple[Any, ...]]
"""What to call, and with what."""

_MOST = 1000


class Mailbox:
    """Many threads post, one takes."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Letter] = queue.SimpleQueue()

    def post(self, action: Callable[..., None], *arguments: Any) -> None:
        """Have the core thread call something."""
        self._queue.put((action, arguments))

    def take(self, timeout: float | None) -> list[Letter]:
        """All there is, up to a bound; waits at most `timeout` seconds (None: for ever) for the first."""
        taken: list[Letter] = []
        try:
            taken.append(self._queue.get(timeout=timeout))
            while len(taken) < _MOST:
                taken.append(self._queue.get_nowait())
        except queue.Empty:
            return taken
        return taken
