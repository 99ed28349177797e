"""The Docker executor: attempts of `raw-container` tasks, each in a container of its own.

Containers outlive this process; `start` finds them again. New ones wait for their turn while as many run as
the machine has room for. docker is imported when the first such task comes: most sandboxes never see one.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.executors.api import AttemptUpdate, Sink, TaskRequest
from sandbox.executors.process.settings import ProcessSettings
from sandbox.idl.identifiers import AttemptKey

if TYPE_CHECKING:
    from sandbox.copilot.files import Objects
    from sandbox.executors.docker.daemon import Daemon
    from sandbox.executors.docker.life import Life

_LOG = logging.getLogger(__name__)


class DockerExecutor:
    """Implements `sandbox.executors.api.Executor`."""

    def __init__(self, settings: ProcessSettings, objects: Objects) -> None:
        self._settings = settings
        self._objects = objects
        self._sink: Sink | None = None
        self._lock = threading.Lock()
        self._lives: dict[AttemptKey, Life] = {}
        self._turns = _Turns(settings.max_running or 2 * (os.cpu_count() or 1))
        self._daemon: Daemon | None = None
        self._cleaner: threading.Thread | None = None
        self._to_forget: queue.SimpleQueue[Life] = queue.SimpleQueue()

    def connect(self, sink: Sink) -> None:
        """Name the one receiver of updates."""
        self._sink = sink

    def start(self, request: TaskRequest) -> None:
        """Start the attempt, or attach to it."""
        with self._lock:
            life = self._lives.get(request.key)
            if life is None:
                new = self._lives[request.key] = self._life(request.key, request)
        if life is not None:
            life.repeat()
        elif new.was_begun:
            _thread(new.run)
        elif not self._turns.take(new.run):
            new.queue()

    def abort(self, key: AttemptKey, reason: str) -> None:
        """End the attempt and its container."""
        with self._lock:
            life = self._lives.get(key)
            known = life is not None
            if life is None:
                life = self._lives[key] = self._life(key, None)
        if not known:
            _thread(life.run)
        elif life.is_over:
            life.repeat()
        _thread(lambda: life.end("aborted", reason))

    def forget(self, key: AttemptKey) -> None:
        """Remove the container, and everything but the log."""
        with self._lock:
            life = self._lives.pop(key, None) or self._life(key, None)
            if self._cleaner is None:
                self._cleaner = _thread(self._clean)
        self._to_forget.put(life)

    def close(self) -> None:
        """Stop reporting; containers go on."""
        self._sink = None

    def _life(self, key: AttemptKey, request: TaskRequest | None) -> Life:
        # Late: docker's package costs 15 MiB and 0.2 s, and most sandboxes never run a container.
        from sandbox.executors.docker import life  # noqa: PLC0415

        return life.Life(key, request, self._settings, self._objects, connect=self._connect, tell=self._tell)

    def _connect(self) -> Daemon:
        """The one connection; raises daemon.DaemonUnavailable."""
        from sandbox.executors.docker import daemon  # noqa: PLC0415 - late, as above

        with self._lock:
            if self._daemon is None:
                self._daemon = daemon.connect()
            return self._daemon

    def _tell(self, update: AttemptUpdate) -> None:
        sink = self._sink
        if sink is not None:
            sink(update)

    def _clean(self) -> None:
        from sandbox.executors.docker.daemon import DaemonError  # noqa: PLC0415 - late, as above

        while True:
            life = self._to_forget.get()
            try:
                life.forget()
            except (DaemonError, OSError) as exc:
                _LOG.warning("a container was left behind, `sandbox stop` will remove it: %s", exc)


class _Turns:
    """Lets so many run at once; the others wait in order."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def take(self, run: Callable[[], None]) -> bool:
        """Run it on a thread, now or later; whether it is now."""
        with self._lock:
            if self._running >= self._limit:
                self._waiting.append(run)
                return False
            self._running += 1
        _thread(lambda: self._work(run))
        return True

    def _work(self, run: Callable[[], None]) -> None:
        while True:
            run()
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                run = self._waiting.popleft()


def _thread(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name="docker-attempt", daemon=True)
    thread.start()
    return thread
