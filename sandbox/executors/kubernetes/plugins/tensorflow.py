"""TensorFlow tasks as TFJobs: workers, and as wished a chief, parameter servers and an evaluator. Pure."""

from __future__ import annotations

from typing import Any

from flyteidl.plugins import tensorflow_pb2
from flyteidl.plugins.kubeflow import tensorflow_pb2 as kubeflow_tensorflow_pb2

from sandbox.executors.api import TaskRequest
from sandbox.executors.kubernetes.kinds import Api
from sandbox.executors.kubernetes.plugins import kubeflow, roles
from sandbox.executors.kubernetes.pods import BadTaskError
from sandbox.executors.kubernetes.settings import KubernetesSettings


class TensorFlow(kubeflow.Training):
    """`TFJob`, of Kubeflow's training operator."""

    name = "TFJob"
    replicas = "tfReplicaSpecs"
    container = "tensorflow"
    leaders = ("Chief", "Worker")
    api = Api(kubeflow.GROUP, kubeflow.VERSION, "tfjobs")

    def build(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        """The job of an attempt; raises BadTaskError and RenderingError."""
        policy = kubeflow.run_policy(None)
        match request.template.task_type_version:
            case 0:
                replicas = self._first(request, settings)
            case 1:
                wish = kubeflow_tensorflow_pb2.DistributedTensorflowTrainingTask()
                roles.custom(request, wish)
                replicas = self._second(request, settings, wish)
                if wish.HasField("run_policy"):
                    policy = kubeflow.run_policy(wish.run_policy)
            case version:
                raise BadTaskError(f"version {version} of TensorFlow tasks is not known")
        if "Worker" not in replicas:
            raise BadTaskError("a TensorFlow task needs at least one worker")
        return self.job(request, settings, {self.replicas: replicas, "runPolicy": policy})

    def _first(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        wish = tensorflow_pb2.DistributedTensorflowTrainingTask()
        roles.custom(request, wish)
        numbers = {
            "Chief": wish.chief_replicas,
            "Worker": wish.workers,
            "PS": wish.ps_replicas,
            "Evaluator": wish.evaluator_replicas,
        }
        return {
            kind: kubeflow.plain(request, settings, self.container, number)
            for kind, number in numbers.items()
            if number > 0
        }

    def _second(
        self,
        request: TaskRequest,
        settings: KubernetesSettings,
        wish: kubeflow_tensorflow_pb2.DistributedTensorflowTrainingTask,
    ) -> dict[str, Any]:
        wishes = {
            "Chief": wish.chief_replicas,
            "Worker": wish.worker_replicas,
            "PS": wish.ps_replicas,
            "Evaluator": wish.evaluator_replicas,
        }
        return {
            kind: kubeflow.wished(request, settings, self.container, one)
            for kind, one in wishes.items()
            if kubeflow.count(one) > 0
        }
