"""What each of our images is built from: a name, a Dockerfile, and the files beside it.

The tag carries a digest of all that goes in, so that an image that exists under its tag never has to be built
again, and pods are replaced when what is in theirs has changed. Certificates are no part of the digest: they
are only trusted while the image is built.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field

import sandbox
from sandbox.appliance import assets
from sandbox.appliance.images import locks, wheels

PREFIX = "flyte-sandbox"
PYTHON_IMAGE = "python:3.11-slim"
"""What Dockerfiles begin with; nodes of the `debian` distribution have it without a registry."""
CA_BUNDLE = "ca-bundle.pem"
CONTROL_PLANE = "control-plane"
OBJECT_STORE = "object-store"
TASK = "task"
REGISTRY = "registry"
NAMES = (CONTROL_PLANE, OBJECT_STORE, TASK, REGISTRY)
_NOT_IN_PODS = frozenset(("docker", "kubernetes", "rich", "uv"))
"""What only the command line needs, of the requirements of this program."""
_ROOTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    CONTROL_PLANE: ("runtime.txt", ()),
    OBJECT_STORE: ("runtime.txt", ("nanio",)),
    TASK: ("dev.txt", ("flytekit",)),
}
"""Image → the locked file, and which of its requirements (with what they need); none: all of them. An image
that is not here has no Python of ours."""
_WITH_PROGRAM = (CONTROL_PLANE, OBJECT_STORE)
"""Those with this program in it."""
_PIP_SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
_PROXY_SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Context:
    """An image that is to be."""

    name: str
    reference: str
    """`flyte-sandbox/control-plane:0.1.0-5f0c…`"""
    files: Mapping[str, bytes]
    """Name → content, the Dockerfile among them."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Build arguments."""

    @property
    def alias(self) -> str:
        """The tag without a digest, for people: `flyte-sandbox/control-plane:0.1.0`."""
        return alias(self.name)

    @property
    def digest(self) -> str:
        """Of what goes in."""
        return self.reference.rpartition("-")[2]

    def archive(self) -> bytes:
        """The files as the tar archive that `docker build -` takes."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, content in sorted(self.files.items()):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                entry.mode = 0o644
                archive.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()


def alias(name: str) -> str:
    """What people call the image of that name; nothing is looked at."""
    return f"{PREFIX}/{name}:{sandbox.__version__}"


def of(
    name: str,
    *,
    python_image: str = PYTHON_IMAGE,
    ca_bundle: bytes = b"",
    environ: Mapping[str, str] | None = None,
) -> Context:
    """What the image `name` is built from. `environ`: where pip and proxies are set; None: the process's."""
    files = {"Dockerfile": (assets.images() / name / "Dockerfile").read_bytes()}
    if name in _ROOTS:
        lock, roots = _ROOTS[name]
        locked = (assets.requirements() / lock).read_text("utf-8")
        needed = roots or locks.direct(locked) - _NOT_IN_PODS
        files["requirements.txt"] = locks.closure(locked, needed).encode()
        files["install.sh"] = (assets.images() / "install.sh").read_bytes()
        files["installer.txt"] = locks.closure(locked, ["uv"]).encode()
    if name in _WITH_PROGRAM:
        files[wheels.file_name()] = wheels.pack()
    digest = hashlib.sha256(python_image.encode())
    for file, content in sorted(files.items()):
        digest.update(f"\0{file}\0{len(content)}\0".encode() + content)
    given = os.environ if environ is None else environ
    settings = {key: given[key] for key in (*_PIP_SETTINGS, *_PROXY_SETTINGS) if given.get(key)}
    return Context(
        name,
        f"{PREFIX}/{name}:{sandbox.__version__}-{digest.hexdigest()[:12]}",
        {**files, CA_BUNDLE: ca_bundle},
        {"PYTHON_IMAGE": python_image, **settings},
    )
