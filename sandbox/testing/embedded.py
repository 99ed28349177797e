"""An embedded sandbox for tests: on free ports, in a folder of its own, gone when the tests are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.appliance import client_config
from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.state import SandboxState
from sandbox.testing import commands
from sandbox.testing.errors import SandboxUnavailable
from sandbox.testing.reaping import Reaper
from sandbox.testing.running import FlyteSandbox

_ENDING = 60.0
"""Seconds that a teardown may take."""


@contextmanager
def running(
    folder: Path, *, name: str = "pytest", source: Path | None = None, options: Sequence[str] = ()
) -> Iterator[FlyteSandbox]:
    """A ready sandbox that keeps everything in `folder`; nothing of it is left afterwards.

    Tasks run in the project's environment that `source` names; without one in the environment that runs this.
    `options` are more flags of `sandbox start`. Raises SandboxUnavailable.
    """
    environ = commands.environ(folder / "sandboxes")
    project = source if source is not None else _this_environment(folder / "project")
    end = ("teardown", "--name", name, "--volume")
    with Reaper((sys.executable, "-m", "sandbox.cli", *end), environ):
        started = commands.document(
            "start",
            *("--profile", "embedded"),
            *("--name", name),
            *("--source", str(project)),
            "--no-client-config",
            *options,
            environ=environ,
        )
        try:
            yield _described(started, SandboxState.locate(name, at=folder / "sandboxes"), folder, environ)
        finally:
            commands.run(*end, environ=environ, timeout=_ENDING)


def _described(
    started: dict[str, object], state: SandboxState, folder: Path, environ: dict[str, str]
) -> FlyteSandbox:
    endpoints = Endpoints.of(state.load().ports)
    config = folder / "flyte-config.yaml"
    config.write_text(client_config.render(state, endpoints))
    variables = client_config.variables(state, endpoints) | {"FLYTECTL_CONFIG": str(config)}
    return FlyteSandbox(
        name=state.name,
        profile=str(started["profile"]),
        endpoint=endpoints.target,
        console=endpoints.console,
        object_store=endpoints.object_store,
        client_config=config,
        variables=variables,
        commands=environ,
    )


def _this_environment(folder: Path) -> Path:
    """A project whose environment is the one that runs this."""
    if not os.path.isfile(os.path.join(sys.prefix, "bin", "python")):
        raise SandboxUnavailable(
            f"there is no {sys.prefix}/bin/python for tasks to run in: run the tests in a virtual "
            "environment, or name a project with --flyte-sandbox-source"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder
