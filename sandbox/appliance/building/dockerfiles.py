"""What a project's Dockerfile says about its environment: the Python version and plain `ENV` lines."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)
_ARG = re.compile(r"^\s*ARG\s+(\w+)=(\S+)\s*$", re.IGNORECASE)
_ENV = re.compile(r"^\s*ENV\s+(.+)$", re.IGNORECASE)
_PYTHON_IMAGE = re.compile(r"(?:^|/)python:(3\.\d+)")
_FLYTEKIT_IMAGE = re.compile(r"flytekit:py(3\.\d+)")
_OF_THE_IMAGE = frozenset(("PATH", "PYTHONPATH", "VENV", "VIRTUAL_ENV", "HOME"))
"""Variables that speak of the image's own folders, which an environment does not have."""


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """The little of a Dockerfile that matters to an environment."""

    python: str | None = None
    """`3.11`; None when the last stage builds on something that does not say."""
    env: dict[str, str] = field(default_factory=dict)


def read(project: Path) -> Dockerfile:
    """The project's Dockerfile; an empty one when there is none."""
    path = project / "Dockerfile"
    if not path.is_file():
        return Dockerfile()
    return parse(path.read_text(encoding="utf-8", errors="replace"))


def parse(text: str) -> Dockerfile:
    """The last stage counts, and what it was built from."""
    arguments: dict[str, str] = {}
    stages: dict[str, Dockerfile] = {}
    python: str | None = None
    env: dict[str, str] = {}
    stage: str | None = None
    for line in _logical_lines(text):
        if match := _ARG.match(line):
            arguments[match[1]] = match[2].strip("\"'")
        elif match := _FROM.match(line):
            if stage:
                stages[stage] = Dockerfile(python, env)
            base = stages.get(match[1].lower(), Dockerfile(_version(_fill(match[1], arguments))))
            python, env, stage = base.python, dict(base.env), match[2] and match[2].lower()
        elif match := _ENV.match(line):
            env.update(_assignments(match[1]))
    return Dockerfile(python, env)


def _logical_lines(text: str) -> list[str]:
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return re.sub(r"\\\n", " ", kept).splitlines()


def _fill(image: str, arguments: dict[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)(?::-[^}]*)?\}?", lambda match: arguments.get(match[1], ""), image)


def _version(image: str) -> str | None:
    match = _PYTHON_IMAGE.search(image) or _FLYTEKIT_IMAGE.search(image)
    return match[1] if match else None


def _assignments(text: str) -> dict[str, str]:
    """`A=1 B="x y"` or the old form `A x y`; values that refer to other variables are left out."""
    try:
        words = shlex.split(text)
    except ValueError:
        return {}
    if words and "=" not in words[0]:
        pairs = [(words[0], " ".join(words[1:]))]
    else:
        pairs = [(name, value) for name, equals, value in (word.partition("=") for word in words) if equals]
    return {name: value for name, value in pairs if name not in _OF_THE_IMAGE and "$" not in value}
