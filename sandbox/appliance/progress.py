"""How a boot tells the outside what it is doing. The library never prints: a `Progress` does, or doesn't."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StepTiming:
    """One step of a boot that is over."""

    name: str
    """Stable, for machines: `postgres`."""
    title: str
    """For people: `PostgreSQL`."""
    seconds: float
    detail: str = ""
    """What it found or did: `port 30001, PostgreSQL 18`."""


class Progress(Protocol):
    """Receives what happens, in order, from the thread that called the library."""

    def step_started(self, name: str, title: str) -> None:
        """A step begins."""

    def working(self, message: str) -> None:
        """What the step that began last is doing just now: a passing line."""

    def step_finished(self, step: StepTiming) -> None:
        """The step that began last is over."""

    def step_failed(self, step: StepTiming, error: Exception) -> None:
        """The step that began last failed; the error is raised to the caller as well."""

    def note(self, message: str) -> None:
        """A sentence that a person should see; not an error."""


class Silent:
    """A `Progress` that says nothing."""

    def step_started(self, name: str, title: str) -> None:
        pass

    def working(self, message: str) -> None:
        pass

    def step_finished(self, step: StepTiming) -> None:
        pass

    def step_failed(self, step: StepTiming, error: Exception) -> None:
        pass

    def note(self, message: str) -> None:
        pass


@contextmanager
def step(progress: Progress, name: str, title: str) -> Iterator[None]:
    """A step that lasts as long as the block."""
    began = time.monotonic()
    progress.step_started(name, title)
    try:
        yield
    except Exception as exc:
        progress.step_failed(StepTiming(name, title, time.monotonic() - began), exc)
        raise
    progress.step_finished(StepTiming(name, title, time.monotonic() - began))
