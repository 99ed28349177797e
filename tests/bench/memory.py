"""How much memory the control plane takes at most while something runs.

Sampled: the kernel keeps no peak of the proportional set size.
"""

from __future__ import annotations

import threading
from types import TracebackType

from sandbox.appliance import processes
from tests.sandboxes import Sandbox

_INTERVAL = 0.2
"""Seconds from one look to the next: one look costs a few milliseconds of a core."""


class Peak:
    """Samples the control plane's proportional set size (bytes) from its entry to its exit."""

    def __init__(self, sandbox: Sandbox) -> None:
        components = sandbox.status()["components"]
        self._pid = next(int(c["pid"]) for c in components if c["name"] == "control-plane")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.bytes = 0
        """The largest sample so far."""

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    @property
    def mebibytes(self) -> float:
        return self.bytes / 2**20

    def _sample(self) -> None:
        while True:
            self.bytes = max(self.bytes, processes.memory(self._pid))
            if self._done.wait(_INTERVAL):
                return
