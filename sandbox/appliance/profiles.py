"""The profiles, as data: which components a sandbox has and how each is run.

Nothing in a service asks for the profile's name; the boot reads the steps from here.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from sandbox.appliance.errors import ProfileUnavailable, UsageError


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to run a sandbox."""

    name: str
    summary: str
    """One line for people."""
    components_run_as: str
    tasks_run_as: str
    needs_docker: bool
    bootable: bool
    """Whether this version can boot it."""
    steps: tuple[str, ...]
    """The boot, in order: module names in `sandbox.appliance.steps`."""


EMBEDDED = Profile(
    name="embedded",
    summary="processes on this machine; needs nothing but Python",
    components_run_as="processes",
    tasks_run_as="warm forked processes",
    needs_docker=False,
    bootable=True,
    steps=(
        "preflight",
        "layout",
        "supervisor",
        "postgres",
        "object_store",
        "control_plane",
        "canary",
        "environment",
        "connector",
        "client",
    ),
)

DEMO = Profile(
    name="demo",
    summary="k3s in one Docker container, the control plane as one pod",
    components_run_as="pods",
    tasks_run_as="pods",
    needs_docker=True,
    bootable=False,
    steps=(),
)

SANDBOX = Profile(
    name="sandbox",
    summary="k3s in one Docker container, every component its own deployment",
    components_run_as="pods",
    tasks_run_as="pods",
    needs_docker=True,
    bootable=False,
    steps=(),
)

CLUSTER = Profile(
    name="cluster",
    summary="any Kubernetes cluster, through its kubeconfig",
    components_run_as="pods",
    tasks_run_as="pods on the cluster",
    needs_docker=False,
    bootable=False,
    steps=(),
)

PROFILES = {profile.name: profile for profile in (EMBEDDED, DEMO, SANDBOX, CLUSTER)}


@dataclass(frozen=True, slots=True)
class Choice:
    """The profile that will be booted, and why this one: a sentence for people."""

    profile: Profile
    reason: str


def choose(name: str | None) -> Choice:
    """The profile of that name; with None the best that this machine and this version can boot."""
    if name is not None:
        profile = PROFILES.get(name)
        if profile is None:
            raise UsageError(
                f"there is no profile {name!r}",
                f"the profiles are {', '.join(PROFILES)}",
                "Choose one of them with --profile.",
            )
        if not profile.bootable:
            raise ProfileUnavailable(
                f"the profile {name!r} can't be started",
                f"this version of the appliance can't boot it yet ({profile.summary})",
                "Use --profile embedded, which needs no Docker.",
            )
        return Choice(profile, f"profile {name}: as asked for")
    if SANDBOX.bootable and docker_is_reachable():
        return Choice(SANDBOX, "profile sandbox: Docker is reachable")
    if SANDBOX.bootable:
        return Choice(EMBEDDED, "profile embedded: Docker can't be reached, so everything runs as processes")
    return Choice(
        EMBEDDED, f"profile embedded: {EMBEDDED.summary} (this version boots no Kubernetes profile yet)"
    )


def docker_is_reachable() -> bool:
    """Whether a Docker daemon answers this user."""
    program = shutil.which("docker")
    if program is None:
        return False
    try:
        answer = subprocess.run(
            [program, "version", "--format", "{{.Server.Version}}"], capture_output=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0
