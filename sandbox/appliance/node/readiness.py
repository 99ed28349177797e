"""When a node can be used: the API server says that it is ready, so does the node, and pods may be created.

Asked of the API server, from the host, through the published port; never of a log.
"""

from __future__ import annotations

import json
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.appliance.node import container, distributions, execution
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.errors import NodeError, NodeFailed

COMPLETE = "/run/node-ready"
"""A file in the container, once all components have worked and the images are there."""
_INTERVAL = 0.2
_REQUEST_SECONDS = 5.0


class ApiServer:
    """Reads from the API server as the administrator, and needs nothing but the standard library."""

    def __init__(self, kubeconfig: dict[str, Any]) -> None:
        """:param kubeconfig: with one cluster and one user, both with their data inside."""
        cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
        self._server = cluster["server"]
        authority = b64decode(cluster["certificate-authority-data"]).decode()
        self._context = ssl.create_default_context(cadata=authority)
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_bytes(b64decode(user["client-certificate-data"]) + b64decode(user["client-key-data"]))
            self._context.load_cert_chain(pair)

    def get(self, path: str) -> bytes:
        """The answer to a GET. Raises OSError."""
        with urllib.request.urlopen(
            f"{self._server}{path}", context=self._context, timeout=_REQUEST_SECONDS
        ) as answer:
            return bytes(answer.read())

    def get_json(self, path: str) -> dict[str, Any]:
        return dict(json.loads(self.get(path)))


def missing(api: ApiServer, names: list[str]) -> str:
    """What is still missing until those nodes can be used, for people; empty when nothing is."""
    try:
        api.get("/readyz")
        found = {one["metadata"]["name"]: one for one in api.get_json("/api/v1/nodes")["items"]}
        for name in names:
            if name not in found:
                return f"the node {name} has not registered itself"
            if not is_ready(found[name]):
                return f"the node {name} is not ready: {_reason(found[name])}"
        api.get("/api/v1/namespaces/default/serviceaccounts/default")
    except urllib.error.HTTPError as exc:
        if exc.code == 404:
            return "the default service account is not there"
        return f"the API server answers with {exc.code}"
    except OSError as exc:
        return f"the API server does not answer: {getattr(exc, 'reason', exc)}"
    return ""


def is_ready(node: dict[str, Any]) -> bool:
    """Whether pods may be put on a node (an object of the API)."""
    conditions = {one["type"]: one["status"] for one in node["status"].get("conditions") or ()}
    taints = {one["key"] for one in node["spec"].get("taints") or ()}
    return conditions.get("Ready") == "True" and "node.kubernetes.io/not-ready" not in taints


def wait(
    engine: Engine, node: Node, kubeconfig: Callable[[], dict[str, Any]], *, timeout: float
) -> ApiServer:
    """Until the node can be used. Raises NodeFailed at the deadline, and as soon as its container has ended.

    :param kubeconfig: gives the administrator's; raises an ApplianceError or KeyError while there is none.
    """
    deadline = time.monotonic() + timeout
    api: ApiServer | None = None
    while True:
        api = api or _try(kubeconfig)
        lacks = "there is no kubeconfig yet" if api is None else missing(api, [node.spec.container])
        if api is not None and not lacks and not _is_complete(engine, node):
            lacks = "its first process still starts components, or brings in images"
        if api is not None and not lacks:
            return api
        now = container.inspect(engine, node.id)
        if not now.running:
            cause = container.last_words(engine, node) or f"it ended with {now.exit_code}"
            raise NodeFailed("the node's container ended", cause, _remedy(now))
        if time.monotonic() >= deadline:
            raise NodeFailed(
                f"the node was not ready within {timeout:.0f} s",
                f"{lacks}\n{container.last_words(engine, node)}".strip(),
                "Look at its log with `sandbox logs node`; a slow machine may need a longer --timeout.",
            )
        time.sleep(_INTERVAL)


def seconds_allowed(node: Node) -> float:
    """How long a node may take."""
    return distributions.get(node.spec.distribution).ready_seconds


def _try(kubeconfig: Callable[[], dict[str, Any]]) -> ApiServer | None:
    try:
        return ApiServer(kubeconfig())
    except (NodeError, KeyError):
        return None


def _is_complete(engine: Engine, node: Node) -> bool:
    """Whether the first process says that all is there: the base images, too."""
    try:
        return execution.run(engine, node, ["test", "-e", COMPLETE]).code == 0
    except NodeError:
        return False  # it has just ended


def _reason(node: dict[str, Any]) -> str:
    for one in node["status"].get("conditions") or ():
        if one["type"] == "Ready":
            return str(one.get("message") or one.get("reason") or one["status"])
    return "it has not said anything yet"


def _remedy(node: Node) -> str:
    if node.out_of_memory:
        return "Give Docker more memory: the node needs 2 GiB and what your tasks take."
    return "Look at the cause; `sandbox teardown --volume` and another start begin anew."
