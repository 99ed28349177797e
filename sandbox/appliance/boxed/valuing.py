"""The values of a sandbox's manifests: the profile's, what its node is, and what the user said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.appliance.images import contexts
from sandbox.appliance.manifests import reading
from sandbox.appliance.manifests.values import Values
from sandbox.appliance.node.specification import NodeSpec
from sandbox.appliance.options import StartOptions


def values(spec: NodeSpec, options: StartOptions, images: Mapping[str, str]) -> Values:
    """`images`: what the node has, by name. Raises ValuesInvalid."""
    return reading.values(
        spec.profile,
        distribution=spec.distribution,
        overrides=[_known(spec, options, images)],
        files=options.values,
        flags=options.settings,
    )


def _known(spec: NodeSpec, options: StartOptions, images: Mapping[str, str]) -> Mapping[str, Any]:
    """Where the sandbox is reached from this machine, and what the flags of `start` say."""
    known: dict[str, Any] = {
        "instance": spec.name,
        "expose": {
            "edge": f"localhost:{spec.ports.edge}",
            "objectStore": f"http://localhost:{spec.ports.object_store}",
        },
    }
    if contexts.CONTROL_PLANE in images:
        known["images"] = {"controlPlane": images[contexts.CONTROL_PLANE]}
    if contexts.REGISTRY in images:
        known["registry"] = {"image": images[contexts.REGISTRY]}
    if options.env:
        known["tasks"] = {"env": dict(options.env)}
    if options.connectors.elsewhere:
        known["connectors"] = list(options.connectors.elsewhere)
    if spec.ca_bundle is not None:
        known["caBundle"] = spec.ca_bundle.read_text("utf-8")
    return known
