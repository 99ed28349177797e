"""From what an object says to what the engine is told. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sandbox.executors.api import AttemptError, AttemptPhase, AttemptUpdate, ErrorKind
from sandbox.executors.kubernetes.records import Record
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.executors.kubernetes.verdicts import Verdict
from sandbox.executors.process import attempts

_RANK = {AttemptPhase.QUEUED: 0, AttemptPhase.INITIALIZING: 1, AttemptPhase.RUNNING: 2}
_LATE = timedelta(seconds=2)
"""Kubernetes' own times have whole seconds; ours are better, unless it happened while nobody watched."""
_WHOLE = timedelta(seconds=1)
"""By so much less than that, they are too early."""


def update(
    record: Record, verdict: Verdict, now: datetime, settings: KubernetesSettings
) -> AttemptUpdate | None:
    """What to tell; None: it was told, or what was told later has overtaken it."""
    last = record.last
    if last is not None and (last.phase.is_terminal or _rank(verdict.phase) < _rank(last.phase)):
        return None
    logs = verdict.logs
    was_running = last is not None and last.phase is AttemptPhase.RUNNING
    if settings.log_url_prefix and (verdict.phase is AttemptPhase.RUNNING or was_running or _ran(record)):
        logs = (attempts.log_link(settings.log_url_prefix, record.key), *logs)
    made = AttemptUpdate(
        key=record.key,
        phase=verdict.phase,
        occurred_at=_moment(record, verdict, now),
        version=last.version + 1 if last is not None and last.phase is verdict.phase else 0,
        error=verdict.error,
        reason=verdict.reason,
        logs=logs,
        custom_info=verdict.custom_info,
    )
    return None if last is not None and _says(made) == _says(last) else made


def timeouts(
    record: Record, verdict: Verdict, settings: KubernetesSettings
) -> list[tuple[datetime, AttemptError]]:
    """When the attempt will have taken too long as it is now, and how it fails then."""
    found: list[tuple[datetime, AttemptError]] = []
    timeout = record.request.timeout if record.request is not None else None
    if verdict.phase is AttemptPhase.RUNNING and timeout is not None:
        told = record.last if record.last is not None and record.last.phase is AttemptPhase.RUNNING else None
        began = verdict.since + _WHOLE if verdict.since is not None else told.occurred_at if told else None
        if began is not None:
            text = f"the attempt took longer than its timeout of {timeout.total_seconds():g} s"
            error = AttemptError("TimeoutExpired", text, ErrorKind.USER, recoverable=True)
            found.append((began + timeout, error))
    created = created_at(record)
    if settings.pending_timeout is not None and verdict.phase is AttemptPhase.QUEUED and created is not None:
        text = f"no node took it within {settings.pending_timeout.total_seconds():g} s: {verdict.reason}"
        error = AttemptError("PodPendingTimeout", text, ErrorKind.SYSTEM, recoverable=True)
        found.append((created + settings.pending_timeout, error))
    return found


def created_at(record: Record) -> datetime | None:
    """When its object was created."""
    text = record.seen["metadata"].get("creationTimestamp") if record.seen is not None else None
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC) if text else None


def _moment(record: Record, verdict: Verdict, now: datetime) -> datetime:
    moment = verdict.since if verdict.since is not None and now - verdict.since > _LATE else now
    return max(moment, record.last.occurred_at) if record.last is not None else moment


def _ran(record: Record) -> bool:
    return (
        record.kind is not None and record.seen is not None and record.kind.printer(record.seen) is not None
    )


def _rank(phase: AttemptPhase) -> int:
    return _RANK.get(phase, len(_RANK))


def _says(update: AttemptUpdate) -> tuple[object, ...]:
    return (update.phase, update.reason, update.error, update.logs, update.custom_info)
