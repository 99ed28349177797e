"""k3s with a Docker engine beside it: small and current, from two images of a registry."""

from __future__ import annotations

from sandbox.appliance.node.distribution import Distribution, Facts
from sandbox.appliance.node.specification import STATE

VERSION = "1.33.4"
DISTRIBUTION = Distribution(
    name="k3s",
    summary="k3s and Docker, from an image registry",
    context="node-k3s",
    builds_on_debian=False,
    kubeconfig=f"{STATE}/kubeconfig.yaml",
    admission=f"{STATE}/k3s/server/token",
    facts=Facts(
        kubernetes=VERSION,
        storage_class="local-path",
        network_policies=True,
        base_images=(),
        needs_registry=True,
    ),
    ready_seconds=180.0,
    build_minutes=3,
)
