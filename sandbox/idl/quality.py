"""Quality of service: how long an execution may wait before its tasks start.

Flyte has tiers and budgets, and never acts on them. Here a budget makes a deadline, and who waits for a place
(in a quota, in a runner, to be taken up by the engine) starts in the order of deadlines: what is urgent goes
first, and what is not gets its turn once it has waited for its budget. Nothing starves.

The budgets of the tiers are those of flyteadmin's own configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from flyteidl.core import execution_pb2

BUDGETS = {
    execution_pb2.QualityOfService.HIGH: timedelta(minutes=1),
    execution_pb2.QualityOfService.MEDIUM: timedelta(minutes=10),
    execution_pb2.QualityOfService.LOW: timedelta(minutes=30),
}
DEFAULT = execution_pb2.QualityOfService.MEDIUM
_EPOCH = 1_577_836_800
"""The year 2020, so that seconds fit into 31 bits for long."""
_MOST = 2**31 - 1
_LONGEST = 365 * 86_400.0
"""Seconds: longer budgets are as good as this one."""


def is_said(quality: execution_pb2.QualityOfService) -> bool:
    """Whether it says anything: a budget, or a tier."""
    if quality.WhichOneof("designation") == "spec":
        return True
    return bool(quality.tier)


def budget(*said: execution_pb2.QualityOfService) -> timedelta:
    """The queueing budget of the first that says something; else the default tier's."""
    return next(_budgets(said), BUDGETS[DEFAULT])


def priority(created_at: datetime, budget: timedelta) -> int:
    """A 32-bit number for an execution that was created then: greater for an earlier deadline."""
    deadline = created_at.timestamp() - _EPOCH + budget.total_seconds()
    return -int(max(-_MOST, min(_MOST, deadline)))


def _budgets(said: Iterable[execution_pb2.QualityOfService]) -> Iterator[timedelta]:
    for quality in said:
        if quality.WhichOneof("designation") == "spec":
            length = quality.spec.queueing_budget
            yield timedelta(seconds=max(0.0, min(_LONGEST, length.seconds + length.nanos / 1e9)))
        elif quality.tier in BUDGETS:
            yield BUDGETS[quality.tier]
