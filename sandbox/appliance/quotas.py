"""Quotas of a running sandbox: cluster resource attributes of a project and one of its domains.

The same that `flytectl update cluster-resource-attribute` writes; other attributes beside the quotas stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from flyteidl.admin import matchable_resource_pb2, project_domain_attributes_pb2
from flyteidl.service import admin_pb2_grpc

from sandbox.appliance import clients
from sandbox.appliance.errors import ApplianceError, NotRunning, command

_TYPE = matchable_resource_pb2.CLUSTER_RESOURCE
_TIMEOUT = 10.0
VARIABLES = {"tasks": "projectQuotaTasks", "cpu": "projectQuotaCpu", "memory": "projectQuotaMemory"}
"""What each limit is called in the attributes."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits of a project (and domain)."""

    project: str
    domain: str
    """Empty: each of the project's domains."""
    limits: Mapping[str, str]
    """By the names in `VARIABLES`."""


def put(sandbox: str, project: str, domain: str, limits: Mapping[str, str]) -> Quota:
    """Set some limits, others stay; what holds then. Raises ApplianceError."""
    with _Attributes(sandbox) as attributes:
        found = attributes.get(project, domain)
        found |= {VARIABLES[name]: value for name, value in limits.items()}
        attributes.put(project, domain, found)
    return Quota(project, domain, _limits(found))


def delete(sandbox: str, project: str, domain: str) -> None:
    """Remove all limits. Raises ApplianceError if there are none."""
    with _Attributes(sandbox) as attributes:
        found = attributes.get(project, domain)
        left = {name: value for name, value in found.items() if name not in VARIABLES.values()}
        if left == found:
            raise ApplianceError(
                f"{project}/{domain} has no quota",
                "nobody set one, or it was deleted",
                f"Look at what there is with `{command('quota list', sandbox)}`.",
            )
        if left:
            attributes.put(project, domain, left)
        else:
            attributes.delete(project, domain)


def every(sandbox: str) -> list[Quota]:
    """All quotas. Raises ApplianceError."""
    with _Attributes(sandbox) as attributes:
        return [quota for quota in attributes.every() if quota.limits]


class _Attributes:
    """Cluster resource attributes, by the admin service."""

    def __init__(self, sandbox: str) -> None:
        self._sandbox = sandbox
        target = clients.endpoints(sandbox).target
        self._channel = grpc.insecure_channel(target, options=(("grpc.enable_http_proxy", 0),))
        self._admin = admin_pb2_grpc.AdminServiceStub(self._channel)

    def __enter__(self) -> _Attributes:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._channel.close()
        if isinstance(error, grpc.RpcError):
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                raise NotRunning.named(self._sandbox) from error
            raise ApplianceError(
                "the quota was refused", error.details() or str(error.code()), "Correct it, and try again."
            ) from error

    def get(self, project: str, domain: str) -> dict[str, str]:
        request = project_domain_attributes_pb2.ProjectDomainAttributesGetRequest(
            project=project, domain=domain, resource_type=_TYPE
        )
        try:
            found = self._admin.GetProjectDomainAttributes(request, timeout=_TIMEOUT)
        except grpc.RpcError as exc:
            if exc.code() != grpc.StatusCode.NOT_FOUND:
                raise
            return {}
        matching = found.attributes.matching_attributes
        return dict(matching.cluster_resource_attributes.attributes)

    def put(self, project: str, domain: str, attributes: Mapping[str, str]) -> None:
        matching = matchable_resource_pb2.MatchingAttributes(
            cluster_resource_attributes=matchable_resource_pb2.ClusterResourceAttributes(
                attributes=attributes
            )
        )
        self._admin.UpdateProjectDomainAttributes(
            project_domain_attributes_pb2.ProjectDomainAttributesUpdateRequest(
                attributes=project_domain_attributes_pb2.ProjectDomainAttributes(
                    project=project, domain=domain, matching_attributes=matching
                )
            ),
            timeout=_TIMEOUT,
        )

    def delete(self, project: str, domain: str) -> None:
        self._admin.DeleteProjectDomainAttributes(
            project_domain_attributes_pb2.ProjectDomainAttributesDeleteRequest(
                project=project, domain=domain, resource_type=_TYPE
            ),
            timeout=_TIMEOUT,
        )

    def every(self) -> list[Quota]:
        answer = self._admin.ListMatchableAttributes(
            matchable_resource_pb2.ListMatchableAttributesRequest(resource_type=_TYPE), timeout=_TIMEOUT
        )
        return [
            Quota(one.project, one.domain, _limits(one.attributes.cluster_resource_attributes.attributes))
            for one in answer.configurations
        ]


def _limits(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: attributes[word] for name, word in VARIABLES.items() if attributes.get(word)}
