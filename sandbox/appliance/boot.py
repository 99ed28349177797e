"""`sandbox start`: from nothing, or from a stopped sandbox, to one that ran a workflow.

The boot is the profile's list of steps, each a module in `sandbox.appliance.steps` with a `TITLE` and an
`execute(context)`. A sandbox is ready when its last step is over; among them is the canary, a real workflow that goes
up from the host, runs, and comes back. A boot that fails stops whatever it had started.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.appliance import state as states
from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.ports import PortWishes
from sandbox.appliance.progress import Progress, StepTiming


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What a user can ask of a start. The same options twice are the same as once."""

    name: str = states.DEFAULT_NAME
    profile: str | None = None
    """None: as it is, or the best that this machine can boot."""
    source: Path | None = None
    """The user's project: its environment becomes the image tag `default`. None: as before."""
    ports: PortWishes = field(default_factory=PortWishes)
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of every task. Empty: as before."""
    timeout: float = 120.0
    """Seconds until the boot gives up; building the source's environment is not counted."""
    wait: bool = True
    """False: return once the processes are started, without a canary; `status` tells when it is ready."""
    dry_run: bool = False
    """True: look whether it could start, and say what it would do; nothing is written or started."""
    enforce_limits: bool | None = None
    """Kill tasks over their memory limit. None: as before; off for a new sandbox."""
    client_config: bool = True
    """Write the config file that `pyflyte` and `flytectl` read."""


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox after `start`."""

    name: str
    profile: str
    ready: bool
    """False only with `wait=False` or `dry_run=True`."""
    already_running: bool
    """It ran before; the start only verified it."""
    endpoints: Endpoints
    state: Path
    seconds: float
    """From the call to ready."""
    steps: tuple[StepTiming, ...]
    notes: tuple[str, ...]
    """Sentences that a person should see."""


def start(options: StartOptions, progress: Progress | None = None) -> Running:
    """Bring the sandbox up; raises ApplianceError. Safe to call when it is up, and from several processes at once."""
    raise NotImplementedError
