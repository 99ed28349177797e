"""The API server's question about a pod, and the answer: `AdmissionReview` (v1, v1beta1). Pure."""

from __future__ import annotations

import base64
import json
from typing import Any

from sandbox.webhook import mutation

_VERSIONS = ("admission.k8s.io/v1", "admission.k8s.io/v1beta1")


class NoReview(ValueError):
    """The request is none."""


def answer(body: bytes) -> bytes:
    """What is answered to a question. Raises NoReview."""
    try:
        review = json.loads(body)
        version, request = review["apiVersion"], review["request"]
        uid, pod = str(request["uid"]), request.get("object") or {}
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise NoReview(f"this is no AdmissionReview: {exc}") from exc
    if version not in _VERSIONS or not isinstance(pod, dict):
        raise NoReview(f"this is no AdmissionReview of a version known here: {version}")
    verdict = {"apiVersion": version, "kind": "AdmissionReview", "response": {"uid": uid, **_verdict(pod)}}
    return json.dumps(verdict).encode()


def _verdict(pod: dict[str, Any]) -> dict[str, Any]:
    try:
        operations = mutation.patch(pod)
    except mutation.Refused as exc:
        return {"allowed": False, "status": {"code": 400, "reason": "BadRequest", "message": str(exc)}}
    if not operations:
        return {"allowed": True}
    coded = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": coded}
