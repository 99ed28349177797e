"""Nodes for tests: real containers with a real Kubernetes in them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sandbox.appliance.node import container, execution, kubeconfig, readiness
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.execution import Output
from sandbox.appliance.node.specification import NodePorts, NodeSpec
from tests.waiting import eventually

PYTHON = "python:3.11-slim"
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Cluster:
    """A node that is ready, and what tests do with it."""

    engine: Engine
    node: Node

    @property
    def name(self) -> str:
        return self.node.spec.name

    @property
    def ports(self) -> NodePorts:
        return self.node.spec.ports

    def kubeconfig(self) -> dict[str, Any]:
        """The administrator's, for this machine."""
        return kubeconfig.of_node(self.engine, self.node)

    def run(self, *command: str, stdin: bytes = b"") -> Output:
        """A command in the node; raises if it fails."""
        return execution.check(self.engine, self.node, command, stdin=[stdin] if stdin else ())

    def kubectl(self, *arguments: str, stdin: bytes = b"") -> str:
        return self.run("kubectl", *arguments, stdin=stdin).text

    def get(self, *arguments: str) -> Any:
        """What `kubectl get … -o json` says."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, namespace: str, *objects: dict[str, Any]) -> None:
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(document).encode())

    def build(self, tag: str, dockerfile: str) -> None:
        """An image, inside."""
        self.run("docker", "build", "--tag", tag, "-", stdin=dockerfile.encode())

    def in_pod(self, namespace: str, pod: str, program: str) -> str:
        """What a Python program prints in a pod; a program that fails is an AssertionError."""
        command = ("kubectl", "exec", "-n", namespace, pod, "--", "python3", "-c", program)
        output = execution.run(self.engine, self.node, command)
        assert output.code == 0, output.stderr.decode(errors="replace")
        return output.text

    @contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        """A namespace where pods may be created, as long as the block runs."""
        self.kubectl("create", "namespace", name)
        try:
            eventually(lambda: self.get("serviceaccounts", "-n", name)["items"], 30)
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false")

    def wait_for_pod(self, namespace: str, pod: str, *, timeout: float = 60) -> None:
        """Until it is ready."""
        self.kubectl(
            "wait", "-n", namespace, f"pod/{pod}", "--for=condition=Ready", f"--timeout={timeout:.0f}s"
        )


def pod(name: str, *command: str, image: str = PYTHON, **spec: Any) -> dict[str, Any]:
    """A pod with one container, and a label `app` that is its name."""
    main = {"name": "main", "image": image, "imagePullPolicy": "Never", "command": list(command)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{**main, **spec.pop("container", {})}],
            **spec,
        },
    }


def web_server(name: str, **spec: Any) -> dict[str, Any]:
    """A pod that says its own name on port 8000."""
    program = (
        "import http.server, socket\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers()\n"
        "        self.wfile.write(socket.gethostname().encode())\n"
        "http.server.ThreadingHTTPServer(('', 8000), Handler).serve_forever()\n"
    )
    probe = {"tcpSocket": {"port": 8000}, "periodSeconds": 1}
    return pod(name, "python3", "-u", "-c", program, container={"readinessProbe": probe}, **spec)


def service(name: str, **spec: Any) -> dict[str, Any]:
    """Port 80 of the pods whose label `app` is its name."""
    ports = [{"port": 80, "targetPort": 8000, **spec.pop("port", {})}]
    given = {"selector": {"app": name}, "ports": ports, **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": given}


def fetch(url: str) -> str:
    """A Python program that prints what a server says."""
    return f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=10).read().decode())"


def free_ports() -> NodePorts:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in fields(NodePorts)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return NodePorts(*(one.getsockname()[1] for one in sockets))


@contextmanager
def started(engine: Engine, distribution: str, name: str, *, source: Path | None = None) -> Iterator[Cluster]:
    """A node of its own, as long as the block runs; nothing of it is left."""
    spec = NodeSpec(
        name=f"{name}-{os.getpid()}",
        profile="sandbox",
        distribution=distribution,
        version="0",
        source=source,
        ports=free_ports(),
        ca_bundle=_BUNDLE if _BUNDLE.exists() else None,
    )
    try:
        node = container.create(engine, spec)
        wait_until_ready(engine, node)
        yield Cluster(engine, container.inspect(engine, node.id))
    finally:
        container.remove(engine, spec, volume=True)


def wait_until_ready(engine: Engine, node: Node) -> None:
    readiness.wait(
        engine, node, lambda: kubeconfig.of_node(engine, node), timeout=2 * readiness.seconds_allowed(node)
    )
