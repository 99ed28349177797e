"""A real workflow: up from this machine, into a pod, and back."""

from __future__ import annotations

from sandbox.appliance import canary
from sandbox.appliance.boxed.context import BoxedContext

TITLE = "Canary workflow"


def execute(context: BoxedContext) -> str:
    if context.values is None:
        raise RuntimeError("the manifests' step comes first")
    image = context.values.image(context.values.images.control_plane)
    result = canary.run(context.endpoints, deadline=context.deadline, image=image)
    return f"ran in {result.seconds:.2f} s"
