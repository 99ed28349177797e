"""Has passes made over jobs: one thread that waits, the jobs' own pools that work.

A pass says after how many seconds the next one is due. There is never more than one pass over a job at a
time; what woke it meanwhile is remembered. Waiting costs a place in a heap, so that thousands may wait.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

_LOG = logging.getLogger(__name__)


class Job(Protocol):
    """Something that is looked at again and again."""

    @property
    def pool(self) -> Executor:
        """Where its next pass is made."""

    def advance(self) -> float | None:
        """One pass; seconds until the next one, None: there is none unless it is woken."""

    def stumbled(self, error: Exception) -> float | None:
        """A pass raised; seconds until the next one."""


@dataclass(slots=True)
class _Place:
    due: float | None = None
    """Monotonic; None: it is not in the heap."""
    busy: bool = False
    again: bool = False
    """Woken while a pass was under way."""


class Scheduler:
    """Jobs and when they are due. The thread starts with the first job."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Job]] = []
        self._places: dict[Job, _Place] = {}
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def soon(self, job: Job) -> None:
        """Have a pass made over the job now, or after the one that is under way."""
        with self._changed:
            place = self._places.setdefault(job, _Place())
            if place.busy:
                place.again = True
            else:
                self._push(job, place, time.monotonic())
            self._ensure_thread()

    def stop(self) -> None:
        """Begin no more passes."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _ensure_thread(self) -> None:
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def _push(self, job: Job, place: _Place, due: float) -> None:
        if place.due is not None and place.due <= due:
            return
        place.due = due
        heapq.heappush(self._heap, (due, next(self._order), job))
        self._changed.notify_all()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job.pool.submit(self._pass, job)
            except RuntimeError:
                return  # the pools were shut down: the executor is closing

    def _next(self) -> Job | None:
        """The next job that is due, once it is; None when there is to be no more."""
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                if not self._heap:
                    self._changed.wait()
                    continue
                due, _, job = self._heap[0]
                place = self._places.get(job)
                if place is None or place.due != due:
                    heapq.heappop(self._heap)  # it was moved forward, or is over
                elif due > now:
                    self._changed.wait(due - now)
                else:
                    heapq.heappop(self._heap)
                    place.due = None
                    place.busy = True
                    return job
        return None

    def _pass(self, job: Job) -> None:
        try:
            delay = job.advance()
        except Exception as error:  # One job's trouble must not be another's; it is told of, and tried again.
            _LOG.exception("a pass over %s failed", job)
            delay = job.stumbled(error)
        with self._changed:
            place = self._places[job]
            place.busy = False
            if place.again:
                place.again = False
                self._push(job, place, time.monotonic())
            elif delay is None:
                del self._places[job]
            else:
                self._push(job, place, time.monotonic() + delay)
