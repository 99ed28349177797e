"""The boot of the embedded profile: processes on this machine.

The steps are modules in `sandbox.appliance.steps`; the profile says which, and in which order. A boot that
fails ends the processes that it had started.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from types import ModuleType
from typing import Any

import sandbox
from sandbox.appliance import connectors, ports, sequence, shutdown
from sandbox.appliance.connectors import Connectors
from sandbox.appliance.context import BootContext
from sandbox.appliance.embedded import control_plane, object_store, postgres, records
from sandbox.appliance.embedded.components import CONNECTOR
from sandbox.appliance.embedded.postgres import Placement
from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.errors import UsageError
from sandbox.appliance.options import StartOptions
from sandbox.appliance.ports import Ports
from sandbox.appliance.profiles import Choice
from sandbox.appliance.progress import Progress, StepTiming
from sandbox.appliance.running import Running
from sandbox.appliance.state import DEFAULT_NAME, SandboxConfig, SandboxState
from sandbox.appliance.steps import canary, client, connector, environment, layout, preflight, supervisor
from sandbox.appliance.steps import control_plane as control_plane_step
from sandbox.appliance.steps import object_store as object_store_step
from sandbox.appliance.steps import postgres as postgres_step

STEPS: dict[str, ModuleType] = {
    "preflight": preflight,
    "layout": layout,
    "supervisor": supervisor,
    "postgres": postgres_step,
    "object_store": object_store_step,
    "control_plane": control_plane_step,
    "canary": canary,
    "environment": environment,
    "connector": connector,
    "client": client,
}
"""The modules behind the names in a profile."""

TIMEOUT = 120.0
"""Seconds, unless the user says otherwise."""
_NOT_WITHOUT_WAITING = frozenset(("object_store", "control_plane", "canary"))
_DRY = frozenset(("preflight",))


def start(options: StartOptions, progress: Progress, choice: Choice) -> Running:
    """See `sandbox.appliance.boot.start`."""
    began = time.monotonic()
    state = SandboxState.locate(options.name)
    if options.dry_run:
        return _dry_run(options, progress, choice, state, began)
    existed = state.root.exists()
    try:
        with state.locked(timeout=options.timeout or TIMEOUT):
            return _start(options, progress, choice, state, began)
    except BaseException:
        if not existed:
            with contextlib.suppress(OSError):
                state.root.rmdir()  # empty: nothing but the lock was ever there
        raise


def _start(
    options: StartOptions, progress: Progress, choice: Choice, state: SandboxState, began: float
) -> Running:
    context = _context(options, progress, choice, state, began)
    timings: list[StepTiming] = []
    try:
        for name in choice.profile.steps:
            step = STEPS[name]
            if sequence.applies(step, context) and (options.wait or name not in _NOT_WITHOUT_WAITING):
                timings.append(sequence.run(name, step, context))
    except BaseException:
        if not context.was_running and state.exists():
            shutdown.end_processes(state, timeout=10.0)
        raise
    return _running(context, timings, began, ready=options.wait)


def _dry_run(
    options: StartOptions, progress: Progress, choice: Choice, state: SandboxState, began: float
) -> Running:
    context = _context(options, progress, choice, state, began)
    timings = [
        sequence.run(name, STEPS[name], context) if name in _DRY else StepTiming(name, STEPS[name].TITLE, 0.0)
        for name in choice.profile.steps
        if sequence.applies(STEPS[name], context)
    ]
    return _running(context, timings, began, ready=False)


def _context(
    options: StartOptions, progress: Progress, choice: Choice, state: SandboxState, began: float
) -> BootContext:
    before = state.load() if state.exists() else None
    was_running = records.supervisor(state) is not None
    placement = postgres.placement(state)
    context = BootContext(
        options=options,
        state=state,
        profile=choice.profile,
        progress=progress,
        deadline=began + (options.timeout or TIMEOUT),
        was_running=was_running,
        config=_configure(options, choice, state, placement, before, was_running),
        placement=placement,
    )
    if options.profile is None and before is None:
        context.note(f"{choice.reason[0].upper()}{choice.reason[1:]}.")
    return context


def _running(context: BootContext, timings: list[StepTiming], began: float, *, ready: bool) -> Running:
    return Running(
        name=context.state.name,
        profile=context.profile.name,
        ready=ready,
        already_running=context.was_running,
        endpoints=Endpoints.of(context.config.ports),
        state=context.state.root,
        seconds=time.monotonic() - began,
        steps=tuple(timings),
        notes=tuple(context.notes),
    )


def _configure(
    options: StartOptions,
    choice: Choice,
    state: SandboxState,
    placement: Placement,
    before: SandboxConfig | None,
    was_running: bool,
) -> SandboxConfig:
    """What the sandbox will be: what it was, with what is asked for now."""
    chosen = _choose_ports(options, before, was_running)
    env = dict(options.env) or (before.env if before else {})
    enforce = options.enforce_limits
    if enforce is None:
        enforce = before.enforce_limits if before else False
    offload_from = options.offload_from
    if offload_from is None:
        offload_from = before.offload_from if before else 0
    source = str(options.source.expanduser().absolute()) if options.source else None
    formerly = Connectors.from_json(before.connectors) if before else Connectors()
    served_by = connectors.choose(state, options.connectors, formerly)
    server = control_plane.configuration(
        state,
        placement,
        ports=chosen,
        env=env,
        enforce_limits=enforce,
        offload_from=offload_from,
        connectors=served_by.addresses,
    ).to_json()
    components = [
        postgres.component(state, placement, port=chosen.postgres),
        object_store.component(state, placement, port=chosen.object_store),
        control_plane.component(state),
    ]
    fresh = SandboxConfig(
        name=state.name,
        profile=choice.profile.name,
        ports=chosen,
        created_at=time.time(),
        version=sandbox.__version__,
        env=env,
        source=source,
        enforce_limits=enforce,
        offload_from=offload_from,
        server=server,
        components=[component.to_json() for component in components] + _kept(before, served_by),
        connectors=served_by.to_json(),
    )
    if before is None:
        return fresh
    return replace(fresh, created_at=before.created_at, source=source or before.source)


def _kept(before: SandboxConfig | None, served_by: Connectors) -> list[dict[str, Any]]:
    """The connector as it was: its own step knows how it is to be, and must find it running."""
    if before is None or not served_by.own:
        return []
    return [component for component in before.components if component["name"] == CONNECTOR]


def _choose_ports(options: StartOptions, before: SandboxConfig | None, was_running: bool) -> Ports:
    if before is not None:
        chosen = options.ports.over(before.ports)
        if was_running and chosen != before.ports:
            raise UsageError(
                f"the sandbox {options.name!r} is running on other ports",
                f"it listens on {_listed(before.ports)}",
                "Stop it with `sandbox stop` first; its data stays.",
            )
    elif options.name == DEFAULT_NAME:
        chosen = options.ports.over(Ports())
    else:
        chosen = ports.free(options.ports, Ports)
    numbers = (chosen.edge, chosen.object_store, chosen.postgres)
    if len(set(numbers)) < len(numbers) or not all(0 < number < 65536 for number in numbers):
        raise UsageError(
            "these ports can't be used",
            f"three different numbers from 1 to 65535 are needed, not {_listed(chosen)}",
            "Change the --…-port flags.",
        )
    return chosen


def _listed(chosen: Ports) -> str:
    return f"{chosen.edge} (edge), {chosen.object_store} (object store) and {chosen.postgres} (postgres)"
