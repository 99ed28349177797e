"""The boot of the profiles in a container.

The steps are modules in `sandbox.appliance.boxed.steps`; the profile says which, and in which order. Each may
be done again: a start of a running sandbox verifies it, and brings its manifests up to date. What is known of
a sandbox is written on its container as labels. A boot that fails removes what it had made, unless it is to
be retained; what was there before stays, stopped if it was stopped.
"""

from __future__ import annotations

import contextlib
import time
from types import ModuleType

from sandbox.appliance import sequence
from sandbox.appliance.boxed import lifetime, specifying
from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.boxed.steps import (
    api,
    canary,
    client,
    components,
    image,
    manifests,
    node,
    preflight,
    rollouts,
)
from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.images import contexts
from sandbox.appliance.node import container, distributions, engine, kubeconfig
from sandbox.appliance.options import StartOptions
from sandbox.appliance.profiles import Choice
from sandbox.appliance.progress import Progress, StepTiming
from sandbox.appliance.running import Running

STEPS: dict[str, ModuleType] = {
    "preflight": preflight,
    "image": image,
    "node": node,
    "api": api,
    "components": components,
    "manifests": manifests,
    "rollouts": rollouts,
    "canary": canary,
    "client": client,
}
"""The modules behind the names in a profile."""

TIMEOUT = 600.0
"""Seconds, unless the user says otherwise; making images is not counted."""
_NOT_WITHOUT_WAITING = frozenset(("rollouts", "canary"))
_DRY = frozenset(("preflight",))


def start(options: StartOptions, progress: Progress, choice: Choice) -> Running:
    """See `sandbox.appliance.boot.start`."""
    began = time.monotonic()
    with contextlib.closing(engine.connect()) as docker:
        if options.dry_run:
            return _dry_run(_context(options, progress, choice, docker, began), began)
        with lifetime.locked(options.name, timeout=options.timeout or TIMEOUT):
            return _start(_context(options, progress, choice, docker, began), began)


def _start(context: BoxedContext, began: float) -> Running:
    timings: list[StepTiming] = []
    had_volume = lifetime.has_volume(context.engine, context.spec)
    try:
        for name in context.profile.steps:
            step = STEPS[name]
            if sequence.applies(step, context) and (context.options.wait or name not in _NOT_WITHOUT_WAITING):
                timings.append(sequence.run(name, step, context))
    except BaseException:
        if not context.options.retain:
            _undo(context, had_volume=had_volume)
        raise
    return _running(context, timings, began, ready=context.options.wait)


def _undo(context: BoxedContext, *, had_volume: bool) -> None:
    """Take back what this boot did. The error that led here is the one to be told, not one of these."""
    with contextlib.suppress(ApplianceError):
        if context.before is None:
            container.remove(context.engine, context.spec, volume=not had_volume)
        elif not context.was_running:
            found = container.find(context.engine, context.spec.name)
            if found is not None:
                container.stop(context.engine, found)


def _dry_run(context: BoxedContext, began: float) -> Running:
    timings = [
        sequence.run(name, STEPS[name], context) if name in _DRY else StepTiming(name, STEPS[name].TITLE, 0.0)
        for name in context.profile.steps
        if sequence.applies(STEPS[name], context)
    ]
    return _running(context, timings, began, ready=False)


def _context(
    options: StartOptions, progress: Progress, choice: Choice, docker: engine.Engine, began: float
) -> BoxedContext:
    before = container.find(docker, options.name)
    spec = specifying.specify(options, choice.profile, before)
    context = BoxedContext(
        options=options,
        profile=choice.profile,
        progress=progress,
        engine=docker,
        distribution=distributions.get(spec.distribution),
        spec=spec,
        before=before,
        deadline=began + (options.timeout or TIMEOUT),
    )
    if options.profile is None and before is None:
        context.note(f"{choice.reason[0].upper()}{choice.reason[1:]}.")
    return context


def _running(context: BoxedContext, timings: list[StepTiming], began: float, *, ready: bool) -> Running:
    spec = context.spec
    return Running(
        name=spec.name,
        profile=context.profile.name,
        ready=ready,
        already_running=context.was_running,
        endpoints=context.endpoints,
        state=None,
        seconds=time.monotonic() - began,
        steps=tuple(timings),
        notes=tuple(context.notes),
        container=spec.container,
        image=contexts.alias(contexts.TASK),
        kubernetes=f"https://127.0.0.1:{spec.ports.kubernetes}",
        context=kubeconfig.context(spec.resource) if context.options.kubeconfig else None,
    )
