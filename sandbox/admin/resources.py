"""Are a task's resources well formed, and within the platform's limits?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from flyteidl.admin import matchable_resource_pb2
from flyteidl.core import tasks_pb2

from sandbox.admin import errors
from sandbox.admin.settings import PlatformResources
from sandbox.idl import quantities
from sandbox.idl.identifiers import EntityId
from sandbox.store import attributes
from sandbox.store.database import Connection

Resources = tasks_pb2.Resources
Requested = Mapping[int, Decimal]
"""`Resources.ResourceName` to how much."""

_CHECKED = (Resources.CPU, Resources.GPU, Resources.MEMORY, Resources.EPHEMERAL_STORAGE)


def check(task: str, resources: tasks_pb2.Resources, platform: PlatformResources) -> None:
    """Raise `InvalidRequest` for what is no quantity, a request over its limit, or over the platform's."""
    requests = _requested(task, resources.requests)
    limits = _requested(task, resources.limits)
    ceilings = _ceilings(platform)
    for name, amount in requests.items():
        limit = limits.get(name)
        if limit is not None and limit < amount:
            raise errors.InvalidRequest(
                f"Requested {_label(name)} default [{amount}] of task {task} is greater than the limit "
                f"[{limit}]. Please fix your configuration"
            )
        if name == Resources.GPU and limit is not None and limit != amount:
            raise errors.InvalidRequest(
                f"For extended resource 'gpu' the default value must equal the limit value for task {task}"
            )
        _under_ceiling(task, name, "default", amount, ceilings)
    for name, limit in limits.items():
        _under_ceiling(task, name, "limit", limit, ceilings)


def platform(connection: Connection, settings: PlatformResources, task: EntityId) -> PlatformResources:
    """The limits that hold for a task: those that an administrator set for its project, domain or name, else
    the platform's.
    """
    scope = attributes.Scope(task.project, task.domain, task.name)
    found = attributes.most_specific(connection, matchable_resource_pb2.TASK_RESOURCE, scope)
    if found is None:
        return settings
    matching = matchable_resource_pb2.MatchingAttributes.FromString(found.attributes)
    limits = matching.task_resource_attributes.limits
    return replace(settings, limit_cpu=_limit(limits.cpu), limit_memory=_limit(limits.memory))


def _limit(text: str) -> str:
    """Nothing, as everywhere in Flyte, is no limit."""
    return "" if text == "0" else text


def _requested(task: str, entries: Iterable[tasks_pb2.Resources.ResourceEntry]) -> Requested:
    found: dict[int, Decimal] = {}
    for entry in entries:
        if entry.name not in _CHECKED:
            continue
        if entry.name in found:
            raise errors.InvalidRequest(f"can't specify {_label(entry.name)} for task {task} multiple times")
        try:
            amount = quantities.parse(entry.value)
        except quantities.NotAQuantity as exc:
            raise errors.InvalidRequest(
                f"Parsing of {_label(entry.name)} request of task {task} failed: {exc}. "
                "Please follow Kubernetes' conventions for resources"
            ) from exc
        if entry.name == Resources.GPU and amount != amount.to_integral_value():
            raise errors.InvalidRequest(
                f"gpu for task {task} must be a whole number, got: {entry.value} instead"
            )
        found[entry.name] = amount
    return found


def _ceilings(platform: PlatformResources) -> Requested:
    limits = {Resources.CPU: platform.limit_cpu, Resources.MEMORY: platform.limit_memory}
    return {name: quantities.parse(text) for name, text in limits.items() if text}


def _under_ceiling(task: str, name: int, what: str, amount: Decimal, ceilings: Requested) -> None:
    ceiling = ceilings.get(name)
    if ceiling is not None and amount > ceiling:
        raise errors.InvalidRequest(
            f"Requested {_label(name)} {what} [{amount}] of task {task} is greater than the platform's limit "
            f"[{ceiling}]. Ask for less, or raise the platform's limit"
        )


def _label(name: int) -> str:
    return str(Resources.ResourceName.Name(name))
