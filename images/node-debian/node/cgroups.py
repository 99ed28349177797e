"""The container's own control groups, made fit for a kubelet and a Docker engine to put groups under.

The container is started in a cgroup namespace of its own, so what is made here lies under the container's
group on the host: several nodes on one machine never see each other's pods, the container's memory is that
of its pods too, and a limit on the container holds for all. Docker mounts the hierarchies read-only;
version 2 moreover allows no process in a group that hands its controllers on to children.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_OWN = "node"
"""The child group of the node's own processes (version 2)."""


def prepare() -> None:
    """Done at every start, before anything else runs."""
    for mount in mounts(Path("/proc/self/mountinfo").read_text()):
        subprocess.run(["mount", "-o", "remount,bind,rw", mount], check=True, capture_output=True)
    if (ROOT / "cgroup.controllers").exists():
        _hand_on_controllers(ROOT)


def mounts(mountinfo: str) -> list[str]:
    """Where control groups are mounted and can't be written to, from the text of `/proc/self/mountinfo`."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        point, options = before.split()[4:6]
        if after.split()[0] in ("cgroup", "cgroup2") and "ro" in options.split(","):
            found.append(point)
    return found


def _hand_on_controllers(root: Path) -> None:
    own = root / _OWN
    own.mkdir(exist_ok=True)
    for pid in (root / "cgroup.procs").read_text().split():
        try:
            (own / "cgroup.procs").write_text(pid)
        except ProcessLookupError:
            continue
    available = (root / "cgroup.controllers").read_text().split()
    wanted = " ".join(f"+{controller}" for controller in available)
    descriptor = os.open(root / "cgroup.subtree_control", os.O_WRONLY)
    try:
        os.write(descriptor, wanted.encode())
    finally:
        os.close(descriptor)
