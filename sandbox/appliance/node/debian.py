"""The distribution made of Debian's package archive alone: no image registry is needed, ever."""

from __future__ import annotations

from sandbox.appliance.node.distribution import Distribution, Facts
from sandbox.appliance.node.specification import STATE

VERSION = "1.20.2"
"""Of Debian's source package `kubernetes`."""
DISTRIBUTION = Distribution(
    name="debian",
    summary="Kubernetes from Debian's package archive; needs no image registry",
    context="node-debian",
    builds_on_debian=True,
    kubeconfig=f"{STATE}/pki/admin.kubeconfig",
    admission=f"{STATE}/pki",
    facts=Facts(
        kubernetes=VERSION,
        storage_class="local-path",
        network_policies=False,
        base_images=("python:3.11-slim",),
        needs_registry=False,
    ),
    ready_seconds=120.0,
    build_minutes=15,
)
