"""Is this machine ready? Everything that can be known before anything is made."""

from __future__ import annotations

import shutil
from pathlib import Path

from sandbox.appliance import ports
from sandbox.appliance.boxed import valuing, wishes
from sandbox.appliance.boxed.context import BoxedContext
from sandbox.appliance.errors import PreflightFailed
from sandbox.appliance.node.engine import errors
from sandbox.appliance.steps.preflight import check_source

TITLE = "Preflight"

MINIMUM_DISK = 6 * 2**30
"""Bytes where Docker keeps its volumes: a fresh node with its images takes about four."""
MINIMUM_MEMORY = 2 * 2**30


def execute(context: BoxedContext) -> str:
    """Raises PreflightFailed with everything that has to change, ValuesInvalid."""
    version = context.engine.version()
    check_source(context.options.source)
    if context.before is None:  # with what earlier starts were told they may make sense
        valuing.values(context.spec, wishes.asked(context.options), {})
    check_disk(context)
    check_memory(context)
    if not context.was_running:
        check_ports(context)
    return f"Docker {version}, {context.distribution.name}"


def check_disk(context: BoxedContext) -> None:
    """Room for the node, as far as Docker's folder can be seen from here."""
    with errors("Docker does not tell where it keeps its data"):
        root = Path(context.engine.api.info()["DockerRootDir"])
    if not root.is_dir():
        return
    free = shutil.disk_usage(root).free
    if free < MINIMUM_DISK and context.before is None:
        raise PreflightFailed(
            "the disk is full",
            f"{root}, where Docker keeps its data, has {free / 2**30:.1f} GiB free; a node needs "
            f"{MINIMUM_DISK / 2**30:.0f} GiB",
            "Free some space: `docker system df` shows what takes it.",
        )


def check_memory(context: BoxedContext) -> None:
    with errors("Docker does not tell how much memory there is"):
        total = int(context.engine.api.info().get("MemTotal") or 0)
    if 0 < total < MINIMUM_MEMORY:
        context.note(
            f"Docker has {total / 2**30:.1f} GiB of memory; a sandbox needs {MINIMUM_MEMORY / 2**30:.0f} GiB "
            "and what your tasks take."
        )


def check_ports(context: BoxedContext) -> None:
    """Each port is free."""
    taken = ports.taken(context.spec.ports)
    if not taken:
        return
    lines = [
        f"port {port.port} ({port.purpose.replace('_', ' ')}) is held by {port.holder or 'a hidden process'}"
        for port in taken
    ]
    flags = " ".join(f"--{port.purpose.replace('_', '-')}-port NUMBER" for port in taken)
    raise PreflightFailed(
        "a port is taken" if len(taken) == 1 else f"{len(taken)} ports are taken",
        "\n".join(lines),
        f"End what holds {'it' if len(taken) == 1 else 'them'} (another sandbox: `sandbox list` shows all), "
        f"choose others with {flags}, or start a second sandbox beside it with --name NAME.",
    )
