"""The process executor: attempts as forked processes of a warm runner."""

from __future__ import annotations

from sandbox.executors.api import Sink, TaskRequest
from sandbox.executors.process.settings import ProcessSettings
from sandbox.idl.identifiers import AttemptKey


class ProcessExecutor:
    """Implements `sandbox.executors.api.Executor` with one runner process per Python environment."""

    def __init__(self, settings: ProcessSettings) -> None:
        self._settings = settings

    def connect(self, sink: Sink) -> None:
        """Name the one receiver of updates."""

    def start(self, request: TaskRequest) -> None:
        """Start the attempt, or attach to it."""

    def abort(self, key: AttemptKey, reason: str) -> None:
        """End the attempt and everything it started."""

    def forget(self, key: AttemptKey) -> None:
        """Drop everything about an ended attempt but its log."""

    def close(self) -> None:
        """Stop reporting; runners and their attempts go on."""

    def warm(self, tag: str) -> None:
        """Start the runner of an image tag's environment now, so that its first task finds it ready. Returns at once."""
