"""The supervisor: started if there is none, asked to look again if there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import sandbox
from sandbox.appliance import pids
from sandbox.appliance.context import BootContext
from sandbox.appliance.embedded import records
from sandbox.appliance.embedded.components import CONTROL_PLANE, SUPERVISOR
from sandbox.appliance.state import SandboxState

TITLE = "Supervisor"

_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from sandbox.appliance.embedded import supervisor; supervisor.main(sys.argv[2:])"
)
_START_TIMEOUT = 10.0


def execute(context: BootContext) -> str:
    """From here on the components start up, while this process goes on."""
    identity = records.supervisor(context.state)
    if identity is None:
        identity = spawn(context.state, context)
    else:
        pids.send(identity, signal.SIGHUP)
        if context.restart_control_plane:
            _restart_control_plane(context)
    return f"pid {identity.pid}"


def look_again(state: SandboxState) -> None:
    """Make the supervisor start what could not be started before."""
    identity = records.supervisor(state)
    if identity is not None:
        pids.send(identity, signal.SIGHUP)


def spawn(state: SandboxState, context: BootContext) -> pids.Identity:
    """Start a supervisor; it outlives this process."""
    root = Path(sandbox.__file__).resolve().parent.parent
    arguments = [state.config_path, state.record_path(SUPERVISOR), state.log_path(SUPERVISOR)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["SANDBOX_STATE"] = str(state.root)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PROGRAM, str(root), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=state.root,
        env=environment,
    )
    if done.returncode != 0:
        raise context.failure(SUPERVISOR, done.stderr.strip() or f"it exited with {done.returncode}")
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        identity = records.supervisor(state)
        if identity is not None:
            return identity
        time.sleep(0.002)
    raise context.failure(SUPERVISOR, "it left no record of itself")


def _restart_control_plane(context: BootContext) -> None:
    """The supervisor starts it again at once, with the new configuration."""
    record = records.of(context.state, CONTROL_PLANE)
    if record is not None and record.identity is not None and pids.send(record.identity, signal.SIGTERM):
        context.note("The control plane was restarted, for its configuration has changed.")
        while pids.is_alive(record.identity) and time.monotonic() < context.deadline:
            time.sleep(0.005)
