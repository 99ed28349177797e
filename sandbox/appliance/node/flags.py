"""The capabilities and devices of the node's container.

A container that runs containers needs nearly everything. `--privileged` is the usual way to say so; where
the Docker engine itself lacks a capability (in many CI machines CAP_SYS_RESOURCE) that fails, and what can
be given is given one by one. The image finds out at its start what it has.

In both cases the container has a cgroup namespace of its own: what the kubelet and Docker make lies under the
container's own group, with cgroup version 1 as with 2.
"""

from __future__ import annotations

from typing import Any

PRIVILEGED: dict[str, Any] = {"privileged": True}
PIECEMEAL: dict[str, Any] = {
    "cap_add": ["ALL"],
    "cap_drop": ["SYS_RESOURCE"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "device_cgroup_rules": ["a *:* rwm"],
    "devices": ["/dev/kmsg"],
}
WAYS = (PRIVILEGED, PIECEMEAL)
"""In the order in which they are tried."""
SYSTEM_PATHS: dict[str, Any] = {"MaskedPaths": [], "ReadonlyPaths": []}
"""What `--security-opt systempaths=unconfined` stands for: /proc and /sys can be written to."""
GPU_REQUEST: dict[str, Any] = {"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}
"""`--gpus all`."""


def is_about_rights(message: str) -> bool:
    """Whether Docker's refusal to start a container says that the machine doesn't allow the flags."""
    lower = message.lower()
    return any(
        word in lower for word in ("unable to apply caps", "operation not permitted", "permission denied")
    )
