"""What must be there before the components start: folders, configuration files, kernel settings, images."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

from node import components
from node.settings import LOGS, STATE, Settings

_CNI = Path("/etc/cni/net.d/10-sandbox.conflist")
_MACHINE_ID = Path("/etc/machine-id")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def prepare(settings: Settings) -> None:
    """Files and folders. Done at every start: `/run` is empty then."""
    for folder in (STATE, LOGS, _CNI.parent, Path("/run/lock")):
        folder.mkdir(parents=True, exist_ok=True)
    components.HOSTS.touch()
    components.KUBELET_CONFIG.write_text(components.kubelet_config(settings))
    _CNI.write_text(components.cni_config(settings))
    _give_identity()
    _share_mounts()
    _FORWARDING.write_text(
        "1"
    )  # before Docker does it, which would forward its own containers' packets alone
    if settings.ca_bundle is not None:
        _CERTIFICATES.write_bytes(settings.ca_bundle.read_bytes())


def _give_identity() -> None:
    """The kubelet wants a machine id: one for the life of the volume."""
    kept = STATE / "machine-id"
    if not kept.exists():
        kept.write_text(uuid.uuid4().hex + "\n")
    _MACHINE_ID.write_text(kept.read_text())


def _share_mounts() -> None:
    """Volumes of pods are mounts that the kubelet makes and containers see."""
    subprocess.run(["mount", "--make-rshared", "/"], check=True, capture_output=True)
