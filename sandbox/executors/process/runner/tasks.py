"""The runner's living children: watched, measured, ended, and swept up after."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import time
import typing

from . import child, entry, measuring, processes, protocol, records, timers

_MEASURE_EVERY = 0.25


class Task:
    """A living child."""

    def __init__(self, order: protocol.Order, pid: int, started_at: float, memory: measuring.Memory) -> None:
        self.order = order
        self.pid = pid
        self.started_at = started_at
        self.memory = memory
        self.ending = ""
        """`aborted`, `timeout`, `memory` or `lost` once this runner has begun to end it."""


class Tasks:
    """All that live. `on_end` is told of each attempt's directory and result."""

    def __init__(
        self,
        clock: timers.Timers,
        grace: float,
        on_end: typing.Callable[[str, records.Result], None],
    ) -> None:
        self._timers = clock
        self._grace = grace
        self._on_end = on_end
        self._living: dict[int, Task] = {}
        self._measuring = False

    def __len__(self) -> int:
        return len(self._living)

    def add(self, order: protocol.Order, pid: int, started_at: float) -> None:
        """Watch a child that was just forked."""
        inherited = 0 if entry.runs_here(order.argv) else measuring.own_peak()
        task = Task(order, pid, started_at, measuring.Memory(pid, inherited))
        self._living[pid] = task
        if order.timeout is not None:
            self._timers.after(order.timeout, lambda: self._time_out(task))
        if not self._measuring:
            self._measuring = True
            self._timers.after(_MEASURE_EVERY, self._measure)

    def abort(self, directory: str) -> None:
        """Begin to end an attempt, if it lives."""
        for task in self._living.values():
            if task.order.directory == directory:
                self._end(task, "aborted")
                return

    def lose_all(self) -> None:
        """Begin to end every task, since this runner is about to end."""
        for task in list(self._living.values()):
            self._end(task, "lost")

    def ended(self, pid: int, status: int, usage: resource.struct_rusage, *, spared: int | None) -> None:
        """A child of this process is gone. `spared`: another child that belongs to no task."""
        task = self._living.pop(pid, None)
        if task is None:
            return
        self._sweep(task, spared)
        shutil.rmtree(records.short_directory(task.order.directory), ignore_errors=True)
        peak = task.memory.peak(measuring.usage_bytes(usage))
        outcome = task.ending or "exited"
        limit = task.order.memory_limit
        if outcome == "exited" and limit is not None and peak is not None and peak > limit:
            outcome = "memory"
        killed_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        exit_code = None if killed_by is not None else os.WEXITSTATUS(status)
        result = records.Result(outcome, exit_code, killed_by, task.started_at, time.time(), peak, "")
        self._on_end(task.order.directory, result)

    def _time_out(self, task: Task) -> None:
        if self._living.get(task.pid) is task:
            self._end(task, "timeout")

    def _end(self, task: Task, why: str) -> None:
        """Begin to end a task: a polite signal, and after the grace a deadly one."""
        if task.ending:
            return
        task.ending = why
        if why == "memory":
            processes.signal_session(task.pid, signal.SIGKILL)
            return
        processes.signal_session(task.pid, signal.SIGTERM)
        self._timers.after(self._grace, lambda: self._kill(task))

    def _kill(self, task: Task) -> None:
        if self._living.get(task.pid) is task:
            processes.signal_session(task.pid, signal.SIGKILL)

    def _sweep(self, task: Task, spared: int | None) -> None:
        """End what a task left behind: its session, and processes that left the session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(task.pid, signal.SIGKILL)
        mine = [pid for pid in processes.children(os.getpid()) if pid not in self._living and pid != spared]
        for pid in mine:
            found = processes.stat(pid)
            if found is not None and found.state != "Z" and self._belongs(found, task):
                processes.send(pid, signal.SIGKILL)

    def _belongs(self, found: processes.Stat, task: Task) -> bool:
        if found.session == task.pid or not self._living:
            return True
        return processes.environment_has(found.pid, f"{child.ATTEMPT_VARIABLE}={task.order.directory}")

    def _measure(self) -> None:
        self._measuring = bool(self._living)
        if not self._living:
            return
        measuring.sample(task.memory for task in self._living.values())
        for task in list(self._living.values()):
            limit = task.order.memory_limit
            if limit is not None and task.memory.largest > limit:
                self._end(task, "memory")
        self._timers.after(_MEASURE_EVERY, self._measure)
