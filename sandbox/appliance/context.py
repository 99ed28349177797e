"""What the steps of a boot share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.appliance.embedded import records
from sandbox.appliance.embedded.components import CONNECTOR, CONTROL_PLANE, OBJECT_STORE, POSTGRES
from sandbox.appliance.embedded.postgres import Placement
from sandbox.appliance.errors import ApplianceError, ComponentFailed, TimedOut
from sandbox.appliance.options import StartOptions
from sandbox.appliance.profiles import Profile
from sandbox.appliance.progress import Progress
from sandbox.appliance.state import SandboxConfig, SandboxState

PATIENCE = 3
"""How often a component may die during a boot before the boot gives up on it."""
_INTERVAL = 0.005
_LOG_LINES = 12


@dataclass(slots=True)
class BootContext:
    """One `start` in progress. Steps read what earlier ones set."""

    options: StartOptions
    state: SandboxState
    profile: Profile
    progress: Progress
    deadline: float
    """Monotonic."""
    was_running: bool
    """The supervisor ran before: a failure must not stop what others use."""
    config: SandboxConfig
    """As it will be, once the step `layout` wrote it."""
    placement: Placement
    restart_control_plane: bool = False
    """It runs with another configuration than the one that was just written."""
    notes: list[str] = field(default_factory=list)

    def note(self, message: str) -> None:
        """A sentence for the person who started this."""
        self.notes.append(message)
        self.progress.note(message)

    def wait_for(self, component: str, ready: Callable[[], bool]) -> None:
        """Until the component's API answers; raises when it keeps dying or the time is up."""
        before = records.of(self.state, component)
        already = before.restarts if before is not None else 0
        while not ready():
            record = records.of(self.state, component)
            if record is not None and (record.failed or record.restarts - already >= PATIENCE):
                raise self.failure(component, f"it {record.last_exit or 'keeps dying'}")
            if records.supervisor(self.state) is None:
                raise self.failure("supervisor", "it died")
            if time.monotonic() > self.deadline:
                raise self.timed_out(f"{component} to answer", component)
            time.sleep(_INTERVAL)

    def failure(self, component: str, cause: str) -> ComponentFailed:
        """The error for a component that does not come up, with the end of its log."""
        tail = log_tail(self.state, component)
        return ComponentFailed(
            f"the {component} did not start",
            f"{cause}; the end of its log:\n{tail}" if tail else cause,
            _REMEDIES.get(component, "Read the whole log with `sandbox logs supervisor`."),
        )

    def timed_out(self, what: str, component: str) -> ApplianceError:
        """The error for a deadline that has passed."""
        tail = log_tail(self.state, component)
        return TimedOut(
            f"gave up waiting for {what}: the time that --timeout allows is over",
            f"the end of its log:\n{tail}" if tail else "its log is empty",
            f"Read the whole log with `sandbox logs {component}`, or allow more time with --timeout.",
        )


def log_tail(state: SandboxState, component: str) -> str:
    """The last lines of a component's log."""
    try:
        with state.log_path(component).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 4096))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_LOG_LINES:])


_REMEDIES = {
    POSTGRES: (
        "Read the whole log with `sandbox logs postgres`; `sandbox doctor` looks at disk and permissions."
    ),
    OBJECT_STORE: "Read the whole log with `sandbox logs object-store`.",
    CONTROL_PLANE: "Read the whole log with `sandbox logs control-plane`.",
    CONNECTOR: (
        "Read the whole log with `sandbox logs connector`. The project's requirements need "
        "flytekit[connector], and modules named with --connector must be importable from its folder; "
        "--no-connector starts the sandbox without one."
    ),
}
