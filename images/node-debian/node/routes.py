"""The range of this node's pods, and the way to those of other nodes: a route for each, by way of its node.

A pod keeps its own address on the way to another pod, whichever node that is on.
"""

from __future__ import annotations

import subprocess
import time
from typing import Any

from node.api import Api
from node.settings import PODS, Settings

_NODES = "/api/v1/nodes"
_PATIENCE = 0.5
_LOOK_SECONDS = 60
_UNMARKED = ("-m", "mark", "!", "--mark", "0x4000/0x4000")
"""kube-proxy marks what has to look as if it came from the node: a pod that reaches itself by a service."""
_KEEP_ADDRESS = ("-s", PODS, "-d", PODS, *_UNMARKED, "-j", "ACCEPT")


def main() -> None:
    """For ever."""
    settings = Settings.read()
    api = Api(settings, "routes")
    _keep_addresses()
    while True:
        try:
            nodes, version = api.list(_NODES)
            if lacks_range(nodes, settings.name):
                ranges = {"podCIDR": settings.pods, "podCIDRs": [settings.pods]}
                api.request("PATCH", f"{_NODES}/{settings.name}", {"spec": ranges})
            for pods, address in wanted(nodes, settings.name).items():
                _call("ip", "route", "replace", pods, "via", address)
            api.wait_for_change(_NODES, version, _LOOK_SECONDS)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"the routes are not up to date: {error}", flush=True)
        time.sleep(_PATIENCE)


def lacks_range(nodes: list[dict[str, Any]], own: str) -> bool:
    """Whether this node has registered itself, but not yet with the range of its pods. The kubelet says
    that it is ready as soon as it knows one, and else only at its next turn."""
    return any(node["metadata"]["name"] == own and not node["spec"].get("podCIDR") for node in nodes)


def wanted(nodes: list[dict[str, Any]], own: str) -> dict[str, str]:
    """The node's address by the range of its pods, of all others."""
    found = {}
    for node in nodes:
        addresses = node.get("status", {}).get("addresses") or ()
        internal = next((one["address"] for one in addresses if one["type"] == "InternalIP"), None)
        pods = node["spec"].get("podCIDR")
        if node["metadata"]["name"] != own and internal and pods:
            found[pods] = internal
    return found


def _keep_addresses() -> None:
    rule = ("POSTROUTING", *_KEEP_ADDRESS)
    if subprocess.run(["iptables", "-w", "-t", "nat", "-C", *rule], capture_output=True).returncode != 0:
        _call("iptables", "-w", "-t", "nat", "-I", *rule)


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
