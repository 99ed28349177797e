"""`sandbox stop`, `pause`, `resume` and `teardown` of a sandbox in a container."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from sandbox.appliance import client_config, found
from sandbox.appliance.boxed import lifetime
from sandbox.appliance.boxed.opened import opened
from sandbox.appliance.errors import NotFound, NotRunning, UsageError, command
from sandbox.appliance.node import container, engine, kubeconfig
from sandbox.appliance.node.specification import NodeSpec
from sandbox.appliance.state import SandboxState


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop or a teardown did."""

    name: str
    was_running: bool
    removed: tuple[str, ...] = ()
    """Teardown only: what there was and is no more, for people."""
    kept: tuple[str, ...] = ()
    """Teardown without `volume` only: the data that a later start finds again."""
    seconds: float = 0.0


def stop(name: str, *, timeout: float) -> Stopped:
    """End the node: its pods first. All data stays in the volume. To stop a stopped one is no error.

    Raises NotFound.
    """
    began = time.monotonic()
    with lifetime.locked(name, timeout=timeout), opened(name, running=False) as box:
        was_running = box.node.status in ("running", "paused")
        if box.node.status == "paused":
            container.resume(box.docker, box.node)  # frozen processes don't hear that they are to end
        if was_running:
            container.stop(box.docker, box.node)
    return Stopped(name, was_running, seconds=time.monotonic() - began)


def pause(name: str, *, timeout: float = 30.0) -> None:
    """Freeze the node: it keeps its memory and uses no processor. Raises NotFound, NotRunning."""
    with lifetime.locked(name, timeout=timeout), opened(name, running=False) as box:
        if box.node.status == "paused":
            return
        if not box.node.running:
            raise NotRunning.named(name)
        container.pause(box.docker, box.node)


def resume(name: str, *, timeout: float = 30.0) -> None:
    """Let a paused node go on. Raises NotFound, UsageError if it is stopped."""
    with lifetime.locked(name, timeout=timeout), opened(name, running=False) as box:
        if box.node.running:
            return
        if box.node.status != "paused":
            raise UsageError(
                f"the sandbox {name!r} is not paused",
                "it was stopped: its processes are gone, its data is there",
                f"Start it with `{command('start', name)}`.",
            )
        container.resume(box.docker, box.node)


def teardown(name: str, *, volume: bool, timeout: float) -> Stopped:
    """Remove container, network, client config and the context in the kubeconfig; with `volume` the data too.

    Raises NotFound.
    """
    began = time.monotonic()
    with lifetime.locked(name, timeout=timeout), contextlib.closing(engine.connect()) as docker:
        node = container.find(docker, name)
        spec = node.spec if node is not None else _of_volume(name)
        had_volume = lifetime.has_volume(docker, spec)
        if node is None and not (had_volume and volume):
            raise NotFound.named(name)
        container.remove(docker, spec, volume=volume)
        removed = [] if node is None else [f"container {spec.container}"]
        removed += [f"volume {spec.volume}"] if volume and had_volume else []
        removed += [str(path) for path in client_config.remove(SandboxState.locate(name))]
        context = kubeconfig.context(spec.resource)
        removed += [f"context {context} in {path}" for path in kubeconfig.remove(context)]
    kept = (f"volume {spec.volume}",) if had_volume and not volume else ()
    running = node is not None and node.status in ("running", "paused")
    return Stopped(name, running, tuple(removed), kept, time.monotonic() - began)


def _of_volume(name: str) -> NodeSpec:
    """Of a sandbox whose container is gone, and whose volume may be there."""
    SandboxState.locate(name)
    return NodeSpec(name=name, profile=found.boxed(name) or "", distribution="", version="")
