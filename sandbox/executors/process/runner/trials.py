"""Learning when there is nothing else to do: what tasks have imported is tried in a fork, then imported."""

from __future__ import annotations

import os
import typing

from . import child, learning, timers

_LEARN_AFTER = 0.3
"""Seconds after which it is looked again whether the runner is idle."""


class Trials:
    """At most one trial at a time. `idle` says whether nothing runs or waits; `inherited` lists the runner's
    own descriptors, which a fork must close."""

    def __init__(
        self,
        clock: timers.Timers,
        lessons: learning.Lessons,
        idle: typing.Callable[[], bool],
        inherited: typing.Callable[[], list[int]],
    ) -> None:
        self._timers = clock
        self._lessons = lessons
        self._idle = idle
        self._inherited = inherited
        self._names: list[str] = []
        self._next: typing.Callable[[], None] | None = None
        self._closed = False
        self.pid: int | None = None
        """The process of the trial under way."""

    def hear(self) -> None:
        """A task has told what it imported."""
        self._lessons.hear()
        self._when_idle(self._try_out)

    def ended(self, pid: int, status: int) -> None:
        """A child of this process is gone; if it was the trial, draw the conclusion."""
        if pid != self.pid:
            return
        self.pid = None
        names = self._names
        if status == 0:
            self._when_idle(lambda: self._lessons.learn(names))

    def close(self) -> None:
        """Learn nothing any more."""
        self._closed = True

    def _when_idle(self, action: typing.Callable[[], None]) -> None:
        """Do one thing once nothing has been running for a while."""
        if self._next is None:
            self._timers.after(_LEARN_AFTER, self._do_next)
        self._next = action

    def _do_next(self) -> None:
        if not self._idle():
            self._timers.after(_LEARN_AFTER, self._do_next)
            return
        action, self._next = self._next, None
        if action is not None and not self._closed:
            action()

    def _try_out(self) -> None:
        """Have a forked process import what tasks have imported."""
        if self.pid is not None:
            return
        names = self._lessons.next()
        if not names:
            return
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            child.leave_runner(self._inherited(), parent)
            learning.try_out(names)
        self.pid, self._names = pid, names
