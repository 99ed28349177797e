"""How much memory a task uses: its own process and everything in its session."""

from __future__ import annotations

import resource
import sys
import typing

from . import processes


class Memory:
    """What was seen of one task's memory."""

    def __init__(self, pid: int, inherited: int) -> None:
        self.pid = pid
        self.largest = 0
        """Bytes: the largest sum seen at one instant."""
        self._inherited = inherited
        """What the kernel counts for the process but was the runner's, before it became another program."""

    def peak(self, reported: int) -> int | None:
        """The peak once the task has ended; `reported` is what the kernel says of its first process."""
        own = reported if reported > self._inherited else 0
        return max(self.largest, own) or None


def own_peak() -> int:
    """The largest resident set that this process has had, in bytes."""
    return usage_bytes(resource.getrusage(resource.RUSAGE_SELF))


def usage_bytes(usage: resource.struct_rusage) -> int:
    """The largest resident set of a process that was waited for."""
    return usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024


def sample(tasks: typing.Iterable[Memory]) -> None:
    """Look once at every task. Its first process counts whole, others with what they share with nobody."""
    by_session = {task.pid: task for task in tasks}
    sums = dict.fromkeys(by_session, 0)
    for found in processes.all_stats():
        if found.session in sums:
            own = found.pid == found.session
            sums[found.session] += found.resident if own else processes.private_memory(found.pid)
    for session, total in sums.items():
        task = by_session[session]
        task.largest = max(task.largest, total)
