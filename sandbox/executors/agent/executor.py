"""The connector executor: tasks that connectors serve go there, all others to the executor behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from sandbox.executors.agent.directory import Offer
from sandbox.executors.agent.endpoints import Endpoint
from sandbox.executors.agent.notes import Notes, Objects
from sandbox.executors.agent.runs import Behind, Run, Stage, Surroundings
from sandbox.executors.agent.scheduler import Scheduler
from sandbox.executors.agent.settings import ConnectorSettings
from sandbox.executors.api import AttemptUpdate, Remembering, Sink, TaskRequest
from sandbox.idl.identifiers import AttemptKey

PLAIN_TYPES = frozenset(
    {"python-task", "container", "raw-container", "sidecar", "container_array", "echo", "dynamic-task"}
)
"""What Flyte runs as containers whatever connectors say: these cost no look at anything."""
_CLOSING = 5.0
"""Seconds that answers to CreateTask are waited for when the control plane stops."""


class ConnectorExecutor:
    """Implements `sandbox.executors.api.Executor` in front of another executor."""

    def __init__(self, settings: ConnectorSettings, objects: Objects, behind: Behind) -> None:
        self._settings = settings
        self._behind = behind
        self._notes = Notes(objects, settings.notes_prefix)
        self._lock = threading.Lock()
        self._runs: dict[AttemptKey, Run] = {}
        self._sink: Sink | None = None
        self._scheduler = Scheduler("connectors")
        self._endpoints = [Endpoint(address, settings, self._looked) for address in settings.endpoints]
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="connectors")
        self._around = Surroundings(
            settings=settings,
            notes=self._notes,
            objects=objects,
            endpoints=self._endpoints,
            pool=self._pool,
            behind=behind,
            tell=self._tell,
            look=self._look,
            release=self._release,
            waiting=lambda: len(self._runs),
        )

    def connect(self, sink: Sink) -> None:
        """Name the one receiver of updates; from here on the endpoints are looked at."""
        self._sink = sink
        self._behind.connect(sink)
        self._look()

    def start(self, request: TaskRequest) -> None:
        """Start the attempt, or attach to it."""
        if request.template.type in PLAIN_TYPES:
            self._behind.start(request)
            return
        with self._lock:
            known = self._runs.get(request.key)
            run = self._runs.setdefault(request.key, known or Run(request, self._around))
        if known is not None and known.latest is not None:
            self._tell(known.latest)
        if known is None:
            self._scheduler.soon(run)

    def abort(self, key: AttemptKey, reason: str) -> None:
        """End the attempt and the job at its connector."""
        with self._lock:
            run = self._runs.get(key)
            if run is not None:
                run.aborting = run.aborting or reason
        if run is None:
            self._behind.abort(key, reason)
        elif run.stage is Stage.OVER and run.latest is not None:
            self._tell(run.latest)
        else:
            run.hang_up()
            self._scheduler.soon(run)

    def forget(self, key: AttemptKey) -> None:
        """The result was committed: the note may go."""
        with self._lock:
            run = self._runs.pop(key, None)
        if run is None:
            self._behind.forget(key)
        else:
            self._pool.submit(self._notes.remove, key)

    def remembered(self) -> Iterable[AttemptKey]:
        """What the executor behind remembers."""
        return self._behind.remembered() if isinstance(self._behind, Remembering) else ()

    def close(self) -> None:
        """Stop reporting. What runs at connectors goes on and is found again."""
        self._sink = None
        self._scheduler.stop()
        deadline = time.monotonic() + _CLOSING
        for endpoint in self._endpoints:
            endpoint.close(max(0.0, deadline - time.monotonic()))
        self._pool.shutdown(wait=False)
        self._behind.close()

    def offers(self) -> list[Offer]:
        """What the endpoints serve, as far as it is known."""
        return [endpoint.offer for endpoint in self._endpoints]

    def _look(self) -> None:
        for endpoint in self._endpoints:
            self._scheduler.soon(endpoint)

    def _looked(self, offer: Offer) -> None:
        """Somebody may have waited for it."""
        with self._lock:
            routing = [run for run in self._runs.values() if run.stage is Stage.ROUTING]
        for run in routing:
            self._scheduler.soon(run)

    def _release(self, run: Run) -> str | None:
        with self._lock:
            self._runs.pop(run.key, None)
            return run.aborting

    def _tell(self, update: AttemptUpdate) -> None:
        sink = self._sink
        if sink is not None:
            sink(update)
