"""MPI tasks as MPIJobs: a launcher, which runs `mpirun`, and workers, which wait for it. Pure."""

from __future__ import annotations

from typing import Any

from flyteidl.plugins import mpi_pb2
from flyteidl.plugins.kubeflow import mpi_pb2 as kubeflow_mpi_pb2

from sandbox.executors.api import TaskRequest
from sandbox.executors.kubernetes.kinds import Api
from sandbox.executors.kubernetes.plugins import kubeflow, roles
from sandbox.executors.kubernetes.pods import BadTaskError
from sandbox.executors.kubernetes.settings import KubernetesSettings

_WORKER_COMMAND = "worker_spec_command"
"""In the config of tasks of version 0: what workers run."""


class Mpi(kubeflow.Training):
    """`MPIJob`, of Kubeflow's training operator."""

    name = "MPIJob"
    replicas = "mpiReplicaSpecs"
    container = "mpi"
    leaders = ("Launcher",)
    api = Api(kubeflow.GROUP, kubeflow.VERSION, "mpijobs")

    def build(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        """The job of an attempt; raises BadTaskError and RenderingError."""
        match request.template.task_type_version:
            case 0:
                spec = self._first(request, settings)
            case 1:
                spec = self._second(request, settings)
            case version:
                raise BadTaskError(f"version {version} of MPI tasks is not known")
        for kind, replicas in spec[self.replicas].items():
            if replicas["replicas"] <= 0:
                raise BadTaskError(f"an MPI task needs at least one {kind.lower()}")
        return self.job(request, settings, spec)

    def _first(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        wish = mpi_pb2.DistributedMPITrainingTask()
        roles.custom(request, wish)
        launcher = kubeflow.plain(request, settings, self.container, max(1, wish.num_launcher_replicas))
        workers = kubeflow.plain(request, settings, self.container, wish.num_workers)
        command = request.template.config.get(_WORKER_COMMAND, "")
        for container in workers["template"]["spec"]["containers"]:
            if container["name"] == self.container:
                container["args"] = command.split(" ") if command else []
                container["command"] = []
        return {
            "slotsPerWorker": max(1, wish.slots),
            "runPolicy": kubeflow.run_policy(None),
            self.replicas: {"Launcher": launcher, "Worker": workers},
        }

    def _second(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        """Flyte's own plugin gives every worker one slot, whatever the task asks for; `mpirun` is told to
        begin as many processes as there are slots, so here the task is given what it asks for."""
        wish = kubeflow_mpi_pb2.DistributedMPITrainingTask()
        roles.custom(request, wish)
        launcher, worker, name = wish.launcher_replicas, wish.worker_replicas, self.container
        replicas = {
            "Launcher": kubeflow.wished(
                request, settings, name, launcher, replicas=1, command=launcher.command
            ),
            "Worker": kubeflow.wished(request, settings, name, worker, command=worker.command),
        }
        return {
            "slotsPerWorker": max(1, wish.slots),
            "runPolicy": kubeflow.run_policy(wish.run_policy if wish.HasField("run_policy") else None),
            self.replicas: replicas,
        }
