"""Passes over jobs: in turn, one at a time, and none lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.executors.agent.scheduler import Scheduler
from tests.waiting import eventually


class Counting:
    """Counts its passes; each waits for the gate."""

    def __init__(self, pool: ThreadPoolExecutor, delays: list[float | None]) -> None:
        self.pool = pool
        self.passes = 0
        self.at_once = 0
        self.most_at_once = 0
        self.stumbles = 0
        self.gate = threading.Event()
        self.gate.set()
        self._delays = delays
        self._lock = threading.Lock()

    def advance(self) -> float | None:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.gate.wait(10)
        with self._lock:
            self.at_once -= 1
            self.passes += 1
        delay = self._delays.pop(0) if self._delays else None
        if delay == -1:
            raise RuntimeError("told to")
        return delay

    def stumbled(self, error: Exception) -> float:
        self.stumbles += 1
        return 0.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    scheduler = Scheduler("test")
    yield scheduler
    scheduler.stop()


def test_a_job_is_looked_at_until_it_is_over(scheduler: Scheduler, pool: ThreadPoolExecutor) -> None:
    job = Counting(pool, [0.0, 0.01, None])
    scheduler.soon(job)
    eventually(lambda: job.passes == 3)


def test_a_wake_during_a_pass_is_remembered_and_passes_never_overlap(
    scheduler: Scheduler, pool: ThreadPoolExecutor
) -> None:
    job = Counting(pool, [None, None, None])
    job.gate.clear()
    scheduler.soon(job)
    eventually(lambda: job.at_once == 1)
    scheduler.soon(job)
    scheduler.soon(job)
    job.gate.set()
    eventually(lambda: job.passes == 2)
    assert job.most_at_once == 1


def test_a_wake_comes_before_a_late_date(scheduler: Scheduler, pool: ThreadPoolExecutor) -> None:
    job = Counting(pool, [600.0, None])
    scheduler.soon(job)
    eventually(lambda: job.passes == 1)
    scheduler.soon(job)
    eventually(lambda: job.passes == 2)


def test_a_pass_that_raises_is_followed_by_another(scheduler: Scheduler, pool: ThreadPoolExecutor) -> None:
    job = Counting(pool, [-1, None])
    scheduler.soon(job)
    eventually(lambda: job.passes == 2)
    assert job.stumbles == 1


def test_a_job_that_is_over_can_be_woken_again(scheduler: Scheduler, pool: ThreadPoolExecutor) -> None:
    job = Counting(pool, [])
    scheduler.soon(job)
    eventually(lambda: job.passes == 1)
    scheduler.soon(job)
    eventually(lambda: job.passes == 2)


def test_thousands_wait_without_a_thread_each(scheduler: Scheduler, pool: ThreadPoolExecutor) -> None:
    before = threading.active_count()
    jobs = [Counting(pool, [600.0]) for _ in range(5000)]
    for job in jobs:
        scheduler.soon(job)
    eventually(lambda: all(job.passes == 1 for job in jobs))
    assert threading.active_count() <= before + 5
