"""Pods that have a node and an image and yet do not become ready, or that do not go away."""

from __future__ import annotations

import re
from datetime import timedelta

from sandbox.appliance.diagnosis import facts
from sandbox.appliance.diagnosis.facts import Facts, Object
from sandbox.appliance.diagnosis.troubles import Trouble

_PATIENCE = timedelta(seconds=30)
_MISSING = re.compile(r"""(?P<kind>secret|configmap)s? \\?"(?P<name>[^"\\]+)\\?" not found""")
_KEY = re.compile(r"couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) (?P<name>\S+)")
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_MOUNTS = frozenset({"FailedMount", "FailedAttachVolume"})
_LONGEST = 300
"""Letters of a message that only Kubernetes' developers understand."""
_NETWORK = frozenset({"FailedCreatePodSandBox", "NetworkNotReady"})


def look(known: Facts) -> list[Trouble]:
    """At most one trouble a pod."""
    found = (_of_pod(known, pod) for pod in known.pods)
    return [trouble for trouble in found if trouble is not None]


def _of_pod(known: Facts, pod: Object) -> Trouble | None:
    if pod["metadata"].get("deletionTimestamp"):
        return _leaving(known, pod)
    if facts.is_over(pod):
        return None
    for container in facts.containers(pod):
        state = facts.waiting(container)
        if state.get("reason") in _CONFIG:
            return _unmade(pod, str(state.get("message", "")) or str(state.get("reason")))
    if any(
        facts.waiting(one).get("reason") in ("ContainerCreating", "PodInitializing")
        for one in facts.containers(pod)
    ):
        for event in known.about(pod):
            if event.get("reason") in _MOUNTS:
                return _unmade(pod, str(event.get("message", "")))
            if event.get("reason") in _NETWORK:
                return _without_network(pod, str(event.get("message", "")))
    return _unready(known, pod)


def _unmade(pod: Object, message: str) -> Trouble:
    missing, key = _MISSING.search(message), _KEY.search(message)
    what = "does not start: something that it needs is missing"
    if key:
        cause = f"the {key['kind']} {key['name']} has no key {key['key']}"
        return Trouble(pod, what, cause, _how_to_set(pod, key["kind"], key["name"], key["key"]))
    if missing:
        kind = "Secret" if missing["kind"] == "secret" else "ConfigMap"
        cause = f"there is no {kind} {missing['name']} in {pod['metadata'].get('namespace')}"
        return Trouble(pod, what, cause, _how_to_set(pod, kind, missing["name"], "KEY"))
    where = f"--namespace {pod['metadata'].get('namespace')} {pod['metadata']['name']}"
    remedy = f"Kubernetes tries again. If it stays so: `kubectl delete pod {where}`."
    return Trouble(pod, "does not start", _short(message), remedy, shared=False)


def _short(message: str) -> str:
    return message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"


def _how_to_set(pod: Object, kind: str, name: str, key: str) -> str:
    if kind == "Secret" and (pod["metadata"].get("labels") or {}).get("execution-id"):
        return f"Set it: `sandbox secret set {name} {key}`."
    return f"Create it; for what the sandbox itself needs, `sandbox start` does ({kind} {name})."


def _without_network(pod: Object, message: str) -> Trouble:
    return Trouble(
        pod,
        "does not start: it gets no network",
        _short(message),
        "Start the sandbox again: `sandbox stop`, then `sandbox start`.",
    )


def _unready(known: Facts, pod: Object) -> Trouble | None:
    """Its containers run, but it does not say that it is ready."""
    running = [one for one in facts.containers(pod) if (one.get("state") or {}).get("running")]
    late = [
        one
        for one in running
        if not one.get("ready")
        and known.now - facts.moment(one["state"]["running"].get("startedAt"), known.now) > _PATIENCE
    ]
    if not late:
        return None
    name = late[0].get("name", "")
    said = next((str(e.get("message", "")) for e in known.about(pod) if e.get("reason") == "Unhealthy"), "")
    return Trouble(
        pod,
        f"runs, but is not ready: its container {name}",
        said or "its readiness probe does not succeed",
        f"Look with `kubectl logs --namespace {pod['metadata'].get('namespace')} {pod['metadata']['name']}`.",
        shared=False,
    )


def _leaving(known: Facts, pod: Object) -> Trouble | None:
    """Should be gone, and is not."""
    metadata = pod["metadata"]
    # Kubernetes writes here when the time of grace is over.
    due = facts.moment(metadata["deletionTimestamp"], known.now)
    if known.now - due < _PATIENCE:
        return None
    finalizers = ", ".join(metadata.get("finalizers") or ())
    what = "was deleted, and does not go"
    if finalizers:
        cause = f"it is held until somebody who watches it lets it go ({finalizers})"
        remedy = (
            "Flyte's own lets go when the control plane runs: `sandbox status`. Of others, start what set it."
        )
        return Trouble(pod, what, cause, remedy)
    node = (pod.get("spec") or {}).get("nodeName", "")
    cause = f"its node {node} has not confirmed that it ended" if node else "Kubernetes has not removed it"
    return Trouble(
        pod, what, cause, "Is the node well? If it is gone for good: `kubectl delete pod --force`."
    )
