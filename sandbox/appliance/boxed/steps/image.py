"""The node's image: there already, or got or built, which is done once on a machine."""

from __future__ import annotations

import time

from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.node import building

TITLE = "Node image"


def execute(context: BoxedContext) -> str:
    """What making it takes is not counted as time of the boot."""
    began = time.monotonic()
    distribution = context.distribution
    if not building.is_here(context.engine, distribution):
        context.note(
            f"The node's image {distribution.image} is made now, once: about {distribution.build_minutes} "
            "minutes. `sandbox images save` carries it to other machines."
        )
    made = building.ensure(context.engine, distribution, context.progress.working)
    context.deadline += time.monotonic() - began
    return f"{distribution.image}{', made' if made else ''}"
