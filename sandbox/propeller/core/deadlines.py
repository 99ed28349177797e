"""Deadlines of nodes that are no task: a subworkflow, a launch plan.

As with tasks, an attempt may take the node's timeout, and the node as a whole twice that time. An attempt
that is late is aborted, and is a user error: there is another one if the node has retries left
(`flytepropeller/pkg/controller/nodes/executor.go`).
"""

from __future__ import annotations

from sandbox.propeller.core import commands
from sandbox.propeller.core.failures import USER, Failure
from sandbox.propeller.core.kinds.task import ACTIVE_DEADLINE
from sandbox.propeller.core.state import Node


def timers(node: Node, started: int) -> list[commands.Command]:
    """What to be woken by, for an attempt that started then."""
    if not node.spec.timeout:
        return []
    return [
        commands.SetTimer(node.number, of_attempt(node), started + node.spec.timeout),
        commands.SetTimer(node.number, ACTIVE_DEADLINE, node.created_at + 2 * node.spec.timeout),
    ]


def of_attempt(node: Node) -> str:
    """The name of the timer of the node's present attempt."""
    return f"attempt {node.inner_attempt}"


def late(node: Node) -> Failure:
    """What an attempt fails with that took too long."""
    message = f"task execution timeout [{node.spec.timeout / 1e6:g}s] expired"
    return Failure("TimeoutExpired", message, USER, recoverable=True)


def overdue(node: Node) -> str:
    """Why a node is aborted that took too long with all of its attempts."""
    return f"task active timeout [{2 * node.spec.timeout / 1e6:g}s] expired"
