"""The values of a sandbox's manifests: the profile's, what its node is, and what its users said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.appliance.boxed.wishes import Wish
from sandbox.appliance.images import contexts
from sandbox.appliance.manifests import reading
from sandbox.appliance.manifests.values import Values
from sandbox.appliance.node.specification import NodePorts, NodeSpec


def values(spec: NodeSpec, wishes: Iterable[Wish], images: Mapping[str, str]) -> Values:
    """`images`: what the node has, by name. Raises ValuesInvalid."""
    layers = [_known(spec, images), *(wish.layer for wish in wishes)]
    return reading.values(spec.profile, distribution=spec.distribution, overrides=layers)


def _known(spec: NodeSpec, images: Mapping[str, str]) -> Mapping[str, Any]:
    """Where the sandbox is reached from this machine, and what is in its node."""
    known: dict[str, Any] = {
        "instance": spec.name,
        "expose": {
            "edge": f"localhost:{spec.ports.edge}",
            "objectStore": f"http://localhost:{spec.ports.object_store}",
        },
    }
    if contexts.CONTROL_PLANE in images:
        known["images"] = {"controlPlane": images[contexts.CONTROL_PLANE]}
    registry: dict[str, Any] = {}
    if contexts.REGISTRY in images:
        registry["image"] = images[contexts.REGISTRY]
    if spec.ports.registry != NodePorts().registry:  # what is pushed to it is pulled by the same name
        registry["hostPort"] = spec.ports.registry
    known["registry"] = registry
    if spec.ca_bundle is not None:
        known["caBundle"] = spec.ca_bundle.read_text("utf-8")
    return known
