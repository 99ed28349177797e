"""What an API server offers: versions of APIs that differ between Kubernetes 1.20 and today."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

POLICY_STABLE = "policy/v1"


@dataclass(frozen=True, slots=True)
class ApiVersions:
    """What templates ask for."""

    disruption_budget: str = POLICY_STABLE
    """PodDisruptionBudget: stable since 1.21, its beta gone since 1.25."""


CURRENT = ApiVersions()
"""Of the Kubernetes of today: for manifests that no cluster was asked about."""


def of(group_versions: Collection[str]) -> ApiVersions:
    """From what the API server lists: `policy/v1beta1`, `apps/v1`, …"""
    return ApiVersions(POLICY_STABLE if POLICY_STABLE in group_versions else "policy/v1beta1")
