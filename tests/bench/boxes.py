"""A sandbox in a container: how soon it is ready, what it takes, and what a pod costs more than a bare one.

Left out, with a word, where there is no Docker or no node's image: making one is not what is measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flytekit.configuration import Config
from flytekit.remote import FlyteRemote

from sandbox.appliance import docker_socket, found
from sandbox.executors.kubernetes import connections
from sandbox.executors.kubernetes.client import Client as Kubernetes
from sandbox.testing import SandboxContainer, commands
from sandbox.testing.running import FlyteSandbox
from tests.bench import table
from tests.bench.launching import run
from tests.sandboxes import DOMAIN, PROJECT, Client
from tests.waiting import eventually

_WORKFLOWS = Path(__file__).resolve().parents[1] / "workflows" / "trivial.py"
_PODS = f"/api/v1/namespaces/{PROJECT}-{DOMAIN}/pods"
_FANS = 2
"""Executions of a hundred tasks each, side by side."""


def measure(folder: Path, runs: int) -> Iterator[table.Row]:
    """Rows; none where no sandbox in a container can be booted at once."""
    if not any(docker_socket.has_image(image) for image in found.node_images().values()):
        print("(no node's image is here: a sandbox in a container is not measured)", file=sys.stderr)
        return
    container = SandboxContainer(name=f"bench-{os.getpid()}")
    begun = time.perf_counter()
    with container:
        yield table.Row("container: start to canary, fresh", "s", [time.perf_counter() - begun])
        yield from _measure(container.flyte, folder, runs)


def _measure(flyte: FlyteSandbox, folder: Path, runs: int) -> Iterator[table.Row]:
    environ = commands.environ(None)
    starts = []
    for _ in range(runs):
        commands.run("stop", "--name", flyte.name, environ=environ)
        begun = time.perf_counter()
        quiet = ("--no-client-config", "--no-kubeconfig")
        commands.run("start", "--name", flyte.name, *quiet, environ=environ)
        starts.append(time.perf_counter() - begun)
    yield table.Row("container: start to canary, images present", "s", starts, "60 s, stretch 30 s", 60)
    yield table.Row("container: memory, everything in it", "MiB", [_memory(flyte) for _ in range(runs)])
    _register(flyte, folder)
    client = Client(flyte.endpoint)
    try:
        yield from _pods(flyte, client, runs)
    finally:
        client.close()


def _memory(flyte: FlyteSandbox) -> float:
    status = commands.document("status", "--name", flyte.name, environ=commands.environ(None))
    return float(status["memory"]) / 2**20


def _register(flyte: FlyteSandbox, folder: Path) -> None:
    """Everything trivial, by fast registration, in the image that is for tasks."""
    package = folder / "project" / "workflows"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(_WORKFLOWS, package)
    program = str(Path(sys.executable).with_name("pyflyte"))
    place = ("-p", PROJECT, "-d", DOMAIN, "--version", "bench", "--image", str(flyte.image))
    environ = {**commands.environ(None), **flyte.variables}
    subprocess.run([program, "register", *place, "workflows"], env=environ, cwd=package.parent, check=True)


def _pods(flyte: FlyteSandbox, client: Client, runs: int) -> Iterator[table.Row]:
    run(client, "workflows.trivial.hello", "bench")
    task = [run(client, "workflows.trivial.hello", "bench") for _ in range(runs)]
    yield table.Row("container: hello-world as a pod", "s", task)
    bare = _bare(flyte, runs)
    yield table.Row("container: the same pod, bare", "s", bare)
    extra = [sorted(task)[len(task) // 2] - sorted(bare)[len(bare) // 2]]
    yield table.Row("container: a task over a bare pod", "s", extra, "0.5 s", 0.5)
    begun = time.perf_counter()
    with ThreadPoolExecutor(_FANS) as pool:
        fans = [pool.submit(run, client, "workflows.trivial.fan_out_of_100", "bench") for _ in range(_FANS)]
        for fan in fans:
            fan.result()
    yield table.Row("container: 200 pods, two fan-outs of 100", "s", [time.perf_counter() - begun])


def _bare(flyte: FlyteSandbox, runs: int) -> Sequence[float]:
    """Seconds from creating a copy of the task's own pod, without anybody behind it, to its success."""
    if flyte.kubeconfig is None:
        raise RuntimeError("a sandbox in a container has a kubeconfig")
    kubernetes = Kubernetes(connections.by_kubeconfig(flyte.kubeconfig, None, os.environ))
    remote = FlyteRemote(Config.auto(str(flyte.client_config)), PROJECT, DOMAIN)
    last = remote.recent_executions(limit=1)[0].id.name
    query = {"labelSelector": f"execution-id={last}"}
    pattern = next(pod for page in kubernetes.list(_PODS, query) for pod in page["items"])
    return [_timed(kubernetes, _copy(pattern, f"bare-{at}")) for at in range(runs)]


def _copy(pattern: dict[str, Any], name: str) -> dict[str, Any]:
    kept = ("containers", "restartPolicy", "serviceAccountName", "volumes")
    spec = {key: value for key, value in pattern["spec"].items() if key in kept}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _timed(kubernetes: Kubernetes, pod: dict[str, Any]) -> float:
    path = f"{_PODS}/{pod['metadata']['name']}"
    begun = time.perf_counter()
    kubernetes.create(_PODS, pod)
    eventually(lambda: kubernetes.get(path)["status"].get("phase") == "Succeeded", timeout=120)
    took = time.perf_counter() - begun
    kubernetes.delete(path)
    return took
