"""Images are environments here: an image tag maps to a Python environment and a snapshot of the code.

`<state>/images/<quoted tag>/environment.json` is what the process executor reads for a container's image:

    {"tag": "model:v1", "python": "<…>/bin/python", "root": "<code or null>", "env": {"NAME": "value"}}

The tag `default` is the environment of the project that `sandbox start --source` named; images that nobody
built run in it. The virtual environments themselves are in `<state>/environments/`, one for each set of
requirements and Python version, however many tags use it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from packaging.specifiers import SpecifierSet

from sandbox.appliance.building import dockerfiles, installer, interpreters, snapshots
from sandbox.appliance.building.errors import InstallFailed, ProjectUnusable
from sandbox.appliance.building.interpreters import Interpreter
from sandbox.appliance.progress import Progress, Silent, StepTiming
from sandbox.appliance.state import SandboxState, write_atomically

DEFAULT_TAG = "default"
RESERVED_TAGS = frozenset(("sandbox-canary",))
"""Images of the sandbox itself."""
_COMPLETE = "complete.json"
"""Written last into a virtual environment: one without it was interrupted."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the tasks of one image run."""

    tag: str
    python: Path
    """The interpreter; not resolved, for a virtual environment is known by its links."""
    root: Path | None
    """The code that the image holds; None when it holds none."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of its tasks."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What may be said about a build instead of being found in the project."""

    python: str | None = None
    """A version (`3.8`) or a path. None: the Dockerfile, `.python-version` or pyproject.toml decide."""
    requirements: Path | None = None
    """None: requirements.txt or pyproject.toml in the project."""


@dataclass(frozen=True, slots=True)
class Built:
    """An environment, and what it took."""

    environment: Environment
    python_version: str
    requirements: str
    """What was installed from, for people: `requirements.txt`, or `.venv, as it is`."""
    reused: bool
    """It existed already; nothing was installed."""
    notes: tuple[str, ...]
    """Sentences that a person should see."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A release that broke older projects which did not pin it, as an image of their time would not have
    had."""

    package: str
    """Whose old releases are broken by it."""
    before: str
    """Those older than this version."""
    needs: str
    """A requirement that mends them."""
    reason: str


REPAIRS = (
    Repair(
        "flytekit", "1.6", "setuptools<70", "it imports pkg_resources, which a Python image of its time has"
    ),
    Repair("flytekit", "1.4", "numpy<1.24", "NumPy 1.24 removed names that releases of its time use"),
)


def build(
    path: Path,
    tag: str,
    state: SandboxState,
    *,
    options: BuildOptions | None = None,
    progress: Progress | None = None,
) -> Built:
    """Make the image `tag` of the project in `path`; raises BuildFailed."""
    options = options or BuildOptions()
    steps = _Steps(progress or Silent())
    project = _project(path)
    _check_tag(tag)
    requirements = _requirements(project, options)
    if requirements is None:
        raise ProjectUnusable(
            f"there is nothing to build in {project}",
            "it has neither a requirements.txt nor a pyproject.toml with dependencies",
            "Write the packages that the tasks import into requirements.txt (flytekit among them).",
        )
    interpreter = steps.run(
        "python",
        "Python",
        lambda: interpreters.choose(project, options.python),
        lambda found: f"{found.version} ({found.path})",
    )
    venv, reused, notes = _ensure_venv(state, requirements, interpreter, steps)
    root = steps.run("code", "Code", lambda: _snapshot(project, tag, state), lambda found: found.name)
    env = _variables(project, root)
    environment = Environment(tag, venv / "bin" / "python", root, env)
    _save(environment, state)
    _prune(tag, state, keep=root)
    return Built(environment, interpreter.version, requirements.name, reused, notes)


def prepare_source(source: Path, state: SandboxState, *, progress: Progress | None = None) -> Built | None:
    """Make the project's own environment the tag `default`; raises BuildFailed.

    An existing `.venv` with flytekit is used as it is; otherwise one is built from the project's
    requirements. None when the project names no requirements: then there is no default environment.
    """
    steps = _Steps(progress or Silent())
    project = _project(source)
    own = project / ".venv" / "bin" / "python"
    if own.is_file() and package_version(own.parent.parent, "flytekit"):
        environment = Environment(DEFAULT_TAG, own, project, _variables(project, project))
        _save(environment, state)
        return Built(environment, _venv_version(own.parent.parent), ".venv, as it is", True, ())
    requirements = _requirements(project, BuildOptions())
    if requirements is None:
        return None
    interpreter = interpreters.choose(project)
    venv, reused, notes = _ensure_venv(state, requirements, interpreter, steps)
    environment = Environment(DEFAULT_TAG, venv / "bin" / "python", project, _variables(project, project))
    _save(environment, state)
    return Built(environment, interpreter.version, requirements.name, reused, notes)


def find(tag: str, state: SandboxState) -> Environment | None:
    """The environment of a tag; None when nobody built it, or its files are gone."""
    try:
        data = json.loads((_folder(tag, state) / "environment.json").read_bytes())
        environment = Environment(
            data["tag"], Path(data["python"]), Path(data["root"]) if data["root"] else None, dict(data["env"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return environment if environment.python.exists() else None


def package_version(venv: Path, package: str) -> str | None:
    """The version of a package in a virtual environment, without running it."""
    for pattern in ("lib/python3*/site-packages", "Lib/site-packages"):
        for site in venv.glob(pattern):
            for info in site.glob(f"{package}-*.dist-info"):
                return info.name.removesuffix(".dist-info").split("-", 1)[1]
    return None


class _Steps:
    """Runs pieces of a build and tells a `Progress` about each."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def run(self, name: str, title: str, work: Callable[[], T], describe: Callable[[T], str]) -> T:
        self._progress.step_started(name, title)
        begin = time.monotonic()
        try:
            result = work()
        except Exception as exc:
            self._progress.step_failed(StepTiming(name, title, time.monotonic() - begin), exc)
            raise
        self._progress.step_finished(StepTiming(name, title, time.monotonic() - begin, describe(result)))
        return result


def _project(path: Path) -> Path:
    project = Path(os.path.abspath(path.expanduser()))
    if not project.is_dir():
        raise ProjectUnusable(
            f"{project} is not a folder" if project.exists() else f"{project} does not exist",
            "a project is the folder that holds the workflows' package and requirements.txt",
            "Give the path of that folder.",
        )
    return project


def _check_tag(tag: str) -> None:
    if tag in RESERVED_TAGS or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}", tag):
        raise ProjectUnusable(
            f"{tag!r} can't be an image's tag",
            "the sandbox uses it itself" if tag in RESERVED_TAGS else "it is not written like one",
            "A tag looks like diabetes:v1.",
        )


def _requirements(project: Path, options: BuildOptions) -> Path | None:
    """The file that says what to install."""
    if options.requirements is not None:
        given = project / options.requirements.expanduser()
        if not given.is_file():
            raise ProjectUnusable(
                f"{given} does not exist",
                "--requirements names a file, relative to the project",
                "Give an existing file.",
            )
        return given
    plain = project / "requirements.txt"
    if plain.is_file():
        return plain
    pyproject = project / "pyproject.toml"
    if pyproject.is_file() and re.search(
        r"^\s*dependencies\s*=", pyproject.read_text(encoding="utf-8", errors="replace"), re.MULTILINE
    ):
        return pyproject
    return None


def _ensure_venv(
    state: SandboxState, requirements: Path, interpreter: Interpreter, steps: _Steps
) -> tuple[Path, bool, tuple[str, ...]]:
    """The virtual environment for these requirements on this Python: found, or made."""
    venv = state.environments / _venv_key(requirements, interpreter)
    with _locked(state.environments / f".{venv.name}.lock"):
        if (venv / _COMPLETE).is_file() and (venv / "bin" / "python").exists():
            version = package_version(venv, "flytekit")
            steps.run("packages", "Packages", lambda: None, lambda _: f"flytekit {version}, installed before")
            return venv, True, ()
        remark = (
            f"{interpreter.instead_of}; Python {interpreter.version} is used."
            if interpreter.instead_of
            else ""
        )
        try:
            notes = steps.run(
                "packages",
                "Packages",
                lambda: _install(venv, requirements, interpreter),
                lambda _: f"flytekit {package_version(venv, 'flytekit')} and the rest of {requirements.name}",
            )
        except InstallFailed as exc:
            shutil.rmtree(venv, ignore_errors=True)
            if not remark:
                raise
            raise InstallFailed(
                exc.what, f"{exc.cause}\nNote: {remark}", f"Install that Python, or: {exc.remedy}"
            ) from exc
        except BaseException:
            shutil.rmtree(venv, ignore_errors=True)
            raise
        write_atomically(venv / _COMPLETE, json.dumps({"requirements": str(requirements)}).encode())
    return venv, False, (remark, *notes) if remark else notes


def _install(venv: Path, requirements: Path, interpreter: Interpreter) -> tuple[str, ...]:
    shutil.rmtree(venv, ignore_errors=True)
    venv.parent.mkdir(parents=True, exist_ok=True)
    _uv(("venv", "--quiet", "--python", str(interpreter.path), str(venv)), requirements)
    _pip_install(venv, requirements, ())
    flytekit = package_version(venv, "flytekit")
    if flytekit is None:
        raise InstallFailed(
            f"{requirements.name} makes an environment that can't run tasks",
            "flytekit is not among its packages",
            f"Add flytekit to {requirements}.",
        )
    repairs = [repair for repair in REPAIRS if _is_broken(venv, repair, requirements)]
    if repairs:
        _pip_install(venv, requirements, tuple(repair.needs for repair in repairs))
    return tuple(
        f"{repair.package} {flytekit} works with {repair.needs} only ({repair.reason}); that was installed."
        for repair in repairs
    )


def _is_broken(venv: Path, repair: Repair, requirements: Path) -> bool:
    """Whether the repair applies: the old package is there, and what it needs is neither there nor ruled
    out."""
    version = package_version(venv, repair.package)
    if version is None or version not in SpecifierSet(f"<{repair.before}", prereleases=True):
        return False
    match = re.match(r"[\w.-]+?(?=[<>=!~])", repair.needs)
    name = match[0] if match else repair.needs
    has = package_version(venv, name)
    if has is not None and has in SpecifierSet(repair.needs.removeprefix(name), prereleases=True):
        return False
    pinned = re.compile(rf"^\s*{re.escape(name)}\b\s*[<>=!~@]", re.IGNORECASE | re.MULTILINE)
    return not pinned.search(requirements.read_text(encoding="utf-8", errors="replace"))


def _pip_install(venv: Path, requirements: Path, extra: tuple[str, ...]) -> None:
    command = ("pip", "install", "--quiet", "--compile-bytecode", "--python", str(venv / "bin" / "python"))
    _uv((*command, "--requirement", str(requirements), *extra), requirements)


def _uv(arguments: tuple[str, ...], requirements: Path) -> None:
    done = installer.run(arguments, cwd=requirements.parent)
    if done.code != 0:
        raise _explained(done, requirements)


def _explained(done: installer.Outcome, requirements: Path) -> InstallFailed:
    """uv's own words, and what they mean to the person who reads them."""
    words = done.stderr.strip() or done.stdout.strip() or f"uv ended with exit code {done.code}"
    lowered = words.lower()
    if "no solution found" in lowered:
        remedy = f"Change the versions in {requirements}, or choose another Python with --python."
    elif any(
        sign in lowered for sign in ("error sending request", "dns error", "failed to fetch", "timed out")
    ):
        remedy = "Check the network and the package index that pip or uv is set to, and try again."
    elif "failed to build" in lowered or "build backend" in lowered:
        remedy = (
            "A package has no wheel for this Python and did not compile: try a newer version or --python."
        )
    elif "no space left" in lowered:
        remedy = "Free some disk space, and try again."
    else:
        remedy = f"Correct {requirements}, and try again."
    return InstallFailed(f"the packages of {requirements} could not be installed", words, remedy)


def _venv_key(requirements: Path, interpreter: Interpreter) -> str:
    """Names a virtual environment by all that decides what is in it."""
    sha = hashlib.sha256(f"{interpreter.version}\0{interpreter.path}\0{REPAIRS}\0".encode())
    for path in _with_included(requirements, set()):
        sha.update(path.read_bytes())
    if requirements.name == "pyproject.toml":
        sha.update(str(requirements).encode())
    minor = ".".join(interpreter.version.split(".")[:2])
    return f"py{minor}-{sha.hexdigest()[:16]}"


def _with_included(requirements: Path, seen: set[Path]) -> Iterator[Path]:
    """The file, and those that it names with `-r` or `-c`."""
    if requirements in seen or not requirements.is_file():
        return
    seen.add(requirements)
    yield requirements
    text = requirements.read_text(encoding="utf-8", errors="replace")
    names = re.findall(r"^\s*(?:-[rc]|--requirement|--constraint)[\s=]+(\S+)", text, re.MULTILINE)
    for name in names:
        yield from _with_included(requirements.parent / name, seen)


def _snapshot(project: Path, tag: str, state: SandboxState) -> Path:
    folder = _folder(tag, state)
    target = folder / f"code-{snapshots.digest(project)}"
    if not target.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        snapshots.take(project, target)
    return target


def _prune(tag: str, state: SandboxState, *, keep: Path) -> None:
    """Drop old snapshots of the tag, but the newest of them: tasks may be running in it."""
    others = [path for path in _folder(tag, state).glob("code-*") if path != keep]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[1:]:
        shutil.rmtree(path, ignore_errors=True)


def _variables(project: Path, root: Path) -> dict[str, str]:
    env = dict(dockerfiles.read(project).env)
    if (root / "src").is_dir():
        env["PYTHONPATH"] = str(root / "src")
    return env


def _folder(tag: str, state: SandboxState) -> Path:
    return state.images / quote(tag, safe="")


def _save(environment: Environment, state: SandboxState) -> None:
    folder = _folder(environment.tag, state)
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "tag": environment.tag,
        "python": str(environment.python),
        "root": str(environment.root) if environment.root else None,
        "env": dict(environment.env),
    }
    write_atomically(folder / "environment.json", json.dumps(data, indent=2).encode())


def _venv_version(venv: Path) -> str:
    try:
        text = (venv / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "of the system"  # an installation, not a virtual environment
    match = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+\.\d+)", text, re.MULTILINE)
    return match[1] if match else "unknown"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two builds of the same environment: the second waits for the first, and finds it done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
