"""Containers whose image is not there."""

from __future__ import annotations

import re

from sandbox.appliance.diagnosis import facts
from sandbox.appliance.diagnosis.facts import Facts, Object
from sandbox.appliance.diagnosis.troubles import Trouble
from sandbox.appliance.images import contexts

REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
_WHAT = "does not start: its image is not there"
_STOCK = re.compile(r"(^|/)flyteorg/flytekit:")
"""What flytekit names for tasks that name no image."""
_OWN = (
    "It is flytekit's choice for tasks that name none: choose the sandbox's own, "
    "`pyflyte run --remote --image {own} …`."
)
_LOCAL = re.compile(r"(localhost|127\.0\.0\.1)(:\d+)?/")
_BUILD = "Build it inside: `sandbox build . --tag {image}`. A pod uses what is built there at once."
_CAUSES = (
    (
        r"no space left",
        "the disk is full",
        "Remove what is not needed any more: `sandbox exec -- docker image prune`.",
    ),
    (
        r"x509|certificate",
        "the registry's certificate is not trusted",
        "Start the sandbox with your network's certificates: `sandbox start --ca-bundle FILE`.",
    ),
    (
        r"toomanyrequests|429",
        "the registry takes no more requests from here for now",
        "Wait, or log in to it; or build inside: `sandbox build . --tag {image}`.",
    ),
    (
        r"no such host|refused|timeout|deadline exceeded|unreachable|reset by|EOF|Gateway|proxyconnect",
        "its registry can't be reached from the sandbox",
        _BUILD,
    ),
    (
        r"unauthorized|denied|authentication required|no basic auth|does not exist|not found|unknown",
        "its registry has no such image, or shows it to nobody without a password",
        "Is the name right? " + _BUILD,
    ),
)


def look(known: Facts) -> list[Trouble]:
    """What each container lacks that waits for its image."""
    found = []
    for pod in known.pods:
        for container in facts.containers(pod):
            if facts.waiting(container).get("reason") in REASONS:
                found.append(_of_container(known, pod, container))
                break
    return found


def _of_container(known: Facts, pod: Object, container: Object) -> Trouble:
    state = facts.waiting(container)
    image = facts.image_of(pod, container.get("name", ""))
    reason, said = state.get("reason"), str(state.get("message", ""))
    if reason == "InvalidImageName":
        cause = f"{image!r} is no name of an image: {said.rpartition(': ')[2]}"
        return Trouble(
            pod, _WHAT, cause, "Correct the image's name: small letters, at most one colon before the tag."
        )
    if reason == "ErrImageNeverPull":
        return Trouble(pod, _WHAT, f"{image} was not built here, and is never pulled", _remedy(_BUILD, image))
    answer = next(
        (
            str(event.get("message", ""))
            for event in known.about(pod)
            if "Failed to pull" in event.get("message", "")
        ),
        said,
    )
    if _LOCAL.match(image) and re.search("connection refused|EOF|no such host", answer):
        cause = f"{image}: the sandbox's own registry does not answer"
        remedy = (
            "See `sandbox status` for docker-registry; then push again, or build inside with `sandbox build`."
        )
        return Trouble(pod, _WHAT, cause, remedy)
    for pattern, cause, remedy in _CAUSES:
        if re.search(pattern, answer, re.IGNORECASE):
            return Trouble(pod, _WHAT, f"{image}: {cause}", _remedy(remedy, image))
    return Trouble(pod, _WHAT, f"{image}: {answer}", _remedy(_BUILD, image))


def _remedy(usual: str, image: str) -> str:
    if usual.endswith(_BUILD) and _STOCK.search(image):
        return _OWN.format(own=contexts.alias(contexts.TASK))
    return usual.format(image=image)
