"""What is told about an attempt that a connector runs: only news, and words alone only once in a while."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from sandbox.executors.agent import pace
from sandbox.executors.agent.resources import Progress
from sandbox.executors.api import AttemptError, AttemptPhase, AttemptUpdate
from sandbox.idl.identifiers import AttemptKey


class Report:
    """One attempt's updates. One thread at a time."""

    def __init__(self, key: AttemptKey, tell: Callable[[AttemptUpdate], None]) -> None:
        self.latest: AttemptUpdate | None = None
        """What was told last."""
        self._key = key
        self._tell = tell
        self._begun = time.monotonic()
        self._progress: Progress | None = None
        self._told_at = 0.0

    def show(self, progress: Progress, age: float = 0.0) -> None:
        """Tell how it goes, if that is news. `age`: seconds since the connector was asked."""
        now = time.monotonic()
        former = self._progress
        if former is not None:
            if former == progress:
                return
            only_words = former.message and replace(former, message=progress.message) == progress
            if only_words and now - self._told_at < pace.telling(now - self._begun):
                return
        self._progress = progress
        self._told_at = now
        # Grows over restarts of the control plane, too: what an earlier one told counts.
        version = int(age)
        if self.latest is not None and self.latest.phase is progress.phase:
            version = max(version, self.latest.version + 1)
        self.tell(replace(self.of(progress), version=version))

    def tell(self, update: AttemptUpdate) -> None:
        """Tell as it is."""
        self.latest = update
        self._tell(update)

    def of(self, progress: Progress) -> AttemptUpdate:
        """The update for what a connector said."""
        return AttemptUpdate(
            self._key,
            progress.phase,
            datetime.now(UTC),
            error=progress.error,
            reason=progress.message if progress.error is None else "",
            logs=progress.logs,
            custom_info=json.loads(progress.info) if progress.info else None,
        )

    def failed(self, error: AttemptError) -> AttemptUpdate:
        """The update for a failure that we found."""
        return replace(self._ended(AttemptPhase.FAILED), error=error)

    def aborted(self, reason: str | None) -> AttemptUpdate:
        """The update for an attempt that was ended from outside."""
        return replace(self._ended(AttemptPhase.ABORTED), reason=reason or "")

    def _ended(self, phase: AttemptPhase) -> AttemptUpdate:
        last = self.latest
        return AttemptUpdate(
            self._key,
            phase,
            datetime.now(UTC),
            logs=last.logs if last is not None else (),
            custom_info=last.custom_info if last is not None else None,
        )
