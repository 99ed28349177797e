"""The images of the components, in the node: there already, loaded from the cache, or built."""

from __future__ import annotations

import time

from sandbox.appliance.boxed import valuing
from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.images import cache, contexts, providing
from sandbox.appliance.images.nodes import NodeDocker

TITLE = "Images"


def execute(context: BoxedContext) -> str:
    """What building takes is not counted as time of the boot."""
    began = time.monotonic()
    docker = NodeDocker(context.engine, context.running_node())
    bundle = context.spec.ca_bundle
    done = []
    values = valuing.values(context.spec, context.wishes, {})
    registry = (contexts.REGISTRY,) if values.registry.enabled else ()
    for name in (contexts.CONTROL_PLANE, contexts.TASK, *registry):
        wanted = contexts.of(name, ca_bundle=bundle.read_bytes() if bundle else b"")
        provided = providing.provide(docker, wanted, cache=cache.folder(), printed=_Teller(context, name))
        context.images[name] = provided.reference
        done.append(f"{name} {provided.how}")
    context.deadline += time.monotonic() - began
    return ", ".join(done)


class _Teller:
    """Shows the last line of what Docker prints."""

    def __init__(self, context: BoxedContext, name: str) -> None:
        self._context = context
        self._name = name

    def __call__(self, data: bytes) -> None:
        lines = data.decode("utf-8", "replace").strip().splitlines()
        if lines:
            self._context.progress.working(f"{self._name}: {lines[-1]}")
