"""Images are environments here: an image tag maps to a Python environment and a snapshot of the code.

`<state>/images/<quoted tag>/environment.json` is what the process executor reads for a container's image:

    {"tag": "model:v1", "python": "<…>/bin/python", "root": "<code or null>", "env": {"NAME": "value"}}

The tag `default` is the environment of the project that `sandbox start --source` named; images that nobody built run
in it. The virtual environments themselves are in `<state>/environments/`, one for each set of requirements and
Python version, however many tags use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.appliance.progress import Progress
from sandbox.appliance.state import SandboxState

DEFAULT_TAG = "default"


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the tasks of one image run."""

    tag: str
    python: Path
    """The interpreter; not resolved, for a virtual environment is known by its links."""
    root: Path | None
    """The code that the image holds; None when it holds none."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of its tasks."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What may be said about a build instead of being found in the project."""

    python: str | None = None
    """A version (`3.8`) or a path. None: the project's Dockerfile, `.python-version` or pyproject.toml decide."""
    requirements: Path | None = None
    """None: requirements.txt or pyproject.toml in the project."""


@dataclass(frozen=True, slots=True)
class Built:
    """An environment, and what it took."""

    environment: Environment
    python_version: str
    requirements: str
    """What was installed from, for people: `requirements.txt`, or `.venv, as it is`."""
    reused: bool
    """It existed already; nothing was installed."""
    notes: tuple[str, ...]
    """Sentences that a person should see."""


def build(
    path: Path,
    tag: str,
    state: SandboxState,
    *,
    options: BuildOptions | None = None,
    progress: Progress | None = None,
) -> Built:
    """Make the image `tag` of the project in `path`; raises BuildFailed."""
    raise NotImplementedError


def prepare_source(source: Path, state: SandboxState, *, progress: Progress | None = None) -> Built | None:
    """Make the project's own environment the tag `default`; raises BuildFailed.

    An existing `.venv` with flytekit is used as it is; otherwise one is built from the project's requirements. None
    when the project names no requirements: then there is no default environment.
    """
    raise NotImplementedError


def find(tag: str, state: SandboxState) -> Environment | None:
    """The environment of a tag; None when nobody built it."""
    raise NotImplementedError
