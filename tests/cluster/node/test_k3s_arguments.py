"""What the k3s node calls dockerd and k3s with: its own first process, in a container, in front of programs
that only note how they were called. The real ones come from an image registry (`make test-k3s`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.appliance import assets
from sandbox.appliance.node import container, distributions, flags
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.specification import STATE, NodeSpec
from tests.waiting import eventually

_NOTE = """#!/bin/sh
echo "$@" >> /calls/{name}
{then}
"""
_PROGRAMS = {
    "dockerd": "exec sleep infinity",
    "k3s": "exec sleep infinity",
    "docker": "exit 0",
    "kubectl": "exit 0",
    "wget": "exit 0",
}


@dataclass
class Called:
    """The container, and where it notes what it called."""

    engine: Engine
    id: str
    folder: Path

    def words(self, program: str) -> list[str]:
        """Of the only call."""
        eventually(lambda: (self.folder / program).is_file() and (self.folder / program).read_text(), 20)
        lines = (self.folder / program).read_text().splitlines()
        assert len(lines) == 1, lines
        return lines[0].split()

    def status(self) -> dict[str, object]:
        return dict(self.engine.api.inspect_container(self.id)["State"])

    def printed(self) -> str:
        return str(self.engine.api.logs(self.id).decode())


@contextmanager
def _node(engine: Engine, spec: NodeSpec, tmp_path: Path) -> Iterator[Called]:
    programs, calls = tmp_path / "programs", tmp_path / "calls"
    programs.mkdir()
    calls.mkdir()
    for name, then in _PROGRAMS.items():
        (programs / name).write_text(_NOTE.format(name=name, then=then))
        (programs / name).chmod(0o755)
    given = {**flags.PIECEMEAL, "cgroupns": "private", "tmpfs": {"/run": "", STATE: ""}}
    script = assets.images() / "node-k3s" / "node"
    given["binds"] = [f"{programs}:/programs:ro", f"{calls}:/calls", f"{script}:/node:ro"]
    made = engine.api.create_container(
        distributions.get("debian").image,
        name=f"flyte-sandbox-test-k3s-{os.getpid()}",
        entrypoint=["/node"],
        environment={**container.environment(spec), "PATH": "/programs:/usr/sbin:/usr/bin:/sbin:/bin"},
        host_config={**engine.api.create_host_config(**given), **flags.SYSTEM_PATHS},
    )
    try:
        engine.api.start(made["Id"])
        yield Called(engine, made["Id"], calls)
    finally:
        engine.api.remove_container(made["Id"], force=True, v=True)


@pytest.mark.usefixtures("distribution")
def test_the_first_node_is_a_server_with_everything_on_the_volume(docker: Engine, tmp_path: Path) -> None:
    spec = NodeSpec(name="b", profile="sandbox", distribution="k3s", version="0")
    with _node(docker, spec, tmp_path) as called:
        k3s = called.words("k3s")
        assert k3s[0] == "server"
        assert {
            "--docker",
            "--node-name=flyte-sandbox-b",
            "--tls-san=flyte-sandbox-b",
            f"--data-dir={STATE}/k3s",
            f"--write-kubeconfig={distributions.get('k3s').kubeconfig}",
            f"--default-local-storage-path={STATE}/volumes",
            "--disable=traefik,metrics-server,servicelb",
        } <= set(k3s)
        dockerd = called.words("dockerd")
        assert f"--data-root={STATE}/docker" in dockerd
        assert "--insecure-registry=localhost:30000" in dockerd
        assert any(word.startswith("--dns=") for word in dockerd)
        assert not any(word.startswith("--dns=127.") for word in dockerd)
        eventually(lambda: "all components are ready" in called.printed(), 20)


@pytest.mark.usefixtures("distribution")
def test_another_node_is_an_agent_with_the_token_that_it_was_given(docker: Engine, tmp_path: Path) -> None:
    spec = NodeSpec(name="b", profile="sandbox", distribution="k3s", version="0", number=1)
    with _node(docker, spec, tmp_path) as called:
        k3s = called.words("k3s")
        assert k3s[0] == "agent"
        assert "--server=https://flyte-sandbox-b:6443" in k3s
        token = Path(distributions.get("k3s").admission).name
        assert f"--token-file={STATE}/{token}" in k3s
        assert not any(word.startswith("--tls-san") for word in k3s)


@pytest.mark.usefixtures("distribution")
def test_a_program_that_ends_is_started_again_and_a_stop_ends_all(docker: Engine, tmp_path: Path) -> None:
    spec = NodeSpec(name="b", profile="sandbox", distribution="k3s", version="0")
    with _node(docker, spec, tmp_path) as called:
        called.words("k3s")
        made = docker.api.exec_create(called.id, ["sh", "-c", "kill -9 $(cat /run/k3s.pid)"])
        docker.api.exec_start(made["Id"])
        eventually(lambda: len((called.folder / "k3s").read_text().splitlines()) == 2, 20)
        assert "k3s ended with 137" in called.printed()
        docker.api.stop(called.id, timeout=20)
        assert called.status()["ExitCode"] == 0
        assert called.printed().strip().endswith("stopped")
