"""What is kept about an attempt that a connector runs, so that a restarted control plane goes on with it.

A note is written before the connector is asked (*whoever finds it knows that it was asked*), again with what
it answered, and at last with how the attempt ended. It goes when the attempt is forgotten.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from sandbox.executors.api import AttemptError, AttemptPhase, AttemptUpdate, ErrorKind, LogLink
from sandbox.idl.identifiers import AttemptKey


class Objects(Protocol):
    """Where notes and outputs are written; `store.objects.ObjectStore` is one."""

    def get(self, uri: str) -> bytes: ...
    def put(self, uri: str, data: bytes) -> object: ...
    def exists(self, uri: str) -> bool: ...
    def delete(self, uri: str) -> object: ...


@dataclass(frozen=True, slots=True)
class Note:
    """What is known about an attempt."""

    endpoint: str
    task_type: str
    version: int
    is_sync: bool
    created_at: float
    """When the connector was asked, in seconds since the epoch."""
    meta: bytes | None = None
    """What CreateTask answered: the connector's own name for the task. None: no answer yet."""
    end: AttemptUpdate | None = None
    """How it ended."""


class Notes:
    """The notes of all attempts, as objects."""

    def __init__(self, objects: Objects, prefix: str) -> None:
        self._objects = objects
        self._prefix = prefix

    def read(self, key: AttemptKey) -> Note | None:
        """The note of an attempt, if a connector was asked to run it."""
        place = self._place(key)
        return _from_json(key, json.loads(self._objects.get(place))) if self._objects.exists(place) else None

    def write(self, key: AttemptKey, note: Note) -> None:
        self._objects.put(self._place(key), json.dumps(_to_json(note)).encode())

    def remove(self, key: AttemptKey) -> None:
        self._objects.delete(self._place(key))

    def _place(self, key: AttemptKey) -> str:
        execution = key.execution
        parts = (execution.project, execution.domain, execution.name, str(key.node), str(key.attempt))
        return "/".join((self._prefix, *(quote(part, safe="") for part in parts)))


def _to_json(note: Note) -> dict[str, Any]:
    return {
        "endpoint": note.endpoint,
        "type": note.task_type,
        "version": note.version,
        "sync": note.is_sync,
        "created_at": note.created_at,
        "meta": None if note.meta is None else base64.b64encode(note.meta).decode(),
        "end": None if note.end is None else _end_to_json(note.end),
    }


def _from_json(key: AttemptKey, data: dict[str, Any]) -> Note:
    return Note(
        endpoint=data["endpoint"],
        task_type=data["type"],
        version=data["version"],
        is_sync=data["sync"],
        created_at=data["created_at"],
        meta=None if data["meta"] is None else base64.b64decode(data["meta"]),
        end=None if data["end"] is None else _end_from_json(key, data["end"]),
    )


def _end_to_json(end: AttemptUpdate) -> dict[str, Any]:
    error = end.error
    return {
        "phase": end.phase.value,
        "at": end.occurred_at.timestamp(),
        "error": error and [error.code, error.message, error.kind.value, error.recoverable],
        "reason": end.reason,
        "logs": [[link.name, link.uri] for link in end.logs],
        "info": end.custom_info,
    }


def _end_from_json(key: AttemptKey, data: dict[str, Any]) -> AttemptUpdate:
    error = data["error"]
    return AttemptUpdate(
        key,
        AttemptPhase(data["phase"]),
        datetime.fromtimestamp(data["at"], UTC),
        error=error and AttemptError(error[0], error[1], ErrorKind(error[2]), error[3]),
        reason=data["reason"],
        logs=tuple(LogLink(name, uri) for name, uri in data["logs"]),
        custom_info=data["info"],
    )
