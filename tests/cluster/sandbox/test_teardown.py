"""A sandbox's end, and boots that don't succeed: nothing is left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.testing import commands
from tests.boxes import ROOT, execute

pytestmark = pytest.mark.timeout(1800)


def _left(name: str) -> list[str]:
    """Containers, volumes and networks of a sandbox."""
    found = []
    for words in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
        command = ["docker", *words, "--quiet", "--filter", f"label=flyte-sandbox.name={name}"]
        found += subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return found


def _sandbox(*words: str, home: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    environ = commands.environ(None) | {"HOME": str(home), "KUBECONFIG": str(home / "kubeconfig")}
    return execute([sys.executable, "-m", "sandbox.cli", *words], environ, check, ROOT)


def _start(distribution: str, name: str) -> tuple[str, ...]:
    return ("start", "--profile", "sandbox", "--distribution", distribution, "--name", name)


@pytest.fixture
def name() -> str:
    return f"end-{os.getpid()}"


def test_a_failed_boot_takes_back_what_it_made(distribution: str, name: str, tmp_path: Path) -> None:
    words = (
        "start",
        "--profile",
        "sandbox",
        "--distribution",
        distribution,
        "--name",
        name,
        "--timeout",
        "3",
    )
    done = _sandbox(*words, home=tmp_path, check=False)
    assert done.returncode == 1
    assert "Cause" in done.stderr
    assert _left(name) == []
    assert not (tmp_path / "kubeconfig").exists()


def test_a_failed_boot_is_retained_when_asked_for_and_torn_down_whole(
    distribution: str, name: str, tmp_path: Path
) -> None:
    words = (
        "start",
        "--profile",
        "sandbox",
        "--distribution",
        distribution,
        "--name",
        name,
        "--timeout",
        "3",
    )
    assert _sandbox(*words, "--retain", home=tmp_path, check=False).returncode == 1
    assert len(_left(name)) == 3
    assert name in _sandbox("list", home=tmp_path).stdout
    _sandbox("teardown", "--name", name, "--volume", home=tmp_path)
    assert _left(name) == []
    assert "no sandbox" in _sandbox("status", "--name", name, home=tmp_path, check=False).stderr


def test_a_taken_port_is_named_before_anything_is_made(distribution: str, name: str, tmp_path: Path) -> None:

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = str(held.getsockname()[1])
        done = _sandbox(*_start(distribution, name), "--kubernetes-port", port, home=tmp_path, check=False)
    assert f"port {port} (kubernetes) is held by" in done.stderr
    assert _left(name) == []
