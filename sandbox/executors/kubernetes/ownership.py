"""Whose an object in Kubernetes is: what is written on it, so that the attempt is found by it again. Pure.

Labels are for selecting and for people; they hold 63 letters. The annotation `ATTEMPT` has the key in full. A
finalizer keeps the object until the attempt's end is committed: its name is what guards an attempt from being
started twice. `released` tells that it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.executors.api import TaskRequest
from sandbox.executors.kubernetes import secret_marks
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.idl.identifiers import AttemptKey, ExecutionId, UniqueNodeId

OWNER_LABEL = "managed-by"
ATTEMPT_LABEL = "flyte-attempt"
"""The attempt's number."""
ATTEMPT = "flyte.org/attempt"
"""Annotation: the attempt's key, as JSON."""
RELEASED = "flyte.org/released"
"""Annotation: when the attempt was forgotten, and the object became rubbish. ISO 8601."""
FINALIZER = "flyte.org/finalizer-k8s"
"""Flyte's own."""
_NOT_LABEL = re.compile(r"[^A-Za-z0-9._-]+")
_LABEL_LENGTH = 63


def namespace(request: TaskRequest, settings: KubernetesSettings) -> str:
    """Where the attempt's objects are."""
    execution = request.key.execution
    return settings.namespace.format(project=execution.project, domain=execution.domain)


def selector(settings: KubernetesSettings) -> str:
    """Chooses every object that executors with these settings created."""
    return f"{OWNER_LABEL}={label_value(settings.owner)}"


def metadata(
    request: TaskRequest,
    settings: KubernetesSettings,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The object's metadata: its own labels and annotations, the request's, and whose it is."""
    made: dict[str, Any] = {
        "name": request.unique_name,
        "namespace": namespace(request, settings),
        "labels": {
            **pod_labels(request, labels),
            OWNER_LABEL: label_value(settings.owner),
            ATTEMPT_LABEL: str(request.key.attempt),
        },
        "annotations": {**pod_annotations(request, annotations), ATTEMPT: _to_text(request.key)},
    }
    if settings.inject_finalizer:
        made["finalizers"] = [FINALIZER]
    return made


def pod_labels(request: TaskRequest, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """The labels of every pod of an attempt, also of those that an operator makes for it. These have neither
    OWNER_LABEL nor ATTEMPT: they are the operator's."""
    labels = {
        **(own or {}),
        **request.labels,
        "interruptible": "true" if request.interruptible else "false",
        **(secret_marks.LABELS if request.secrets else {}),
    }
    return {name: label_value(value) for name, value in labels.items()}


def pod_annotations(request: TaskRequest, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """The annotations of every pod of an attempt."""
    return {**(own or {}), **request.annotations, **secret_marks.marks(request.secrets)}


def key_of(found: Mapping[str, Any]) -> AttemptKey | None:
    """The attempt that an object belongs to; None: it is of no attempt."""
    text = ((found.get("metadata") or {}).get("annotations") or {}).get(ATTEMPT)
    if not text:
        return None
    try:
        project, domain, name, node, attempt = json.loads(text)
        return AttemptKey(ExecutionId(project, domain, name), UniqueNodeId(node), int(attempt))
    except (ValueError, TypeError):
        return None


def is_released(found: Mapping[str, Any]) -> bool:
    """Whether the attempt's end is committed, and the object is rubbish."""
    return RELEASED in ((found.get("metadata") or {}).get("annotations") or {})


def released_at(found: Mapping[str, Any]) -> datetime | None:
    """When it was; None: not yet, or nobody knows."""
    text = ((found.get("metadata") or {}).get("annotations") or {}).get(RELEASED, "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def label_value(text: str) -> str:
    """The text as Kubernetes allows it in a label: at most 63 letters, digits, `-`, `_`, `.`."""
    return _NOT_LABEL.sub("-", text)[-_LABEL_LENGTH:].strip("-_.")


def _to_text(key: AttemptKey) -> str:
    execution = key.execution
    return json.dumps([execution.project, execution.domain, execution.name, key.node, key.attempt])
