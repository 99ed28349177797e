"""What differs between the distributions of Kubernetes that a node can be made of, as data.

All share one contract. The image's first process reads `NODE_NAME`, `NODE_NUMBER`, `NODE_SERVER`,
`NODE_ALTERNATIVE_NAMES` and `NODE_CA_BUNDLE`, and keeps everything on the volume. A Docker engine inside
runs the pods, so that an image that is built or loaded there is there for pods at once.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

from sandbox.appliance import assets


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

    @property
    def image(self) -> str:
        """The tag under which the node's image is kept on the host.

        It carries a digest of the image's folder: an image of an older version of this program is not taken
        for this one's.
        """
        return f"flyte-sandbox/{self.context}:{self.facts.kubernetes}-{_digest(self.context)}"


@functools.cache
def _digest(context: str) -> str:
    root = assets.images() / context
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        if "__pycache__" not in path.parts:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]
