"""A whole sandbox as a container of testcontainers'.

    with SandboxContainer() as sandbox:
        execution = sandbox.flyte.run(my_workflow, {"x": 1})

The container is the node that `sandbox start --profile sandbox` makes; `start` returns when a workflow has
run in it. What testcontainers can do with a container works with it too (`exec`, `get_exposed_port`, …).
It ends with the block. If the tests' process is killed, a watcher of our own (`reaping`) removes container,
volume and network; testcontainers' reaper, which is an image to be pulled, is not needed for it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from testcontainers.core.container import DockerContainer

from sandbox.appliance import client_config, clients, found
from sandbox.appliance.boxed.opened import opened
from sandbox.appliance.images import contexts
from sandbox.appliance.node import distributions, kubeconfig
from sandbox.appliance.state import SandboxState
from sandbox.testing import commands
from sandbox.testing.errors import SandboxUnavailable
from sandbox.testing.reaping import Reaper
from sandbox.testing.running import FlyteSandbox

_ENDING = 120.0
"""Seconds that a teardown may take."""


class SandboxContainer(DockerContainer):
    """A sandbox of the profile `sandbox` or `demo`, on free ports, gone at the end."""

    def __init__(
        self,
        profile: str = "sandbox",
        *,
        distribution: str | None = None,
        name: str | None = None,
        source: Path | None = None,
        options: Sequence[str] = (),
        **more: Any,
    ) -> None:
        """`distribution`: None takes the one whose node image is here. `source`: a project that is mounted at
        /source. `options`: more flags of `sandbox start`. `more`: testcontainers' own."""
        self._sandbox = name or f"tests-{os.getpid()}-{os.urandom(2).hex()}"
        super().__init__(_image(distribution), name=found.resource(self._sandbox), **more)
        self._words = ["--profile", profile, "--name", self._sandbox, *options]
        self._words += ["--distribution", distribution] if distribution else []
        self._words += ["--source", str(source)] if source else []
        self._stack = ExitStack()
        self._flyte: FlyteSandbox | None = None

    @property
    def flyte(self) -> FlyteSandbox:
        """Where it is, and clients of it. Raises SandboxUnavailable before `start`."""
        if self._flyte is None:
            raise SandboxUnavailable(
                "the container is not started: use it in a `with` block, or call start()"
            )
        return self._flyte

    def start(self) -> SandboxContainer:
        """Boot it; returns when it is ready. Raises SandboxUnavailable with the words of `sandbox start`."""
        folder = Path(self._stack.enter_context(_Folder()))
        environ = commands.environ(None)
        end = (sys.executable, "-m", "sandbox.cli", "teardown", "--name", self._sandbox, "--volume")
        try:
            self._stack.enter_context(Reaper(end, environ))
            quiet = ("--no-client-config", "--no-kubeconfig")
            started = commands.document("start", *self._words, *quiet, environ=environ)
            self._container = self.get_docker_client().client.containers.get(started["container"])
            self._flyte = describe(self._sandbox, str(started["profile"]), folder)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, force: bool = True, delete_volume: bool = True) -> None:
        """Remove it: container, network, and the volume unless told otherwise."""
        with self._stack:
            if found.profile(self._sandbox) is not None:
                words = ("teardown", "--name", self._sandbox, *(("--volume",) if delete_volume else ()))
                commands.run(*words, environ=commands.environ(None), timeout=_ENDING)
        self._container = None
        self._flyte = None

    def get_container_host_ip(self) -> str:
        """All ports are published on this machine's loopback."""
        return "127.0.0.1"


def describe(name: str, profile: str, folder: Path) -> FlyteSandbox:
    """A sandbox in a container that runs; the files that its clients need are written to `folder`."""
    endpoints = clients.endpoints(name)
    state = SandboxState.locate(name, at=folder)
    config, kube = folder / "flyte-config.yaml", folder / "kubeconfig"
    config.write_text(client_config.render(state, endpoints))
    with opened(name) as box:
        kube.touch(mode=0o600)
        kube.write_text(yaml.safe_dump(kubeconfig.of_node(box.docker, box.node)))
    image = contexts.alias(contexts.TASK)
    return FlyteSandbox(
        name=name,
        profile=profile,
        endpoint=endpoints.target,
        console=endpoints.console,
        object_store=endpoints.object_store,
        client_config=config,
        variables=client_config.variables(state, endpoints, image) | {"FLYTECTL_CONFIG": str(config)},
        kubeconfig=kube,
        image=image,
        commands=commands.environ(None),
    )


class _Folder:
    """A temporary folder as a context."""

    def __enter__(self) -> str:
        self._path = tempfile.mkdtemp(prefix="flyte-sandbox-tests-")
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def _image(distribution: str | None) -> str:
    """For people: `sandbox start` chooses by itself."""
    return distributions.get(distribution or distributions.DEFAULT).image
