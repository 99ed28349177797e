"""What administrators set for projects, their domains, and workflows there, as far as the engine acts on it:
quotas, and what tasks get and may have (cluster and task resource attributes).

Read by the leasing thread whenever someone changed them, and used from then on: attempts that run already
keep what they have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flyteidl.admin import matchable_resource_pb2

from sandbox.propeller import quotas
from sandbox.propeller.admission import Scope
from sandbox.propeller.overrides import NO_RESOURCES, TaskResources
from sandbox.propeller.quotas import Quota
from sandbox.store import attributes
from sandbox.store.attributes import Attributes
from sandbox.store.database import Connection

_QUOTAS = matchable_resource_pb2.CLUSTER_RESOURCE
_RESOURCES = matchable_resource_pb2.TASK_RESOURCE


@dataclass(frozen=True, slots=True)
class Policies:
    """All of them, at one moment."""

    quotas: Mapping[Scope, Quota] = field(default_factory=dict)
    """An empty project or domain stands for any."""
    resources: Sequence[tuple[attributes.Scope, TaskResources]] = ()
    """The most specific first."""

    def quota(self, scope: Scope) -> Quota | None:
        """The quota of a project and domain: their own, else the project's."""
        project, domain = scope
        around = (scope, Scope(project, ""), Scope("", domain), Scope("", ""))
        return next((self.quotas[wide] for wide in around if wide in self.quotas), None)

    def task_resources(self, scope: attributes.Scope) -> TaskResources:
        """What holds for the tasks of a workflow."""
        for around, found in self.resources:
            if attributes.covers(around, scope):
                return found
        return NO_RESOURCES


def load(connection: Connection) -> Policies:
    """Read them all."""
    return of_rows(attributes.list_all(connection, _QUOTAS, _RESOURCES))


def of_rows(rows: Sequence[Attributes]) -> Policies:
    """From rows to policies."""
    found: dict[Scope, Quota] = {}
    resources: list[tuple[attributes.Scope, TaskResources]] = []
    for row in sorted(rows, key=lambda row: attributes.weight(row.scope), reverse=True):
        matching = matchable_resource_pb2.MatchingAttributes.FromString(row.attributes)
        if row.resource_type == _RESOURCES:
            resources.append((row.scope, _task_resources(matching.task_resource_attributes)))
            continue
        quota = quotas.of_attributes(matching.cluster_resource_attributes.attributes)
        if quota is not None:
            found[Scope(row.scope.project, row.scope.domain)] = quota
    return Policies(found, resources)


def _task_resources(said: matchable_resource_pb2.TaskResourceAttributes) -> TaskResources:
    return TaskResources(_words(said.defaults), _words(said.limits))


def _words(spec: matchable_resource_pb2.TaskResourceSpec) -> dict[str, str]:
    return {
        word: value
        for word in ("cpu", "gpu", "memory", "ephemeral_storage")
        if (value := getattr(spec, word)) not in ("", "0")
    }
