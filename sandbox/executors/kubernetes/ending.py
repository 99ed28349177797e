"""What is done to an attempt's object at the end: its log is kept, what still runs is deleted, then it is
released. Each can be done again, and none minds that the object is gone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from sandbox.copilot import errors as copilot_errors
from sandbox.executors.kubernetes import errors, logs, ownership
from sandbox.executors.kubernetes.client import JSON_PATCH, Client
from sandbox.executors.kubernetes.kinds import Printer
from sandbox.executors.kubernetes.records import Done, Later, Object, Order, Outcome
from sandbox.executors.kubernetes.settings import KubernetesSettings

_LOG_SECONDS = 5.0
"""Without a byte: the node may be gone, and an abort waits for this."""
_PRECONDITIONS = "preconditions"


class Uploads(Protocol):
    """Where logs are kept; `store.objects.ObjectStore` is one."""

    def upload(self, path: Path, uri: str) -> None: ...


def keep_log(client: Client, objects: Uploads | None, order: Order, settings: KubernetesSettings) -> Outcome:
    """Copy what the attempt printed into the object store, as far as it is there."""
    printer = order.kind.printer(order.found) if order.found is not None else None
    if objects is None or not settings.logs_prefix or printer is None or order.found is None:
        return Done()
    namespace = str(order.found["metadata"]["namespace"])
    with tempfile.TemporaryDirectory(prefix="flyte-log-") as folder:
        path = Path(folder) / "log"
        trouble = _copy(client, namespace, printer, path)
        if not path.stat().st_size:
            return Later(f"the log can't be read: {trouble}") if trouble else Done()
        try:
            with copilot_errors.of_store():
                objects.upload(path, logs.kept_at(settings.logs_prefix, order.key))
        except copilot_errors.CopilotError as exc:
            return Later(f"the log can't be kept: {exc}")
    return Done()


def _copy(client: Client, namespace: str, printer: Printer, path: Path) -> str:
    """As much of the log as can be read; why that may be too little."""
    with path.open("wb") as file:
        try:
            for piece in logs.read(client, namespace, printer, read_timeout=_LOG_SECONDS):
                file.write(piece)
        except errors.TryAgain as exc:
            return str(exc)
        except errors.Refused:  # the container printed nothing, or is gone
            return ""
    return ""


def delete(client: Client, order: Order, settings: KubernetesSettings) -> Outcome:
    """Have the object deleted, with what it started."""
    if order.found is None:
        return Done()
    metadata = order.found["metadata"]
    options = order.kind.deletion(order.found, settings)
    if order.gently:
        options.pop("gracePeriodSeconds", None)
    if metadata.get("uid"):
        options[_PRECONDITIONS] = {"uid": metadata["uid"]}
    try:
        left = client.delete(order.kind.api.object(metadata["namespace"], metadata["name"]), options)
    except (errors.NotFound, errors.Conflict):  # gone, or another one of its name
        return Done()
    except errors.KubernetesError as exc:
        return Later(str(exc))
    return Done(left if ownership.key_of(left) == order.key else None)


def release(client: Client, order: Order) -> Outcome:
    """Take our finalizer away, and mark the object as rubbish."""
    if order.found is None:
        return Done()
    metadata = order.found["metadata"]
    path = order.kind.api.object(metadata["namespace"], metadata["name"])
    try:
        try:
            client.patch(path, _release(order.found), JSON_PATCH)
        except (errors.Conflict, errors.Refused) as exc:
            if isinstance(exc, errors.NotFound):
                raise
            client.patch(path, _release(client.get(path)), JSON_PATCH)
    except errors.NotFound:
        return Done()
    except errors.KubernetesError as exc:
        return Later(str(exc))
    return Done()


def _release(found: Object) -> list[Mapping[str, Any]]:
    """A patch that fails if the object's finalizers are others than those that it was made for."""
    finalizers = list(found["metadata"].get("finalizers") or ())
    mark = f"/metadata/annotations/{ownership.RELEASED.replace('/', '~1')}"
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    patch: list[Mapping[str, Any]] = [{"op": "add", "path": mark, "value": moment}]
    if ownership.FINALIZER in finalizers:
        place = f"/metadata/finalizers/{finalizers.index(ownership.FINALIZER)}"
        patch += [
            {"op": "test", "path": place, "value": ownership.FINALIZER},
            {"op": "remove", "path": place},
        ]
    return patch
