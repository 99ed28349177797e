"""What a template's variables are for a project and domain. Pure.

Attributes of the kind CLUSTER_RESOURCE win, those of the domain in the project before those of the project;
then come the defaults of the domain, then those of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flyteidl.admin import matchable_resource_pb2, project_pb2

_PROTECTED = frozenset({"default"})
_PROTECTED_PREFIX = "kube-"


@dataclass(frozen=True, slots=True)
class Defaults:
    """Where no attribute sets a variable."""

    namespace: str = "{project}-{domain}"
    everywhere: Mapping[str, str] = field(default_factory=dict)
    by_domain: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """A project and domain, and what the templates are filled with there."""

    namespace: str
    values: Mapping[str, str]


def places(
    projects: Iterable[project_pb2.Project],
    attributes: Sequence[matchable_resource_pb2.MatchableAttributesConfiguration],
    defaults: Defaults,
) -> list[Place]:
    """Each project in each domain."""
    return [
        _place(project.id, domain.id, attributes, defaults)
        for project in projects
        for domain in project.domains
    ]


def is_protected(namespace: str, own: str) -> bool:
    """Whether it is the cluster's, or the control plane's `own`: no project may lay a hand on those."""
    return namespace in _PROTECTED or namespace == own or namespace.startswith(_PROTECTED_PREFIX)


def _place(
    project: str,
    domain: str,
    attributes: Sequence[matchable_resource_pb2.MatchableAttributesConfiguration],
    defaults: Defaults,
) -> Place:
    namespace = defaults.namespace.format(project=project, domain=domain)
    values = {**defaults.everywhere, **defaults.by_domain.get(domain, {})}
    for scope in (("", ""), ("", domain), (project, ""), (project, domain)):
        for found in attributes:
            if (found.project, found.domain) == scope and not found.workflow:
                values.update(found.attributes.cluster_resource_attributes.attributes)
    return Place(namespace, {**values, "namespace": namespace, "project": project, "domain": domain})
