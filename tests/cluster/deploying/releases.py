"""Releases of the control plane on a cluster, brought and taken by the commands that people use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from sandbox.testing import commands
from tests.cluster.nodes import Cluster

CONTEXT = "foreign"
_DATABASE = """
import pathlib, psycopg2
url = pathlib.Path("/etc/flyte-sandbox/credentials/database-url").read_text()
connection = psycopg2.connect(url)
connection.autocommit = True
cursor = connection.cursor()
"""


class Release:
    """One, in a namespace of its own."""

    def __init__(self, cluster: Cluster, folder: Path, values: dict[str, Any]) -> None:
        self.cluster = cluster
        self.namespace = str(values["namespace"])
        self.kubeconfig = folder / "kubeconfig"
        self.values = folder / "values.yaml"
        config = cluster.kubeconfig()
        config["contexts"] = [{**config["contexts"][0], "name": CONTEXT}]
        self.kubeconfig.write_text(yaml.safe_dump({**config, "current-context": CONTEXT}))
        self.values.write_text(yaml.safe_dump(values))

    def run(
        self, command: str, *arguments: str, kubeconfig: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`sandbox COMMAND`, with the rights of a kubeconfig."""
        words = [sys.executable, "-m", "sandbox.cli", command, "--context", CONTEXT]
        words += ["--kubeconfig", str(kubeconfig or self.kubeconfig), *arguments]
        environ = commands.environ(None)
        return subprocess.run(words, env=environ, capture_output=True, text=True, timeout=600, check=False)

    def deploy(self, *arguments: str) -> str:
        done = self.run("deploy", "--values", str(self.values), *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def undeploy(self, *arguments: str) -> str:
        done = self.run("undeploy", "--namespace", self.namespace, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pods(self, component: str = "") -> list[dict[str, Any]]:
        """Those that are not going."""
        found = self.cluster.get("pods", "-n", self.namespace)["items"]
        return [
            pod
            for pod in found
            if not pod["metadata"].get("deletionTimestamp")
            and pod["metadata"]["labels"].get("app.kubernetes.io/name", "").startswith(component)
        ]

    def restarts(self) -> int:
        """Of all containers."""
        return sum(each["restartCount"] for pod in self.pods() for each in pod["status"]["containerStatuses"])

    def ask(self, program: str) -> str:
        """Of the database, from one of admin's pods."""
        name = self.pods("flyteadmin")[0]["metadata"]["name"]
        return self.cluster.in_pod(self.namespace, name, _DATABASE + program).strip()
