"""The config file through which `pyflyte` and `flytectl` find the sandbox, and the variables that say the
same.

`~/.flyte/config-<name>.yaml` (so `config-sandbox.yaml`, as flytectl calls it, for the sandbox of the
default name) is always written. flytekit and flytectl read it when `FLYTECTL_CONFIG` points to it; without
that variable they read `~/.flyte/config.yaml`. The default sandbox therefore writes that one too, but only
where there is none and nothing else that flytekit would read first.

A file is ours when its first line says so. One that isn't is never lost: `config-<name>.yaml` is moved
aside and comes back when the sandbox is torn down, and `config.yaml` is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.appliance.endpoints import Endpoints
from sandbox.appliance.state import DEFAULT_NAME, SandboxState, write_atomically

MARKER = "# Written by `sandbox start`; removed by `sandbox teardown`. State: "
ASIDE = ".before-sandbox"
"""Appended to the name of a file that was there first."""


@dataclass(frozen=True, slots=True)
class Written:
    """What `write` did."""

    path: Path | None
    """The sandbox's own config file; None when there is no home directory that can be written to."""
    notes: tuple[str, ...] = ()
    """Sentences that a person should see."""


def user_directory(environ: Mapping[str, str] | None = None) -> Path | None:
    """`~/.flyte`, where flytekit and flytectl look; None without a home directory."""
    home = (os.environ if environ is None else environ).get("HOME")
    return Path(home).absolute() / ".flyte" if home else None


def path_of(name: str = DEFAULT_NAME) -> Path | None:
    """Where the sandbox's own config file is, or would be."""
    directory = user_directory()
    return None if directory is None else directory / f"config-{name}.yaml"


def render(state: SandboxState, endpoints: Endpoints) -> str:
    """The file's text: what flytectl writes, and where the object store is."""
    return f"""{MARKER}{state.root}
admin:
  # For GRPC endpoints you might want to use dns:///flyte.myexample.com
  endpoint: {endpoints.grpc}
  insecure: true
console:
  endpoint: {endpoints.console.removesuffix("/console")}
storage:
  type: minio
  container: {endpoints.bucket}
  connection:
    endpoint: {endpoints.object_store}
    auth-type: accesskey
    access-key: {endpoints.access_key}
    secret-key: {endpoints.secret_key}
    region: {endpoints.region}
    disable-ssl: true
"""


def write(state: SandboxState, endpoints: Endpoints) -> Written:
    """Write the config of a sandbox. Twice is the same as once. An unusable home is a note, not an error."""
    directory = user_directory()
    if directory is None:
        return Written(None, ("HOME is not set: no client config was written; use `sandbox config --env`.",))
    path = directory / f"config-{state.name}.yaml"
    text = render(state, endpoints)
    notes: list[str] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        notes += _move_aside(path, text)
        write_atomically(path, text.encode())
        notes += _write_default(state, directory, text)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        return Written(
            None, (f"{directory} can't be written ({reason}): no client config; use `sandbox config --env`.",)
        )
    return Written(path, tuple(notes))


def remove(state: SandboxState) -> tuple[Path, ...]:
    """Delete what `write` wrote for this sandbox, and put back what it moved aside. Returns the deleted
    files."""
    directory = user_directory()
    if directory is None:
        return ()
    own = directory / f"config-{state.name}.yaml"
    removed = []
    for path in (own, directory / "config.yaml"):
        if _owner(path) == str(state.root):
            path.unlink(missing_ok=True)
            removed.append(path)
    aside = _aside(own)
    if own in removed and aside.exists():
        aside.replace(own)
    return tuple(removed)


def variables(state: SandboxState, endpoints: Endpoints, image: str | None = None) -> dict[str, str]:
    """The environment in which any client of Flyte talks to this sandbox. `image`: what tasks run in that
    name none; None: flytekit's own choice."""
    found = {
        "FLYTE_PLATFORM_URL": endpoints.grpc.removeprefix("dns:///"),
        "FLYTE_PLATFORM_INSECURE": "true",
        "FLYTE_AWS_ENDPOINT": endpoints.object_store,
        "FLYTE_AWS_ACCESS_KEY_ID": endpoints.access_key,
        "FLYTE_AWS_SECRET_ACCESS_KEY": endpoints.secret_key,
    }
    if image is not None:
        found["FLYTE_INTERNAL_IMAGE"] = image
    path = path_of(state.name)
    if path is not None and path.is_file():
        found = {"FLYTECTL_CONFIG": str(path), **found}
    return found


def _write_default(state: SandboxState, directory: Path, text: str) -> list[str]:
    """`config.yaml`, which is read when no variable is set: only for the default sandbox, only where
    nothing is."""
    path = directory / "config.yaml"
    if state.name != DEFAULT_NAME or _owner(path) == str(state.root):
        if _owner(path) == str(state.root):
            write_atomically(path, text.encode())
        return []
    own = directory / f"config-{state.name}.yaml"
    for first in (directory / "config", path):
        if first.exists() and not _is_ours(first):
            return [f"{first} is yours and was left alone; to use the sandbox: export FLYTECTL_CONFIG={own}"]
    write_atomically(path, text.encode())
    return []


def _move_aside(path: Path, text: str) -> list[str]:
    if not path.exists() or _is_ours(path) or path.read_text(errors="replace") == text:
        return []
    aside = _aside(path)
    if aside.exists():
        return [f"{path} was not written by the sandbox and was replaced; an older one is still in {aside}."]
    path.replace(aside)
    return [f"{path} was there before the sandbox; it is now {aside} and comes back with `sandbox teardown`."]


def _aside(path: Path) -> Path:
    return path.with_name(path.name + ASIDE)


def _is_ours(path: Path) -> bool:
    return _owner(path) is not None


def _owner(path: Path) -> str | None:
    """The state directory of the sandbox that wrote the file; None when it is no sandbox's."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            first = file.readline().rstrip("\n")
    except OSError:
        return None
    return first.removeprefix(MARKER) if first.startswith(MARKER) else None
