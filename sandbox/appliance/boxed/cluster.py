"""The API of the cluster in the container."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox.appliance.manifests.cluster import KubeconfigCluster
from sandbox.appliance.manifests.errors import ClusterUnreachable
from sandbox.executors.kubernetes import connections, errors
from sandbox.executors.kubernetes.client import Client

_REMEDY = "Look with `sandbox status`; `sandbox start` brings it up again."


def connect(kubeconfig: Mapping[str, Any]) -> KubeconfigCluster:
    """By a kubeconfig with its credentials inside. Raises ClusterUnreachable if it is no use; nothing is
    asked yet."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(dict(kubeconfig), file)
        file.flush()
        try:
            connection = connections.by_kubeconfig(Path(file.name), None, os.environ)
        except errors.KubernetesError as exc:
            raise ClusterUnreachable(
                "the node's kubeconfig can't be used", str(exc), "Start the sandbox again."
            ) from exc
    return KubeconfigCluster(Client(connection), connection.server, _REMEDY)
