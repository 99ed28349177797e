"""Training tasks as jobs of Kubeflow's operator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format

from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.kubernetes.kinds import Kind, Printer
from sandbox.executors.kubernetes.plugins.mpi import Mpi
from sandbox.executors.kubernetes.plugins.pytorch import PyTorch
from sandbox.executors.kubernetes.plugins.tensorflow import TensorFlow
from sandbox.executors.kubernetes.pods import BadTaskError
from sandbox.executors.kubernetes.settings import KubernetesSettings
from tests import templates
from tests.unit.executors.kubernetes import requests

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SETTINGS = KubernetesSettings(env={"FLYTE_AWS_ENDPOINT": "http://s3"})


def built(kind: Kind, name: str, **changes: Any) -> dict[str, Any]:
    return kind.build(requests.of(templates.read(name), **changes), SETTINGS)["spec"]


def container(replicas: dict[str, Any]) -> dict[str, Any]:
    (found,) = replicas["template"]["spec"]["containers"]
    return found


def version_zero(kind: str, custom: dict[str, Any]) -> Any:
    template = requests.container()
    template.type = kind
    json_format.ParseDict(custom, template.custom)
    return template


def test_a_pytorch_job_has_one_master_and_the_workers_that_are_wished_for() -> None:
    spec = built(PyTorch(), "pytorch")
    master, workers = spec["pytorchReplicaSpecs"]["Master"], spec["pytorchReplicaSpecs"]["Worker"]
    assert (master["replicas"], workers["replicas"]) == (1, 3)
    assert (master["restartPolicy"], workers["restartPolicy"]) == ("Never", "OnFailure")
    assert container(master)["name"] == container(workers)["name"] == "pytorch"
    assert (container(master)["image"], container(workers)["image"]) == ("mine:v1", "worker:v1")
    assert spec["runPolicy"] == {
        "cleanPodPolicy": "All",
        "ttlSecondsAfterFinished": 120,
        "activeDeadlineSeconds": 600,
        "backoffLimit": 2,
    }


def test_replicas_resources_are_laid_over_those_of_the_tasks_pod() -> None:
    """The task has a pod template: its plugin gave it one for more shared memory."""
    spec = built(PyTorch(), "pytorch")["pytorchReplicaSpecs"]
    assert container(spec["Worker"])["resources"] == {
        "requests": {"cpu": "2", "memory": "2Gi"},
        "limits": {"nvidia.com/gpu": "1", "cpu": "2", "memory": "2Gi"},
    }
    assert spec["Worker"]["template"]["spec"]["volumes"] == [
        {"name": "shm", "emptyDir": {"medium": "Memory"}}
    ]
    terms = spec["Master"]["template"]["spec"]["affinity"]["nodeAffinity"]
    assert "nvidia-tesla-a100" in str(terms)


def test_workers_write_errors_under_names_of_their_own() -> None:
    spec = built(PyTorch(), "pytorch")["pytorchReplicaSpecs"]
    names = {entry["name"] for entry in container(spec["Worker"])["env"]}
    assert "_F_WN" in names
    assert "_F_WN" not in {entry["name"] for entry in container(spec["Master"])["env"]}


def test_a_job_without_workers_has_a_master_alone() -> None:
    assert list(built(PyTorch(), "pytorch_alone")["pytorchReplicaSpecs"]) == ["Master"]


def test_an_elastic_job_has_workers_alone() -> None:
    spec = built(PyTorch(), "pytorch_elastic")
    assert list(spec["pytorchReplicaSpecs"]) == ["Worker"]
    assert spec["pytorchReplicaSpecs"]["Worker"]["replicas"] == 4
    assert spec["elasticPolicy"] == {
        "minReplicas": 2,
        "maxReplicas": 4,
        "nProcPerNode": 2,
        "maxRestarts": 3,
        "rdzvBackend": "c10d",
    }


def test_a_tensorflow_job_has_the_replicas_that_are_wished_for_and_no_others() -> None:
    spec = built(TensorFlow(), "tensorflow")
    replicas = spec["tfReplicaSpecs"]
    assert {kind: one["replicas"] for kind, one in replicas.items()} == {"Worker": 2, "PS": 1, "Chief": 1}
    assert {container(one)["name"] for one in replicas.values()} == {"tensorflow"}
    assert container(replicas["PS"])["image"] == "ps:v1"
    assert container(replicas["Worker"])["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    }
    assert spec["runPolicy"] == {"cleanPodPolicy": "Running"}


def test_an_mpi_jobs_launcher_runs_the_task_and_its_workers_their_own_command() -> None:
    spec = built(Mpi(), "mpi")
    launcher, workers = spec["mpiReplicaSpecs"]["Launcher"], spec["mpiReplicaSpecs"]["Worker"]
    assert (launcher["replicas"], workers["replicas"], spec["slotsPerWorker"]) == (1, 3, 2)
    assert container(launcher)["args"][0] == "mpirun"
    assert container(workers)["args"] == ["/usr/sbin/sshd", "-De"]
    assert container(launcher)["name"] == container(workers)["name"] == "mpi"


def test_a_horovod_job_is_an_mpi_job() -> None:
    launcher = built(Mpi(), "horovod")["mpiReplicaSpecs"]["Launcher"]
    assert container(launcher)["args"][0] == "horovodrun"


def test_a_job_without_wishes_leaves_no_pod_that_runs() -> None:
    for kind, name in ((PyTorch(), "pytorch_alone"), (Mpi(), "mpi")):
        assert built(kind, name)["runPolicy"] == {"cleanPodPolicy": "Running"}
    template = version_zero("tensorflow", {"workers": 1})
    spec = TensorFlow().build(requests.of(template), SETTINGS)["spec"]
    assert spec["runPolicy"] == {"cleanPodPolicy": "Running"}


def test_tasks_of_plugins_of_old_are_understood() -> None:
    pytorch = PyTorch().build(requests.of(version_zero("pytorch", {"workers": 2})), SETTINGS)["spec"]
    assert {kind: one["replicas"] for kind, one in pytorch["pytorchReplicaSpecs"].items()} == {
        "Master": 1,
        "Worker": 2,
    }
    tensorflow = version_zero("tensorflow", {"workers": 2, "psReplicas": 1})
    replicas = TensorFlow().build(requests.of(tensorflow), SETTINGS)["spec"]["tfReplicaSpecs"]
    assert {kind: one["replicas"] for kind, one in replicas.items()} == {"Worker": 2, "PS": 1}
    mpi = version_zero("mpi", {"numWorkers": 2, "slots": 4})
    mpi.config["worker_spec_command"] = "sleep 1d"
    spec = Mpi().build(requests.of(mpi), SETTINGS)["spec"]
    assert spec["slotsPerWorker"] == 4
    assert container(spec["mpiReplicaSpecs"]["Worker"])["args"] == ["sleep", "1d"]


@pytest.mark.parametrize(
    ("kind", "task_type"), [(PyTorch(), "pytorch"), (TensorFlow(), "tensorflow"), (Mpi(), "mpi")]
)
def test_a_version_that_nobody_knows_is_refused(kind: Kind, task_type: str) -> None:
    template = version_zero(task_type, {})
    template.task_type_version = 7
    with pytest.raises(BadTaskError, match="version 7"):
        kind.build(requests.of(template), SETTINGS)


@pytest.mark.parametrize(("kind", "task_type"), [(TensorFlow(), "tensorflow"), (Mpi(), "mpi")])
def test_a_job_that_needs_workers_is_refused_without(kind: Kind, task_type: str) -> None:
    with pytest.raises(BadTaskError, match="at least one worker"):
        kind.build(requests.of(version_zero(task_type, {})), SETTINGS)


def job(*conditions: tuple[str, str, str], **status: Any) -> dict[str, Any]:
    return {
        "kind": "PyTorchJob",
        "metadata": {"name": "abc-n0-0", "creationTimestamp": "2026-01-01T11:59:59Z"},
        "spec": {"pytorchReplicaSpecs": {"Worker": {}, "Master": {}}},
        "status": {
            "conditions": [
                {"type": kind, "status": held, "lastTransitionTime": at, "reason": "R", "message": "m"}
                for kind, held, at in conditions
            ],
            **status,
        },
    }


CREATED = ("Created", "True", "2026-01-01T11:00:00Z")


@pytest.mark.parametrize(
    ("kind", "phase"),
    [
        ("Running", AttemptPhase.RUNNING),
        ("Restarting", AttemptPhase.RUNNING),
        ("Succeeded", AttemptPhase.SUCCEEDED),
        ("Failed", AttemptPhase.FAILED),
        ("Suspended", AttemptPhase.QUEUED),
    ],
)
def test_the_newest_condition_that_holds_decides(kind: str, phase: AttemptPhase) -> None:
    found = job(
        CREATED, (kind, "True", "2026-01-01T11:02:00Z"), ("Restarting", "False", "2026-01-01T11:03:00Z")
    )
    assert PyTorch().verdict(found, NOW, SETTINGS).phase is phase


def test_of_conditions_of_one_second_the_later_one_decides() -> None:
    found = job(CREATED, ("Running", "True", CREATED[2]))
    assert PyTorch().verdict(found, NOW, SETTINGS).phase is AttemptPhase.RUNNING
    assert PyTorch().verdict(job(CREATED), NOW, SETTINGS).phase is AttemptPhase.QUEUED


def test_a_failure_says_why_and_keeps_the_jobs_status() -> None:
    verdict = PyTorch().verdict(job(("Failed", "True", "2026-01-01T11:00:00Z")), NOW, SETTINGS)
    assert verdict.error is not None
    assert verdict.error.message == "the job failed: R - m"
    assert (verdict.error.kind, verdict.error.recoverable) == (ErrorKind.USER, True)
    assert verdict.custom_info is not None


def test_the_log_is_the_masters_once_there_is_one() -> None:
    assert PyTorch().printer(job(CREATED)) is None
    begun = job(CREATED, startTime="2026-01-01T11:00:00Z")
    assert PyTorch().printer(begun) == Printer("", "abc-n0-0-master-0", "pytorch")
    begun["spec"] = {"pytorchReplicaSpecs": {"Worker": {}}}
    assert PyTorch().printer(begun) == Printer("", "abc-n0-0-worker-0", "pytorch")
    begun["spec"] = {"mpiReplicaSpecs": {"Worker": {}, "Launcher": {}}}
    assert Mpi().printer(begun) == Printer("", "abc-n0-0-launcher", "mpi")
