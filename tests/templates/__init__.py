"""Task templates as flytekit's plugins serialise them, for tests that have no plugin."""

from __future__ import annotations

from pathlib import Path

from flyteidl.core import tasks_pb2
from google.protobuf import json_format

_FOLDER = Path(__file__).parent


def read(name: str) -> tasks_pb2.TaskTemplate:
    """The template of a task in `jobs`."""
    return json_format.Parse((_FOLDER / f"{name}.json").read_text(), tasks_pb2.TaskTemplate())


def names() -> list[str]:
    """All of them."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))
