"""Pods that no node takes: read from the scheduler's own words, and from what nodes and pods ask and have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.appliance.diagnosis import facts
from sandbox.appliance.diagnosis.facts import Facts, Object
from sandbox.appliance.diagnosis.troubles import Trouble
from sandbox.executors import quantities

_WAITS = "waits for a node"
_PART = re.compile(r"(\d+) (.*)", re.DOTALL)
_TAINT = re.compile(r"taint \{(?P<key>[^:}\s]+):? ?(?P<value>[^}]*)\}")
_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" (not found|is being deleted)')
_SHORT = re.compile(r"Insufficient (\S+)")
_BYTES = {"memory": "of memory", "ephemeral-storage": "of disk"}
_GPU = "nvidia.com/gpu"
_DISK = "The node's disk is nearly full: see there what to remove."
_TAINTS = {
    "node.kubernetes.io/disk-pressure": ("the disk of a node is nearly full", _DISK),
    "node.kubernetes.io/memory-pressure": (
        "a node has too little memory left",
        "Wait until tasks end, or give Docker more memory.",
    ),
    "node.kubernetes.io/pid-pressure": (
        "a node has too many processes",
        "End what starts so many, or wait until it ends.",
    ),
    "node.kubernetes.io/not-ready": (
        "a node is not ready (yet)",
        "Wait a moment after a start; if it stays so, look with `sandbox logs kubelet`.",
    ),
    "node.kubernetes.io/unreachable": (
        "a node does not answer",
        "Is its container running? `sandbox start` starts it again.",
    ),
    "node.kubernetes.io/unschedulable": (
        "a node is closed for new pods (cordoned)",
        "Open it again: `kubectl uncordon NODE`.",
    ),
    "node.kubernetes.io/network-unavailable": (
        "a node has no network for pods",
        "Start the sandbox again: `sandbox stop`, then `sandbox start`.",
    ),
}


_TOO_MUCH = "Ask for less (`@task(requests=Resources(…))`), or give Docker more and start the sandbox again."
_NO_GPU = "Start the sandbox with the machine's graphics processors: `sandbox start --gpus all`."
_TAKEN = "It starts when others end. Ask for less, or see with `sandbox status` what holds so much."


def look(known: Facts) -> list[Trouble]:
    """What each pod that waits for a node waits for."""
    return [trouble for pod in known.pods for trouble in _of_pod(known, pod)]


def _of_pod(known: Facts, pod: Object) -> list[Trouble]:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            parts = split(str(condition.get("message", "")))
            found = [trouble for part in parts for trouble in _understand(known, pod, part)]
            # Why other nodes are out of the question matters little where one lacks resources only.
            short = [one for one in found if not one.shared]
            return [_one(short or found or [_unknown(pod, str(condition.get("message", "")))])]
    return []


def _one(found: list[Trouble]) -> Trouble:
    """One trouble of a pod that several groups of nodes refuse."""
    causes = "; ".join(dict.fromkeys(one.cause for one in found))
    remedies = " Or: ".join(dict.fromkeys(one.remedy for one in found))
    return replace(found[0], cause=causes, remedy=remedies)


def split(message: str) -> list[str]:
    """The reasons in a scheduler's message, one for each group of nodes."""
    text = message.partition(" preemption:")[0]
    _, colon, reasons = text.partition(": ")
    found = re.split(r", (?=\d+ )", (reasons if colon else text).rstrip(". "))
    matches = (_PART.fullmatch(one.strip()) for one in found)
    return [match[2] for match in matches if match is not None]


def _understand(known: Facts, pod: Object, reason: str) -> list[Trouble]:
    short = _SHORT.fullmatch(reason)
    if short:
        return [_too_little(known, pod, short[1])]
    taint = _TAINT.search(reason)
    if taint:
        return [_tainted(pod, taint["key"], taint["value"])]
    claim = _CLAIM.search(reason)
    if claim:
        cause = f"its volume claim {claim[1]!r} is not there"
        return [
            Trouble(pod, _WAITS, cause, f"Create the claim {claim[1]!r}, or take it out of the pod template.")
        ]
    if re.search(_AFFINITY, reason):
        return [] if _is_selected(known, pod) else [Trouble(pod, _WAITS, _selector(pod), _LABEL)]
    for pattern, (cause, remedy) in _OTHERS.items():
        if re.search(pattern, reason):
            return [Trouble(pod, _WAITS, cause, remedy)]
    return []


def _unknown(pod: Object, message: str) -> Trouble:
    return Trouble(
        pod, _WAITS, message or "the scheduler does not say why", "Look with `kubectl describe pod`."
    )


def _tainted(pod: Object, key: str, value: str) -> Trouble:
    if key in _TAINTS:
        return Trouble(pod, _WAITS, *_TAINTS[key])
    shown = f"{key}={value}" if value else key
    return Trouble(
        pod,
        _WAITS,
        f"a node is kept for pods that tolerate {shown}",
        f"Remove the taint (`kubectl taint node NODE {key}-`), or have a pod template tolerate it.",
    )


def _too_little(known: Facts, pod: Object, resource: str) -> Trouble:
    wanted = requested(pod, resource)
    rooms = [(_amount(_allocatable(node).get(resource)), node) for node in known.nodes]
    largest, node = max(rooms, key=lambda room: room[0], default=(0.0, None))
    asked, has = _shown(resource, wanted), _shown(resource, largest)
    if node is None or wanted > largest:
        where = f"the largest node has {has}" if largest else "no node has any"
        return Trouble(
            pod,
            _WAITS,
            f"it asks for {asked}, and {where}: it will wait for ever",
            _NO_GPU if resource == _GPU and not largest else _TOO_MUCH,
            shared=False,
        )
    name = node["metadata"]["name"]
    taken = sum(
        requested(other, resource)
        for other in known.pods
        if (other.get("spec") or {}).get("nodeName") == name and not facts.is_over(other)
    )
    cause = f"it asks for {asked}; the node {name} has {has}, {_shown(resource, taken)} taken"
    return Trouble(pod, _WAITS, cause, _TAKEN, shared=False)


def requested(pod: Object, resource: str) -> float:
    """What a pod asks a node for: its containers together, or its largest init container."""
    spec = pod.get("spec") or {}
    together = sum(_request(one, resource) for one in spec.get("containers") or ())
    first = max((_request(one, resource) for one in spec.get("initContainers") or ()), default=0.0)
    return max(together, first) + _amount((spec.get("overhead") or {}).get(resource))


def _request(container: Object, resource: str) -> float:
    resources = container.get("resources") or {}
    return _amount(
        (resources.get("requests") or {}).get(resource) or (resources.get("limits") or {}).get(resource)
    )


def _allocatable(node: Object) -> Mapping[str, Any]:
    status = node.get("status") or {}
    found: Mapping[str, Any] = status.get("allocatable") or status.get("capacity") or {}
    return found


def _amount(quantity: Any) -> float:
    try:
        return quantities.to_number(str(quantity)) if quantity is not None else 0.0
    except ValueError:
        return 0.0


def _shown(resource: str, amount: float) -> str:
    if resource in _BYTES:
        return f"{quantities.for_people(round(amount))} {_BYTES[resource]}"
    if resource == "cpu":
        return f"{amount:g} processor" if amount == 1 else f"{amount:g} processors"
    return f"{amount:g} {resource}"


def _wanted_labels(pod: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = (pod.get("spec") or {}).get("nodeSelector") or {}
    return found


def _is_selected(known: Facts, pod: Object) -> bool:
    """Whether there are nodes as the pod's selector wants them: then the others don't matter."""
    wanted = _wanted_labels(pod).items()
    return bool(wanted) and any(
        wanted <= (node["metadata"].get("labels") or {}).items() for node in known.nodes
    )


def _selector(pod: Object) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in sorted(_wanted_labels(pod).items()))
    return (
        f"no node has the labels {labels}" if labels else "no node has the labels that its affinity asks for"
    )


_AFFINITY = r"didn't match (Pod's )?node (affinity|selector)"
_LABEL = "Label a node (`kubectl label node NODE KEY=VALUE`), or take the selector out of the pod template."
_OTHERS = {
    r"unbound immediate PersistentVolumeClaims": (
        "a volume claim of it is not bound to a volume",
        "Is there a storage class of that name? `kubectl get storageclass,pvc,pv --all-namespaces`",
    ),
    r"volume node affinity conflict": (
        "its volume lies on another node",
        "Bring that node back, or delete the claim and with it the data.",
    ),
    r"Too many pods": (
        "every node has as many pods as it may",
        "It starts when others end. A lower concurrency of map tasks leaves room for others.",
    ),
    r"free ports": (
        "the port of the host that it asks for is taken on every node",
        "Take `hostPort` out of its pod template, or end the pod that has it.",
    ),
    r"unschedulable": (
        "a node is closed for new pods (cordoned)",
        "Open it again: `kubectl uncordon NODE`.",
    ),
    r"anti-affinity": (
        "it must not run beside a pod that runs on every node",
        "Run fewer of its kind, or add a node.",
    ),
}
