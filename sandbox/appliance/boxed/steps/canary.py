"""A real workflow: up from this machine, into a pod, and back."""

from __future__ import annotations

import time

from sandbox.appliance import canary
from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.embedded import control_plane, object_store

TITLE = "Canary workflow"
_LOOK_EVERY = 0.1


def execute(context: BoxedContext) -> str:
    if context.values is None:
        raise RuntimeError("the manifests' step comes first")
    _wait_for_ports(context)
    image = context.values.image(context.values.images.control_plane)
    result = canary.run(context.endpoints, deadline=context.deadline, image=image)
    return f"ran in {result.seconds:.2f} s"


def _wait_for_ports(context: BoxedContext) -> None:
    """A pod that is ready is reached through the node's port a moment later: rules have to be written."""
    ports = context.spec.ports
    while not control_plane.answers(port=ports.edge):
        context.remaining(f"port {ports.edge} (edge) to answer")
        time.sleep(_LOOK_EVERY)
    while not object_store.answers(port=ports.object_store):
        context.remaining(f"port {ports.object_store} (object store) to answer")
        time.sleep(_LOOK_EVERY)
