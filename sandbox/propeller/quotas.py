"""Quotas: how much of a project and domain may run at once.

Set where Flyte's administrators set them, as cluster resource attributes of a project (then each of its
domains has that much) or of one of its domains: `projectQuotaTasks` attempts, whose requests add up to
`projectQuotaCpu` and `projectQuotaMemory` at most. In a cluster the last two are a namespace's ResourceQuota.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from flyteidl.core import tasks_pb2

from sandbox.idl import quantities
from sandbox.propeller import overrides

_GIBI = 2**30
_UNITS = {"tasks": "tasks", "cpu": "CPUs", "memory": "GiB of memory"}


@dataclass(frozen=True, slots=True)
class Amount:
    """What attempts take, or may take."""

    tasks: Decimal = Decimal(0)
    cpu: Decimal = Decimal(0)
    """Cores."""
    memory: Decimal = Decimal(0)
    """Bytes."""

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.tasks + other.tasks, self.cpu + other.cpu, self.memory + other.memory)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.tasks - other.tasks, self.cpu - other.cpu, self.memory - other.memory)


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that may run at once; None: no limit."""

    tasks: Decimal | None = None
    cpu: Decimal | None = None
    memory: Decimal | None = None

    def exceeded_by(self, amount: Amount) -> str | None:
        """Which of its limits so much is over, if any: `tasks`, `cpu` or `memory`."""
        for name in _UNITS:
            limit = getattr(self, name)
            if limit is not None and getattr(amount, name) > limit:
                return name
        return None


VARIABLES = {"projectQuotaTasks": "tasks", "projectQuotaCpu": "cpu", "projectQuotaMemory": "memory"}
"""Names in the attributes, and the limit that each sets."""


def of_attributes(attributes: Mapping[str, str]) -> Quota | None:
    """The quota that cluster resource attributes set; None if they set none. What is no quantity is ignored:
    admin lets none in.
    """
    limits: dict[str, Decimal] = {}
    for variable, limit in VARIABLES.items():
        if attributes.get(variable):
            try:
                limits[limit] = quantities.parse(attributes[variable])
            except quantities.NotAQuantity:
                continue
    return Quota(**limits) if limits else None


def taken_by(template: tasks_pb2.TaskTemplate) -> Amount:
    """What an attempt of a task takes: one place, and what its container asks for."""
    try:
        found = overrides.requests_of(template)
    except quantities.NotAQuantity:
        found = {}
    return Amount(
        Decimal(1),
        _parsed(found.get(tasks_pb2.Resources.CPU, "")),
        _parsed(found.get(tasks_pb2.Resources.MEMORY, "")),
    )


def describe(where: str, quota: Quota, limit: str, used: Amount, wanted: Amount) -> str:
    """Why an attempt has to wait, for a person."""
    most, unit = _readable(getattr(quota, limit), limit), _UNITS[limit]
    asked = _readable(getattr(wanted, limit), limit)
    if getattr(wanted, limit) > getattr(quota, limit):
        return (
            f"the quota of {where} is {most} {unit}, and this attempt alone needs {asked}: raise the quota "
            "(`sandbox quota set`), or ask for less"
        )
    return (
        f"the quota of {where} is {most} {unit} at once, of which {_readable(getattr(used, limit), limit)} "
        f"are taken and {asked} more would be: waiting for an attempt to end"
    )


def _readable(value: Decimal, limit: str) -> str:
    scaled = value / _GIBI if limit == "memory" else value
    return f"{scaled:.3f}".rstrip("0").rstrip(".")


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> Decimal:
    try:
        return quantities.parse(text) if text else Decimal(0)
    except quantities.NotAQuantity:
        return Decimal(0)
