"""PyTorch tasks as PyTorchJobs: a master and workers, or workers alone for torch's elastic launcher.

Pure.
"""

from __future__ import annotations

from typing import Any

from flyteidl.plugins import pytorch_pb2
from flyteidl.plugins.kubeflow import pytorch_pb2 as kubeflow_pytorch_pb2

from sandbox.executors.api import TaskRequest
from sandbox.executors.kubernetes.kinds import Api
from sandbox.executors.kubernetes.plugins import kubeflow, roles
from sandbox.executors.kubernetes.pods import BadTaskError
from sandbox.executors.kubernetes.settings import KubernetesSettings

_WORKER_NAME = {"name": "_F_WN", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
"""By it flytekit tells whose error it writes."""


class PyTorch(kubeflow.Training):
    """`PyTorchJob`, of Kubeflow's training operator."""

    name = "PyTorchJob"
    replicas = "pytorchReplicaSpecs"
    container = "pytorch"
    leaders = ("Master", "Worker")
    api = Api(kubeflow.GROUP, kubeflow.VERSION, "pytorchjobs")

    def build(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        """The job of an attempt; raises BadTaskError and RenderingError."""
        match request.template.task_type_version:
            case 0:
                spec = self._first(request, settings)
            case 1:
                spec = self._second(request, settings)
            case version:
                raise BadTaskError(f"version {version} of PyTorch tasks is not known")
        replicas = spec[self.replicas]
        if not replicas["Worker"]["replicas"]:
            del replicas["Worker"]
        if "elasticPolicy" in spec:
            del replicas["Master"]
        return self.job(request, settings, spec)

    def _first(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        wish = pytorch_pb2.DistributedPyTorchTrainingTask()
        roles.custom(request, wish)
        spec: dict[str, Any] = {
            self.replicas: {
                "Master": kubeflow.plain(request, settings, self.container, 1),
                "Worker": kubeflow.plain(request, settings, self.container, wish.workers),
            },
            "runPolicy": kubeflow.run_policy(None),
        }
        if wish.HasField("elastic_config"):
            spec["elasticPolicy"] = _elastic(wish.elastic_config)
        return spec

    def _second(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        wish = kubeflow_pytorch_pb2.DistributedPyTorchTrainingTask()
        roles.custom(request, wish)
        name = self.container
        workers = kubeflow.wished(request, settings, name, wish.worker_replicas)
        first = workers["template"]["spec"]["containers"][0]
        first["env"] = [*(first.get("env") or ()), _WORKER_NAME]
        spec: dict[str, Any] = {
            self.replicas: {
                "Master": kubeflow.wished(request, settings, name, wish.master_replicas, replicas=1),
                "Worker": workers,
            },
            "runPolicy": kubeflow.run_policy(wish.run_policy if wish.HasField("run_policy") else None),
        }
        if wish.HasField("elastic_config"):
            spec["elasticPolicy"] = _elastic(wish.elastic_config)
        return spec


def _elastic(
    wish: pytorch_pb2.ElasticConfig | kubeflow_pytorch_pb2.ElasticConfig,
) -> dict[str, Any]:
    return {
        "minReplicas": wish.min_replicas,
        "maxReplicas": wish.max_replicas,
        "nProcPerNode": wish.nproc_per_node,
        "maxRestarts": wish.max_restarts,
        "rdzvBackend": wish.rdzv_backend,
    }
