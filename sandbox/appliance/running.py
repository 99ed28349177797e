"""A sandbox after `start`, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.progress import StepTiming


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
    state: Path | None
    """Its directory; None of a sandbox that lives in a container."""
    seconds: float
    """From the call to ready."""
    steps: tuple[StepTiming, ...]
    """Those that were done; with `dry_run` those that would be, in 0 s."""
    notes: tuple[str, ...]
    """Sentences that a person should see."""
    container: str | None = None
    """The node's container; None in the embedded profile."""
    kubernetes: str | None = None
    """URL of the Kubernetes API; None in the embedded profile."""
    context: str | None = None
    """The context of the cluster in the user's kubeconfig; None where there is none."""
    image: str | None = None
    """What tasks may run in that need no more than Python and flytekit; None in the embedded profile."""
