"""Nodes that are not well."""

from __future__ import annotations

from sandbox.appliance.diagnosis.facts import Facts, Object
from sandbox.appliance.diagnosis.troubles import Trouble

_FREE_DISK = (
    "Free space on the disk where Docker has its data: `docker system df` shows what takes it, "
    "`docker system prune` removes what nobody uses; in the sandbox, `sandbox exec -- docker image prune`. "
    "The node recovers within minutes."
)
_PRESSURES = {
    "DiskPressure": (
        "has hardly any disk left",
        "its disk is nearly full (DiskPressure): pods are thrown off it, and no new ones start",
        _FREE_DISK,
    ),
    "MemoryPressure": (
        "has hardly any memory left",
        "its memory is nearly used up: pods are thrown off it, and no new ones start",
        "Run fewer tasks at once, have them ask for the memory that they need, or give Docker more.",
    ),
    "PIDPressure": (
        "has hardly any process numbers left",
        "so many processes run on it that no more can start",
        "End what starts so many.",
    ),
}


def look(known: Facts) -> list[Trouble]:
    """What is wrong with each node."""
    return [trouble for node in known.nodes for trouble in _of_node(node)]


def _of_node(node: Object) -> list[Trouble]:
    conditions = {str(one.get("type")): one for one in (node.get("status") or {}).get("conditions") or ()}
    ready = conditions.get("Ready") or {}
    if ready.get("status") == "Unknown":
        cause = "its kubelet has stopped telling Kubernetes how it is"
        remedy = "Is its container running (`docker ps`)? `sandbox start` starts it again."
        return [Trouble(node, "does not answer", cause, remedy)]
    found = [
        Trouble(node, *_PRESSURES[word])
        for word in _PRESSURES
        if (conditions.get(word) or {}).get("status") == "True"
    ]
    if ready.get("status") != "True":
        cause = str(ready.get("message") or "its kubelet has not come up yet")
        remedy = "Wait a moment after a start; if it stays so, start the sandbox again."
        found.append(Trouble(node, "is not ready", cause, remedy))
    if (node.get("spec") or {}).get("unschedulable"):
        name = node["metadata"]["name"]
        cause = "somebody closed it for new pods (cordoned)"
        found.append(Trouble(node, "takes no new pods", cause, f"Open it again: `kubectl uncordon {name}`."))
    return found
