"""`sandbox deploy` on a cluster that knows nothing of the sandbox: a bare node."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.appliance.images import cache, contexts, providing
from sandbox.appliance.images.nodes import NodeDocker
from tests.cluster.nodes import Cluster
from tests.waiting import eventually

NAMESPACE = "elsewhere"
CONTEXT = "foreign"
DATABASE = """
import pathlib, psycopg2
url = pathlib.Path("/etc/flyte-sandbox/credentials/database-url").read_text()
connection = psycopg2.connect(url)
connection.autocommit = True
cursor = connection.cursor()
"""


class Deployment:
    """The commands, against one cluster."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self._kubeconfig = folder / "kubeconfig"
        self._values = folder / "values.yaml"
        config = cluster.kubeconfig()
        config["contexts"] = [{**config["contexts"][0], "name": CONTEXT}]
        self._kubeconfig.write_text(yaml.safe_dump({**config, "current-context": CONTEXT}))

    def use(self, image: str) -> None:
        """Write the values file."""
        values = {
            "namespace": NAMESPACE,
            "images": {"controlPlane": image},
            "objectStore": {"publicEndpoint": "http://localhost:30002"},
            **{name: {"replicas": 1} for name in ("flyteadmin", "flyteconsole", "flytePodWebhook")},
            "flytepropeller": {"replicas": 1},
        }
        self._values.write_text(yaml.safe_dump(values))

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "sandbox.cli", command, "--kubeconfig", str(self._kubeconfig)]
        return subprocess.run(
            [*words, "--context", CONTEXT, *arguments], capture_output=True, text=True, timeout=600
        )

    def deploy(self, *arguments: str) -> str:
        done = self.run("deploy", "--values", str(self._values), *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def undeploy(self, *arguments: str) -> str:
        done = self.run("undeploy", "--namespace", NAMESPACE, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pods(self) -> list[dict[str, Any]]:
        found = self.cluster.get("pods", "-n", NAMESPACE)["items"]
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def ask(self, program: str) -> str:
        """Of the database, from admin's pod."""
        name = next(
            pod["metadata"]["name"] for pod in self.pods() if pod["metadata"]["name"].startswith("flyteadmin")
        )
        return self.cluster.in_pod(NAMESPACE, name, DATABASE + program).strip()


@pytest.fixture(scope="module")
def deployment(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    context = contexts.of(contexts.CONTROL_PLANE, ca_bundle=_bundle())
    providing.provide(NodeDocker(cluster.engine, cluster.node), context, cache=cache.folder())
    deployment = Deployment(cluster, tmp_path_factory.mktemp("deploying"))
    deployment.use(context.reference)
    yield deployment
    deployment.undeploy("--volumes")


def _bundle() -> bytes:
    path = Path("/etc/ssl/certs/ca-certificates.crt")
    return path.read_bytes() if path.is_file() else b""


def restarts(pods: list[dict[str, Any]]) -> int:
    return sum(status["restartCount"] for pod in pods for status in pod["status"]["containerStatuses"])


@pytest.mark.timeout(1200)
def test_a_control_plane_comes_is_changed_goes_and_comes_back_with_its_data(deployment: Deployment) -> None:
    planned = deployment.deploy("--dry-run")
    assert "would be created" in planned
    assert not [
        name
        for name in deployment.cluster.kubectl("get", "namespaces", "-o", "name").split()
        if NAMESPACE in name
    ]

    assert "Ready in" in deployment.deploy()
    pods = deployment.pods()
    running = {
        pod["metadata"]["name"].rsplit("-", 2)[0] for pod in pods if pod["status"]["phase"] == "Running"
    }
    assert running >= {"flyteadmin", "flytepropeller", "datacatalog", "flyteconsole", "flyte-pod-webhook"}
    assert restarts(pods) == 0
    assert deployment.ask("cursor.execute('create table proof as select 7 as a'); print('done')") == "done"

    assert "unchanged. Ready" in deployment.deploy()

    difference = deployment.deploy("--dry-run", "--set", "flytepropeller.replicas=3")
    assert "+  replicas: 3" in difference
    assert "Objects: 1 would be changed" in difference
    deployment.deploy("--set", "flytepropeller.replicas=3", "--set", "postgres.password=a'nother")
    names = [pod["metadata"]["name"] for pod in deployment.pods()]
    assert len([name for name in names if name.startswith("flytepropeller")]) == 3
    assert restarts(deployment.pods()) == 0
    assert deployment.ask("cursor.execute('select a from proof'); print(cursor.fetchone())") == "(7,)"

    deployment.undeploy()
    assert deployment.pods() == []
    kept = deployment.cluster.get("pvc", "-n", NAMESPACE)["items"]
    assert {claim["metadata"]["name"] for claim in kept} == {"postgres", "minio"}
    deployment.deploy()
    assert deployment.ask("cursor.execute('select a from proof'); print(cursor.fetchone())") == "(7,)"

    deployment.undeploy("--volumes")
    eventually(lambda: NAMESPACE not in deployment.cluster.kubectl("get", "namespaces"), 120, interval=1)
    for kind in ("clusterroles", "clusterrolebindings", "mutatingwebhookconfigurations"):
        assert NAMESPACE not in deployment.cluster.kubectl("get", kind)


def test_an_image_that_no_node_has_is_told_by_name_before_the_deadline(deployment: Deployment) -> None:
    done = deployment.run(
        "deploy",
        *("--values", str(deployment._values), "--set", "namespace=elsewhere-b"),
        *("--set", "images.controlPlane=flyte-sandbox/nowhere:1", "--set", "images.pullPolicy=Never"),
    )
    try:
        assert done.returncode == 1
        assert "ErrImageNeverPull" in done.stderr
        assert "flyte-sandbox/nowhere:1" in done.stderr
    finally:
        deployment.run("undeploy", "--namespace", "elsewhere-b", "--volumes")


def test_who_lacks_rights_is_told_which_and_nothing_is_changed(deployment: Deployment) -> None:
    cluster = deployment.cluster
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "weak"}}
    with cluster.namespace("weak") as namespace:
        cluster.apply(namespace, account)
        eventually(lambda: cluster.get("sa", "weak", "-n", namespace).get("secrets"), 20)
        secret = cluster.get("sa", "weak", "-n", namespace)["secrets"][0]["name"]
        token = base64.b64decode(cluster.get("secret", secret, "-n", namespace)["data"]["token"]).decode()
        config = yaml.safe_load(deployment._kubeconfig.read_text())
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        path = deployment._kubeconfig.with_name("weak")
        path.write_text(json.dumps(config))
        before = cluster.kubectl("get", "namespaces", "-o", "name")
        words = [
            sys.executable,
            "-m",
            "sandbox.cli",
            "deploy",
            "--kubeconfig",
            str(path),
            "--context",
            CONTEXT,
        ]
        done = subprocess.run(
            [*words, "--values", str(deployment._values)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 1
        assert "clusterroles" in done.stderr
        assert cluster.kubectl("get", "namespaces", "-o", "name") == before
