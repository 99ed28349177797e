"""Waiting for something to become true, with a deadline that fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def eventually(predicate: Callable[[], Result], timeout: float = 10.0, *, interval: float = 0.02) -> Result:
    """Ask until the answer is true and return it; raise `TimeoutError` with the last answer at the deadline.

    An `AssertionError` counts as "not yet", so that a predicate may assert.
    """
    deadline = time.monotonic() + timeout
    while True:
        failure: AssertionError | None = None
        try:
            result = predicate()
            if result:
                return result
            last = repr(result)
        except AssertionError as error:
            failure, last = error, f"AssertionError: {error}"
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not within {timeout} s; the last answer was {last}") from failure
        time.sleep(interval)
