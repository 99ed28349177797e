"""The profiles, as data: which components a sandbox has and how each is run.

Nothing in a service asks for the profile's name; the boot reads the steps from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.appliance import docker_socket, found
from sandbox.appliance.errors import ProfileUnavailable, UsageError, command


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to run a sandbox."""

    name: str
    summary: str
    """One line for people."""
    components_run_as: str
    tasks_run_as: str
    boxed: bool
    """Everything is in one Docker container, which is a Kubernetes node."""
    bootable: bool
    """Whether `sandbox start` boots it."""
    steps: tuple[str, ...]
    """The boot, in order: names of modules in `sandbox.appliance.steps`; in a container, of its room
    `sandbox.appliance.boxed.steps`."""


EMBEDDED = Profile(
    name="embedded",
    summary="processes on this machine; needs nothing but Python",
    components_run_as="processes",
    tasks_run_as="warm forked processes",
    boxed=False,
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

_BOXED = (
    "preflight",
    "image",
    "node",
    "api",
    "components",
    "manifests",
    "rollouts",
    "canary",
    "client",
)

DEMO = Profile(
    name="demo",
    summary="Kubernetes in one Docker container, the control plane as one pod",
    components_run_as="pods",
    tasks_run_as="pods",
    boxed=True,
    bootable=True,
    steps=_BOXED,
)

SANDBOX = Profile(
    name="sandbox",
    summary="Kubernetes in one Docker container, every component its own deployment",
    components_run_as="pods",
    tasks_run_as="pods",
    boxed=True,
    bootable=True,
    steps=_BOXED,
)

CLUSTER = Profile(
    name="cluster",
    summary="any Kubernetes cluster, through its kubeconfig",
    components_run_as="pods",
    tasks_run_as="pods on the cluster",
    boxed=False,
    bootable=False,
    steps=(),
)

PROFILES = {profile.name: profile for profile in (EMBEDDED, DEMO, SANDBOX, CLUSTER)}


@dataclass(frozen=True, slots=True)
class Choice:
    """The profile that will be booted, and why this one: a sentence for people."""

    profile: Profile
    reason: str


def choose(profile: str | None, name: str) -> Choice:
    """The profile asked for, for the sandbox of that name; None: what it is, or the best that can be booted
    at once. Raises UsageError, ProfileUnavailable.
    """
    there = found.profile(name)
    if profile is not None:
        return _asked_for(profile, name, there)
    if there is not None:
        return Choice(PROFILES[there], f"profile {there}: the sandbox {name!r} has it")
    if not docker_socket.reachable():
        return Choice(EMBEDDED, "profile embedded: Docker can't be reached, so everything runs as processes")
    here = [name for name, image in found.node_images().items() if docker_socket.has_image(image)]
    if here and found.has_archives():
        return Choice(SANDBOX, f"profile sandbox: Docker is reachable, and has the node's image ({here[0]})")
    return Choice(
        EMBEDDED,
        "profile embedded: processes on this machine. (Docker is reachable, but the images of a sandbox in a "
        "container are not here yet: `sandbox start --profile sandbox` makes them, which takes minutes.)",
    )


def _asked_for(wanted: str, name: str, there: str | None) -> Choice:
    profile = PROFILES.get(wanted)
    if profile is None:
        raise UsageError(
            f"there is no profile {wanted!r}",
            f"the profiles are {', '.join(PROFILES)}",
            "Choose one of them with --profile.",
        )
    if not profile.bootable:
        raise ProfileUnavailable(
            f"the profile {wanted!r} is not started on this machine",
            f"it is {profile.summary}",
            "Use `sandbox deploy --context CONTEXT`, or --profile embedded, which needs nothing but Python.",
        )
    if there not in (None, wanted):
        raise UsageError(
            f"the sandbox {name!r} is there already, with the profile {there}",
            "one name is one sandbox, with the data that it keeps",
            f"Remove it with `{command('teardown --volume', name)}`, or start another one with --name.",
        )
    return Choice(profile, f"profile {wanted}: as asked for")
