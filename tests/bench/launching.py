"""Running one execution and knowing how long it took."""

from __future__ import annotations

import time

from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core_execution

from tests.sandboxes import Client, integers

_PATIENCE = 1200.0
"""Seconds: two hundred pods side by side take many minutes on two processors."""


def run(client: Client, plan: str, version: str, *, parallelism: int = 0, **inputs: int) -> float:
    """Seconds from the request to the first look that shows success: a client's time.

    The looks get rarer, so that what is measured is not the looking: never more than 1 % after the end.
    """
    begun = time.perf_counter()
    _succeeded(client, plan, version, parallelism, inputs, interval=0.002)
    return time.perf_counter() - begun


def timed(client: Client, plan: str, version: str, *, parallelism: int = 0, **inputs: int) -> float:
    """Seconds from its start to its end as the execution tells them: the engine's time.

    Looked at rarely: every look takes a millisecond from the process that is measured, and an execution of a
    few nodes would seem to cost more for each of them.
    """
    duration = _succeeded(client, plan, version, parallelism, inputs, interval=0.05).closure.duration
    return float(duration.seconds + duration.nanos / 1e9)


def _succeeded(
    client: Client, plan: str, version: str, parallelism: int, inputs: dict[str, int], *, interval: float
) -> execution_pb2.Execution:
    execution = client.create_execution(plan, version, integers(**inputs), max_parallelism=parallelism)
    found = client.wait(execution, timeout=_PATIENCE, interval=interval, patience=0.01)
    if found.closure.phase != core_execution.WorkflowExecution.SUCCEEDED:
        raise RuntimeError(f"{plan} did not succeed: {found.closure.error.message}")
    return found
