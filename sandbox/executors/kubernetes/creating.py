"""Creating an attempt's object, and what the API server's answer to it means.

A name that is taken is no failure: an earlier process, or this one before its connection broke, created the
object. If it is this attempt's, it is attached to.
"""

from __future__ import annotations

from datetime import timedelta

from sandbox.executors import rendering
from sandbox.executors.api import AttemptError, ErrorKind, TaskRequest
from sandbox.executors.kubernetes import errors, ownership, pods, quotas
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.kinds import Kind
from sandbox.executors.kubernetes.records import Failed, Full, Later, Made, Outcome
from sandbox.executors.kubernetes.settings import KubernetesSettings

_NAMESPACES = "namespaces"
_SERVICE_ACCOUNT = "error looking up service account"
_NO_RIGHT = "cannot create resource"
"""So the API server refuses whoever lacks the right; while it starts, it has read nobody's rights yet."""
_SOON = timedelta(seconds=1)
"""Namespaces and service accounts are made by somebody else, and soon."""
_PERMANENT = frozenset({400, 413, 422})
_CODES = {400: "BadTaskFormat", 413: "EntityTooLarge", 422: "BadTaskFormat"}


def create(client: Client, kind: Kind, request: TaskRequest, settings: KubernetesSettings) -> Outcome:
    """Try once."""
    try:
        body = kind.build(request, settings)
    except (pods.BadTaskError, rendering.RenderingError) as exc:
        return _failed("BadTaskSpecification", str(exc), ErrorKind.USER)
    except OSError as exc:
        return Later(f"the task's template can't be stored: {exc}")
    namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
    try:
        return Made(client.create(kind.api.objects(namespace), body))
    except errors.Conflict as exc:
        return _attach(client, kind, request, namespace, name, exc)
    except errors.TryAgain as exc:
        return _later(exc)
    except errors.Refused as exc:
        return _refused(kind, namespace, exc)


def _attach(
    client: Client, kind: Kind, request: TaskRequest, namespace: str, name: str, conflict: errors.Conflict
) -> Outcome:
    try:
        found = client.get(kind.api.object(namespace, name))
    except errors.NotFound:
        return Later(str(conflict), after=_SOON)
    except errors.TryAgain as exc:
        return _later(exc)
    except errors.Refused as exc:
        return _failed("RuntimeFailure", str(exc), ErrorKind.SYSTEM)
    if ownership.key_of(found) != request.key:
        text = f"there is another object of the name {name} in the namespace {namespace}: delete it"
        return _failed("RuntimeFailure", text, ErrorKind.SYSTEM)
    return Made(found)


def _later(exc: errors.TryAgain) -> Later:
    after = exc.after if isinstance(exc, errors.Busy) else None
    return Later(
        str(exc),
        after=timedelta(seconds=after) if after is not None else None,
        doubtful=not isinstance(exc, errors.Busy) or exc.code != 429,
    )


def _refused(kind: Kind, namespace: str, exc: errors.Refused) -> Outcome:
    if isinstance(exc, errors.NotFound):
        if exc.details.get("kind") == _NAMESPACES:
            return Later(f"the namespace {namespace} is not there (yet)", after=_SOON)
        if kind.operator:
            text = (
                f"this cluster knows no {kind.api.plural}.{kind.api.group}: install {kind.operator}, "
                "then run the execution again"
            )
            return _failed("BadTaskSpecification", text, ErrorKind.USER)
    if quotas.is_full(exc.message):
        if quotas.never_fits(exc.message):
            return _failed("ResourceRequestsExceedLimits", exc.message, ErrorKind.USER)
        return Full(f"waits for room in the quota: {exc.message}")
    if _SERVICE_ACCOUNT in exc.message and '"default" not found' in exc.message:
        return Later(f"the namespace {namespace} has no default service account (yet)", after=_SOON)
    if exc.code == 403 and _NO_RIGHT in exc.message:
        return Later(exc.message)
    code = _CODES.get(exc.code, "RuntimeFailure")
    error = AttemptError(code, exc.message, ErrorKind.USER, recoverable=exc.code not in _PERMANENT)
    return Failed(error)


def _failed(code: str, message: str, kind: ErrorKind) -> Failed:
    return Failed(AttemptError(code, message, kind, recoverable=False))
