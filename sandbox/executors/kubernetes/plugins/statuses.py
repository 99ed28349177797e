"""What the statuses of all operators have in common: the time before the first one, and failures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.executors.api import AttemptError, AttemptPhase, ErrorKind
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.executors.kubernetes.verdicts import Verdict

WITH_ALL: Mapping[str, Any] = {"propagationPolicy": "Foreground"}
"""`DeleteOptions`: what an operator made for a resource goes at once, even while the resource itself is held
by a finalizer."""
_PATIENCE = timedelta(seconds=30)
"""An operator that looks at a new resource this late is worth a word."""


def of(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The status; empty as long as nobody wrote one."""
    return found.get("status") or {}


def untouched(
    found: Mapping[str, Any], now: datetime, settings: KubernetesSettings, *, operator: str
) -> Verdict:
    """The operator has not said anything yet. If it never does, it is not running."""
    waited = now - _created(found, now)
    name = (found.get("metadata") or {}).get("name", "")
    left = settings.plugins.operator_grace - waited
    if left <= timedelta(0):
        message = (
            f"{operator} has not looked at {found.get('kind', 'the resource')} {name} for "
            f"{waited.total_seconds():.0f} s: it does not run, or does not watch this namespace"
        )
        # It must not begin the job once it comes: there will be another attempt.
        return replace(system_failure("OperatorSilent", message), to_end=True)
    if waited < _PATIENCE:
        return Verdict(AttemptPhase.QUEUED, "created", look_again=min(left, _PATIENCE - waited))
    return Verdict(AttemptPhase.QUEUED, f"waits for {operator}: is it running?", look_again=left)


def user_failure(code: str, message: str) -> Verdict:
    """The job failed, and another attempt may help."""
    error = AttemptError(code, message, ErrorKind.USER, recoverable=True)
    return Verdict(AttemptPhase.FAILED, error=error)


def system_failure(code: str, message: str) -> Verdict:
    """Not the task's fault."""
    error = AttemptError(code, message, ErrorKind.SYSTEM, recoverable=True)
    return Verdict(AttemptPhase.FAILED, error=error)


def said(*parts: Any) -> str:
    """What there is of them, in one line."""
    return ": ".join(str(part).strip() for part in parts if str(part or "").strip())


def _created(found: Mapping[str, Any], default: datetime) -> datetime:
    text = (found.get("metadata") or {}).get("creationTimestamp")
    if not text:
        return default
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).astimezone(UTC)
