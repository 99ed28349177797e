"""A sandbox for a plain user, for root with a closed home, and without a home."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox

pytestmark = pytest.mark.timeout(120)

_PROGRAM = """
import json, sys
from sandbox.appliance import boot, shutdown, status
from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.options import StartOptions
try:
    running = boot.start(StartOptions(name="mine", profile="embedded", timeout=60, client_config=False))
    report = status.inspect("mine")
    torn = shutdown.teardown("mine", volume=True)
except ApplianceError as error:
    print(json.dumps({"what": error.what, "cause": error.cause, "remedy": error.remedy}))
    sys.exit(3)
print(json.dumps({"ready": running.ready, "healthy": report.healthy, "state": str(running.state),
                  "removed": [str(path) for path in torn.removed]}))
"""


def _run(
    environ: dict[str, str], *, uid: int | None = None, python: str = sys.executable
) -> tuple[int, dict[str, object]]:
    root = Path(sandbox.__file__).resolve().parent.parent
    done = subprocess.run(
        [python, "-c", _PROGRAM],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(root), **environ},
        cwd="/",
        capture_output=True,
        text=True,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
    )
    assert done.returncode in (0, 3), done.stderr
    return done.returncode, json.loads(done.stdout)


def _python_for_everybody(folder: Path) -> str:
    """This environment behind a Python that any user can run; this one may lie in root's closed home."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    program = Path("/usr/bin") / name
    if not program.exists():
        pytest.skip(f"there is no {program}")
    venv = folder / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(program)
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    site = venv / "lib" / name / "site-packages"
    site.mkdir(parents=True)
    (site / "here.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return str(venv / "bin" / "python")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Reachable by everybody, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="sandbox-users-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_plain_user_needs_nothing_but_a_home(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody, -1)
    code, result = _run({"HOME": str(home)}, uid=nobody, python=_python_for_everybody(folder))
    assert (code, result.get("ready"), result.get("healthy")) == (0, True, True), result
    assert result["state"] == str(home / ".flyte" / "appliance" / "mine")
    assert list(home.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="for another user there is nothing special about a closed home")
def test_root_with_a_home_that_is_closed_to_others_keeps_the_database_elsewhere(folder: Path) -> None:
    home = folder / "root"
    home.mkdir(mode=0o700)
    code, result = _run({"HOME": str(home)})
    assert (code, result.get("ready"), result.get("healthy")) == (0, True, True), result
    removed = result["removed"]
    assert isinstance(removed, list)
    elsewhere = [path for path in removed if path.startswith("/var/lib/flyte-sandbox/")]
    assert elsewhere
    assert not any(os.path.lexists(path) for path in removed)


def test_a_long_path_is_no_obstacle(folder: Path) -> None:
    home = folder / ("long" * 30)
    home.mkdir()
    code, result = _run({"SANDBOX_HOME": str(home)})
    assert (code, result.get("healthy")) == (0, True), result


@pytest.mark.parametrize("environ", [{}, {"HOME": "/proc/nowhere"}])
def test_without_a_usable_home_the_user_is_told_what_to_set(environ: dict[str, str]) -> None:
    code, result = _run(environ)
    assert code == 3
    assert "SANDBOX_HOME" in str(result["remedy"])
