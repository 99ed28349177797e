"""What differs between the distributions of Kubernetes that a node can be made of, as data.

All share one contract. The image's first process reads `NODE_NAME`, `NODE_NUMBER`, `NODE_SERVER`,
`NODE_ALTERNATIVE_NAMES` and `NODE_CA_BUNDLE`, and keeps everything on the volume. A Docker engine inside
runs the pods, so that an image that is built or loaded there is there for pods at once.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """What manifests may count on."""

    kubernetes: str
    """The version: `1.20.2`."""
    storage_class: str
    """The default class; its volumes are folders on the node's volume."""
    network_policies: bool
    """Whether NetworkPolicies are enforced; they are accepted in any case."""
    base_images: tuple[str, ...]
    """Images that are there without a registry."""
    needs_registry: bool
    """Whether it was made with a registry in reach, so that more images can come from there."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """One distribution."""

    name: str
    summary: str
    """One line for people."""
    image: str
    """The tag under which the node's image is kept on the host."""
    context: str
    """The folder of its Dockerfile, in the folder of images."""
    builds_on_debian: bool
    """Whether its Dockerfile has an argument BASE: a Debian image of the host."""
    kubeconfig: str
    """The administrator's, in the container; its server is the node itself."""
    admission: str
    """A file or folder of the first node that one needs to join it."""
    facts: Facts
    ready_seconds: float
    """How long a node may take until it is ready, on a slow machine."""
    build_minutes: int
    """How long making the image takes, roughly, on two cores."""
