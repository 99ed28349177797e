"""What a user can ask of a start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.appliance.ports import PortWishes
from sandbox.appliance.state import DEFAULT_NAME


@dataclass(frozen=True, slots=True)
class ConnectorWishes:
    """What a user asks for about connectors; None: as before."""

    own: bool | None = None
    """Run flytekit's connector server in the source project's environment."""
    modules: tuple[str, ...] = ()
    """With `own`: modules of the project that define connectors."""
    elsewhere: tuple[str, ...] | None = None
    """`host:port` of connectors that run elsewhere."""


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The same options twice are the same as once."""

    name: str = DEFAULT_NAME
    profile: str | None = None
    """None: as it is, or the best that this machine can boot."""
    source: Path | None = None
    """The user's project: its environment becomes the image tag `default`. None: as before."""
    ports: PortWishes = field(default_factory=PortWishes)
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of every task. Empty: as before."""
    timeout: float | None = None
    """Seconds until the boot gives up; making environments and images is not counted. None: what the profile
    usually needs at most."""
    wait: bool = True
    """False: return once the processes are started, without a canary; `status` tells when it is ready."""
    dry_run: bool = False
    """True: look whether it could start, and say what it would do; nothing is written or started."""
    enforce_limits: bool | None = None
    """Kill tasks over their memory limit. None: as before; off for a new sandbox."""
    offload_from: int | None = None
    """MiB: keep literals of this size and more in files of their own; 0: never. None: as before."""
    connectors: ConnectorWishes = field(default_factory=ConnectorWishes)
    client_config: bool = True
    """Write the config file that `pyflyte` and `flytectl` read."""
    distribution: str | None = None
    """Of the node, in profiles in a container. None: as before, or one whose image is here."""
    retain: bool = False
    """Keep what a failed boot has made, to be looked at (in a container)."""
    ca_bundle: Path | None = None
    """Certificates that the node, image builds and pods trust. None: as before, or what SSL_CERT_FILE or
    REQUESTS_CA_BUNDLE name."""
    kubeconfig: bool = True
    """Merge the cluster into the user's kubeconfig."""
    gpus: bool = False
    """Hand the machine's GPUs through to the node."""
    values: tuple[Path, ...] = ()
    """Values files of the manifests, over what earlier starts were told."""
    settings: tuple[str, ...] = ()
    """`a.b=c`: values of the manifests, over those of the files. None of either: as before."""
    reset_values: bool = False
    """Forget the values that earlier starts were told."""
