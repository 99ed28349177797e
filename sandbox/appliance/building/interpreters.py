"""Which Python a project's tasks run on, and where that Python is.

What the project says, in this order: its Dockerfile's `FROM python:X.Y`, `.python-version`, `requires-python`
in pyproject.toml. What the machine has: this program's own Python, `pythonX.Y` on the PATH, pyenv's versions,
uv's; at last uv is asked to download one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from sandbox.appliance.building import dockerfiles, installer
from sandbox.appliance.building.errors import PythonUnavailable

OLDEST = (3, 8)
"""The runner's code is Python 3.8's."""
_PREFERRED = tuple(f"3.{minor}" for minor in (11, 12, 13, 10, 14, 9, 8))
_VERSION = re.compile(r"(?:cpython-?)?(3\.\d+)")


@dataclass(frozen=True, slots=True)
class Wish:
    """A Python version, and who asked for it."""

    specifier: SpecifierSet
    said_by: str
    """For people: `the Dockerfile`."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python on this machine."""

    path: Path
    version: str
    """`3.11.7`."""
    instead_of: str = ""
    """Why it is not the Python that the project names; empty when it is."""


def choose(project: Path, explicit: str | None = None) -> Interpreter:
    """The Python for a project; raises PythonUnavailable.

    What is asked for explicitly must be had; what a file of the project names may be replaced by this
    program's own Python, and the answer says so.
    """
    if explicit is not None and os.sep in explicit:
        return _at(Path(explicit).expanduser().absolute())
    wish = wished(project, explicit)
    own = Interpreter(Path(sys.executable), _own_version())
    if wish is None or (
        explicit is None and "==" not in str(wish.specifier) and own.version in wish.specifier
    ):
        return own
    for version in _versions(wish):
        if found := find(version):
            return found
    for version in _versions(wish):
        if found := _download(version):
            return found
    missing = f"{wish.said_by} asks for Python {_shown(wish.specifier)}, which is not on this machine"
    if explicit is None:
        return Interpreter(own.path, own.version, instead_of=missing)
    raise PythonUnavailable(
        f"Python {_shown(wish.specifier)} is not on this machine",
        "it could not be downloaded either",
        "Install it (your package manager, pyenv, `uv python install`), or choose another with --python.",
    )


def wished(project: Path, explicit: str | None = None) -> Wish | None:
    """The version that was asked for; None when any will do."""
    if explicit is not None:
        return Wish(_exactly(explicit, "--python"), "--python")
    if version := dockerfiles.read(project).python:
        return Wish(_exactly(version, "the Dockerfile"), "the Dockerfile")
    pinned = project / ".python-version"
    if pinned.is_file():
        match = _VERSION.search(pinned.read_text(encoding="utf-8", errors="replace"))
        if match:
            return Wish(_exactly(match[1], ".python-version"), ".python-version")
    if required := _requires_python(project):
        return Wish(required, "pyproject.toml")
    return None


def find(version: str) -> Interpreter | None:
    """Python `X.Y` on this machine."""
    for candidate in _candidates(version):
        found = _inspect(candidate)
        if found is not None and found.version.startswith(version + "."):
            return found
    return None


def _candidates(version: str) -> Iterator[Path]:
    if _own_version().startswith(version + "."):
        yield Path(sys.executable)
    name = f"python{version}"
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if folder and (Path(folder) / name).is_file():
            yield Path(folder) / name
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)
    for folder in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"):
        yield Path(folder) / name
    managed = installer.run(("python", "find", "--managed-python", "--no-python-downloads", version))
    if managed.code == 0:
        yield Path(managed.stdout.strip())


def _download(version: str) -> Interpreter | None:
    if installer.run(("python", "install", "--quiet", version)).code != 0:
        return None
    done = installer.run(("python", "find", "--managed-python", "--no-python-downloads", version))
    return _inspect(Path(done.stdout.strip())) if done.code == 0 else None


def _at(path: Path) -> Interpreter:
    found = _inspect(path)
    if found is None:
        raise PythonUnavailable(
            f"{path} is no Python",
            "it could not be run",
            "Give --python a version (3.11) or an interpreter's path.",
        )
    return found


def _inspect(path: Path) -> Interpreter | None:
    """Ask the file itself: a shim, a broken link or another program is no Python."""
    if not path.is_file():
        return None
    code = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
    try:
        done = subprocess.run(
            (path, "-I", "-c", code),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = done.stdout.strip()
    if done.returncode != 0 or not re.fullmatch(r"3\.\d+\.\d+", version):
        return None
    return Interpreter(path, version)


def _own_version() -> str:
    return "{}.{}.{}".format(*sys.version_info[:3])


def _versions(wish: Wish) -> list[str]:
    """The minor versions that would do, best first."""
    fitting = [version for version in _PREFERRED if _fits(version, wish.specifier)]
    if not fitting:
        fitting = [spec.version.removesuffix(".*") for spec in wish.specifier if spec.operator == "=="]
    return fitting


def _fits(version: str, specifier: SpecifierSet) -> bool:
    return any(f"{version}.{patch}" in specifier for patch in (99, 0))


def _exactly(version: str, said_by: str) -> SpecifierSet:
    """`3.8` and `3.8.10` both mean 3.8: the patch level is whatever the machine has."""
    match = re.fullmatch(r"(?:python)?(\d+)\.(\d+)(?:\.\d+)?", version.strip())
    if match is None:
        raise PythonUnavailable(
            f"{version!r} is no Python version", f"{said_by} says so", "A version looks like 3.11."
        )
    if (int(match[1]), int(match[2])) < OLDEST:
        raise PythonUnavailable(
            f"Python {version} is too old",
            "tasks run on Python 3.8 and newer",
            f"Change it: {said_by} asks for it.",
        )
    return SpecifierSet(f"=={match[1]}.{match[2]}.*")


def _requires_python(project: Path) -> SpecifierSet | None:
    path = project / "pyproject.toml"
    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["requires-python"]
        return SpecifierSet(text)
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, InvalidSpecifier):
        return None  # no such file or line; a broken one is uv's to complain about


def _shown(specifier: SpecifierSet) -> str:
    return str(specifier).removeprefix("==").removesuffix(".*")
