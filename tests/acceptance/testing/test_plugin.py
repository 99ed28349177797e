"""The pytest plugin as its users have it: a pytest of their own, over a test module of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
_WORKFLOWS = """
from flytekit import task, workflow


@task
def double(x: int) -> int:
    return 2 * x


@workflow
def doubled(x: int) -> int:
    return double(x=x)
"""
_TESTS = """
import pytest
from my_workflows import doubled

from sandbox.testing.errors import SandboxUnavailable


def test_a_workflow_runs_in_the_sandbox(flyte_sandbox):
    execution = flyte_sandbox.run(doubled, {"x": 21})
    assert execution.outputs["o0"] == 42
    assert flyte_sandbox.profile == "embedded"
    assert flyte_sandbox.kubeconfig is None
    with pytest.raises(SandboxUnavailable, match="has no Kubernetes"):
        flyte_sandbox.kubernetes()


def test_it_is_the_same_sandbox_for_the_whole_session(flyte_remote):
    assert flyte_remote.fetch_workflow(name="my_workflows.doubled")
"""
_SLOW = """
import pathlib
import time


def test_that_never_ends(flyte_sandbox):
    pathlib.Path("endpoint").write_text(flyte_sandbox.endpoint)
    time.sleep(600)
"""


def _environ(folder: Path) -> dict[str, str]:
    (folder / "home").mkdir(exist_ok=True)
    return os.environ | {
        "HOME": str(folder / "home"),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(folder))),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # where the package is installed, it is there already
        "PYTEST_ADDOPTS": "",
    }


def _command(folder: Path, *words: str) -> list[str]:
    fixed = ("-p", "sandbox.testing.plugin", "-p", "no:cacheprovider", f"--basetemp={folder}/temporary")
    return [sys.executable, "-m", "pytest", "-q", *fixed, *words]


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(folder, *words),
        env=_environ(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def _processes(mark: Path) -> list[int]:
    """Those whose environment or command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                told = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(mark).encode() in told:
                found.append(int(entry.name))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "my_workflows.py").write_text(_WORKFLOWS)
    return tmp_path


def test_the_fixtures_give_a_sandbox_in_which_workflows_run_and_leave_nothing(folder: Path) -> None:
    (folder / "test_mine.py").write_text(_TESTS)
    done = _run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert list(folder.glob("temporary/flyte-sandbox0/sandboxes/*")) == []
    assert not (folder / "home" / ".flyte").exists()  # a user's own configuration is not touched
    assert _processes(folder / "temporary") == []


def test_a_killed_pytest_leaves_no_sandbox_behind(folder: Path) -> None:
    (folder / "test_mine.py").write_text(_SLOW)
    with subprocess.Popen(
        _command(folder), env=_environ(folder), cwd=folder, stdout=subprocess.DEVNULL
    ) as tests:
        try:
            eventually((folder / "endpoint").exists, timeout=120)
            assert len(_processes(folder / "temporary")) > 3  # its components
        finally:
            tests.send_signal(signal.SIGKILL)
    eventually(lambda: _processes(folder / "temporary") == [], timeout=60)
    assert list(folder.glob("temporary/flyte-sandbox0/sandboxes/*")) == []


def test_a_sandbox_that_cannot_start_says_why(folder: Path) -> None:
    (folder / "test_mine.py").write_text("def test_it(flyte_sandbox):\n    pass\n")
    done = _run(folder, "--flyte-sandbox-source", str(folder / "nowhere"))
    assert done.returncode == 1
    assert "nowhere does not exist" in done.stdout
    assert _processes(folder / "temporary") == []


def test_the_plugin_is_known_to_pytest_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"flyte_sandbox": "sandbox.testing.plugin"}


def test_the_plugin_costs_a_test_run_nothing_that_asks_for_no_sandbox() -> None:
    program = (
        "import sys, pytest, sandbox.testing.plugin\n"
        "heavy = {'flytekit', 'grpc', 'docker', 'kubernetes', 'testcontainers'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
