"""What a command runs in that talks to the sandbox: the project's own programs, and where the sandbox is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.appliance import client_config, environments, found
from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.ports import Ports
from sandbox.appliance.state import SandboxState


@dataclass(frozen=True, slots=True)
class Invocation:
    """A program that was found, with all it needs to be run."""

    program: str
    arguments: tuple[str, ...]
    environ: Mapping[str, str]


def endpoints(name: str) -> Endpoints:
    """Where a sandbox listens, or will when it is started again; raises NotFound."""
    published = found.published(name)
    if published is not None:
        return Endpoints.of(Ports(**published))
    return Endpoints.of(SandboxState.locate(name).load().ports)


def variables(name: str) -> dict[str, str]:
    """The environment in which any client of Flyte talks to a sandbox; raises NotFound.

    In a container, tasks that name no image run in the sandbox's own: flytekit's is in a registry.
    """
    image = None
    if found.is_boxed(name):
        from sandbox.appliance.images import contexts  # noqa: PLC0415 - embedded sandboxes do without

        image = contexts.alias(contexts.TASK)
    return client_config.variables(SandboxState.locate(name), endpoints(name), image)


def invocation(
    name: str, words: Sequence[str], *, tag: str | None = None, environ: Mapping[str, str] | None = None
) -> Invocation:
    """The command in an image's environment (None: that of the source project), set to the sandbox.

    Without such an environment the command is looked for on the PATH. Raises ApplianceError.
    """
    state = SandboxState.locate(name)
    variables = client_config.variables(state, Endpoints.of(state.load().ports))
    given = {**(os.environ if environ is None else environ), **variables}
    environment = environments.find(tag or environments.DEFAULT_TAG, state)
    if tag is not None and environment is None:
        raise ApplianceError(
            f"there is no environment for the image {tag!r}",
            "nobody built it in this sandbox",
            f"Build it: sandbox build PATH --tag {tag}",
        )
    if environment is not None:
        _enter(given, environment)
    program = shutil.which(words[0], path=given.get("PATH"))
    if program is None and os.path.exists(words[0]) and os.sep in words[0]:
        raise ApplianceError(
            f"{words[0]} can't be run",
            "it is a folder" if os.path.isdir(words[0]) else "it is not executable",
            "Make it executable with chmod +x, or give it to its interpreter: python FILE.",
        )
    if program is None:
        where = environment.python.parent if environment else "the PATH"
        raise ApplianceError(
            f"there is no command {words[0]!r}",
            f"it is neither in {where} nor elsewhere on the PATH" if environment else f"it is not on {where}",
            "Add its package to the project's requirements and start the sandbox again with --source."
            if environment
            else "Start the sandbox with `--source PROJECT`, so that the project's own commands are found.",
        )
    return Invocation(program, tuple(words), given)


def _enter(environ: dict[str, str], environment: environments.Environment) -> None:
    """What `activate` does in a shell."""
    folder: Path = environment.python.parent
    environ["PATH"] = os.pathsep.join((str(folder), environ.get("PATH", os.defpath)))
    environ["VIRTUAL_ENV"] = str(folder.parent)
    for name in ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "CONDA_PREFIX"):
        environ.pop(name, None)
    environ.update(environment.env)
