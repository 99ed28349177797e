"""The node's container: made, started, or found."""

from __future__ import annotations

from sandbox.appliance.boxed import specifying
from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.node import container
from sandbox.appliance.node.container import Node

TITLE = "Node"


def execute(context: BoxedContext) -> str:
    context.node, did = _bring_up(context)
    return f"container {context.spec.container} {did}"


def _bring_up(context: BoxedContext) -> tuple[Node, str]:
    engine, spec, before = context.engine, context.spec, context.before
    if before is None:
        return container.create(engine, spec), "made"
    if before.status == "paused":
        container.resume(engine, before)
        return container.inspect(engine, before.id), "resumed"
    if before.running:
        return before, "runs"
    changes = specifying.differences(before.spec, spec)
    if engine.image_id(context.distribution.image) != before.image:
        changes.append("its node's image is an older one")
    if changes:
        # A container's mounts and ports can't be changed; what it keeps is on the volume.
        container.remove(engine, before.spec, volume=False)
        context.note(f"The container was made anew, for {'; '.join(changes)}. Its data stays.")
        return container.create(engine, spec), "made anew"
    container.start(engine, before)
    return container.inspect(engine, before.id), "started"
