"""How soon to look at a task again: often while it is young, and never too often for all together."""

from __future__ import annotations

FIRST = 0.05
SLOWEST = 10.0
_SHARE = 0.2
"""Of a task's age: who has waited for a minute may wait for another few seconds."""
_LOOKS_A_SECOND = 50.0
"""At most, over all tasks that are waited for: thousands of sensors must cost next to nothing."""
_RETRIES = (0.2, 0.5, 1.0, 2.0, 5.0)


def interval(age: float, waiting: int) -> float:
    """Seconds between two looks at a task that began `age` seconds ago, one of `waiting`."""
    return max(FIRST, min(age * _SHARE, SLOWEST), waiting / _LOOKS_A_SECOND)


def pause(failures: int) -> float:
    """Seconds before a call that failed so many times in a row is tried again."""
    return _RETRIES[min(failures, len(_RETRIES)) - 1] if failures else 0.0


def telling(age: float) -> float:
    """Seconds between two updates of which only the words differ: all are kept for ever."""
    return max(1.0, age * _SHARE)
