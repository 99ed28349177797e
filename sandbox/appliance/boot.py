"""`sandbox start`: from nothing, or from a stopped sandbox, to one that ran a workflow.

The boot is the profile's list of steps (`sequence`). A sandbox is ready when its last step is over; among
them is the canary, a real workflow that goes up from the host, runs, and comes back. A boot that fails stops
what it had started. `embedded.boot` does so with processes, `boxed.boot` with a Kubernetes node in a
container.
"""

from __future__ import annotations

from sandbox.appliance import profiles
from sandbox.appliance.embedded import boot as embedded
from sandbox.appliance.options import StartOptions
from sandbox.appliance.progress import Progress, Silent
from sandbox.appliance.running import Running

__all__ = ["Running", "StartOptions", "start"]


def start(options: StartOptions, progress: Progress | None = None) -> Running:
    """Bring the sandbox up; raises ApplianceError.

    Safe to call when it is up (it is verified, by a canary too), and from several processes at once (the
    second waits).
    """
    progress = progress or Silent()
    choice = profiles.choose(options.profile, options.name)
    if choice.profile.boxed:
        from sandbox.appliance.boxed import boot as boxed  # noqa: PLC0415 - brings Docker and Kubernetes

        return boxed.start(options, progress, choice)
    return embedded.start(options, progress, choice)
