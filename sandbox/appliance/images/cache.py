"""Where archives of built images are kept, for nodes to come."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sandbox.appliance.state import home

_FOLDER = ".images"
"""In the home of all sandboxes. No sandbox can be called so."""


def folder(environ: Mapping[str, str] | None = None) -> Path:
    """The folder, which need not be there."""
    return home(environ) / _FOLDER


def archives(environ: Mapping[str, str] | None = None) -> list[Path]:
    """What is kept."""
    return sorted(folder(environ).glob("*.tar"))
