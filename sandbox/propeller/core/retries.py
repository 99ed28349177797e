"""Who pays for a failed attempt, and whether there is another one.

Flyte keeps two budgets a node. A user error uses up one of `retries + 1` attempts; a system error (a lost
machine, a pre-empted pod) uses up one of `max_system_failures`, so that a node without retries survives it. A
node that used up a budget fails for good, as a user error whose code and message say so
(`flytepropeller/pkg/controller/nodes/executor.go`).

A user error is retried at once. After a system error there is a pause, each time twice as long: what was lost
(a runner, a service) may need a moment to come back, and must not use up the budget meanwhile.
"""

from __future__ import annotations

from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.state import Node, Parameters

_LONGEST = 60_000_000
"""Microseconds: no pause is longer."""
_DOUBLINGS = 20


def verdict(node: Node, failure: Failure, parameters: Parameters) -> Failure | None:
    """The failure that the node ends with, or None when it gets another attempt.

    To be asked while the failed attempt is the node's last and before `system_failures` counts it.
    """
    if not failure.recoverable:
        return failure
    if failure.kind == SYSTEM:
        current, allowed = node.system_failures, parameters.max_system_failures
    else:
        current, allowed = len(node.attempts) - node.system_failures, node.spec.max_attempts
    if current < allowed:
        return None
    return Failure(
        code=f"RetriesExhausted|{failure.code}",
        message=f"[{current}/{allowed}] currentAttempt done. Last Error: {failure.kind}::{failure.message}",
        kind=USER,
    )


def delay(node: Node, failure: Failure, parameters: Parameters) -> int:
    """Microseconds before the node's next attempt, once `system_failures` counts the one that failed."""
    if failure.kind != SYSTEM or not parameters.retry_delay:
        return 0
    return min(parameters.retry_delay << min(node.system_failures - 1, _DOUBLINGS), _LONGEST)


def interruptible(node: Node, default: bool, parameters: Parameters) -> bool:
    """Whether the node's next attempt may run where it can be pre-empted: not after too many system
    failures.
    """
    if node.system_failures >= parameters.max_system_failures:
        return False
    if node.spec.interruptible is not None:
        return node.spec.interruptible
    return default if parameters.interruptible is None else parameters.interruptible
