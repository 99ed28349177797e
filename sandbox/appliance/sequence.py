"""One step of a boot after the other, each with its time and, if it fails, its cause.

A step is a module with a `TITLE`, an `execute(context)` that returns a line of detail, and perhaps an
`applies(context)` that says whether it has anything to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.progress import Progress, StepTiming


class Context(Protocol):
    """What every boot has."""

    @property
    def progress(self) -> Progress: ...


def run(name: str, step: ModuleType, context: Context) -> StepTiming:
    """Do one step, and tell how it went; raises what the step raises, an OSError as ApplianceError."""
    progress = context.progress
    progress.step_started(name, step.TITLE)
    began = time.monotonic()
    execute: Callable[[Any], str] = step.execute
    try:
        detail = execute(context)
    except Exception as exc:
        progress.step_failed(StepTiming(name, step.TITLE, time.monotonic() - began), exc)
        if isinstance(exc, OSError):
            raise ApplianceError(
                f"{step.TITLE}: the system refused",
                str(exc),
                "Look for free space and permissions with `sandbox doctor`, then start again.",
            ) from exc
        raise
    timing = StepTiming(name, step.TITLE, time.monotonic() - began, detail)
    progress.step_finished(timing)
    return timing


def applies(step: ModuleType, context: Context) -> bool:
    """Whether the step has anything to do in this boot."""
    found: Callable[[Any], bool] | None = getattr(step, "applies", None)
    return found is None or found(context)
