"""Files that are no Python and travel with it: in `sandbox/_assets` of an installation, in the source tree's
own folders otherwise."""

from __future__ import annotations

from pathlib import Path

import sandbox


def manifests() -> Path:
    """Templates of what goes onto Kubernetes."""
    return folder("manifests")


def images() -> Path:
    """A folder an image, each with its Dockerfile."""
    return folder("images")


def requirements() -> Path:
    """Locked requirements, with hashes."""
    return folder("requirements")


def folder(name: str) -> Path:
    """One of the folders that travel along."""
    package = Path(sandbox.__file__).resolve().parent
    installed = package / "_assets" / name
    return installed if installed.is_dir() else package.parent / name


def is_installed() -> bool:
    """Whether this is an installation, not a source tree."""
    return (Path(sandbox.__file__).resolve().parent / "_assets").is_dir()
