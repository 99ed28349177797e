"""Dask tasks as jobs of Dask's operator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.kubernetes.kinds import Printer
from sandbox.executors.kubernetes.plugins.dask import Dask
from sandbox.executors.kubernetes.settings import KubernetesSettings
from tests import templates
from tests.unit.executors.kubernetes import requests

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SPOT = {"key": "spot", "operator": "Exists"}
SETTINGS = KubernetesSettings(env={"FLYTE_AWS_ENDPOINT": "http://s3"}, interruptible_tolerations=(SPOT,))


def parts(name: str, **changes: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Job runner, workers, scheduler."""
    made = Dask().build(requests.of(templates.read(name), **changes), SETTINGS)
    cluster = made["spec"]["cluster"]["spec"]
    return made["spec"]["job"], cluster["worker"], cluster["scheduler"]


def container(part: dict[str, Any]) -> dict[str, Any]:
    (found,) = part["spec"]["containers"]
    return found


def test_the_runner_runs_the_task_and_the_others_are_its_cluster() -> None:
    runner, workers, scheduler = parts("dask")
    assert container(runner)["name"] == "job-runner"
    assert container(runner)["args"][0] == "pyflyte-execute"
    assert container(workers)["args"][:3] == ["dask-worker", "--name", "$(DASK_WORKER_NAME)"]
    assert container(scheduler)["args"] == ["dask-scheduler"]
    assert workers["replicas"] == 2
    assert [part["spec"]["restartPolicy"] for part in (runner, workers, scheduler)] == [
        "Never",
        "Always",
        "Always",
    ]
    for part in (runner, workers, scheduler):
        assert {"name": "FLYTE_AWS_ENDPOINT", "value": "http://s3"} in container(part)["env"]


def test_the_schedulers_service_finds_its_pod() -> None:
    service = parts("dask")[2]["service"]
    assert service["selector"] == {
        "dask.org/cluster-name": "abc-n0-0-n1-1",
        "dask.org/component": "scheduler",
    }
    assert [port["port"] for port in service["ports"]] == [8786, 8787]


def test_workers_are_told_the_limits_that_they_have() -> None:
    args = container(parts("dask")[1])["args"]
    assert args[3:] == ["--nthreads", "2", "--memory-limit", "2Gi"]
    assert len(container(parts("spark")[1])["args"]) == 3


def test_half_a_processor_is_one_thread() -> None:
    template = templates.read("dask")
    for limit in template.container.resources.limits:
        limit.value = "500m" if limit.name == 1 else limit.value
    made = Dask().build(requests.of(template), SETTINGS)
    assert container(made["spec"]["cluster"]["spec"]["worker"])["args"][3:5] == ["--nthreads", "1"]


def test_each_part_may_have_an_image_and_resources_of_its_own() -> None:
    runner, workers, scheduler = parts("dask_with_images")
    images = [container(part)["image"] for part in (runner, workers, scheduler)]
    assert images == ["mine:v1", "worker:v1", "scheduler:v1"]
    assert workers["replicas"] == 5
    assert "resources" not in container(runner) or not container(runner)["resources"]
    assert container(workers)["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"cpu": "2", "memory": "2Gi"},
    }


def test_only_workers_may_be_interrupted() -> None:
    runner, workers, scheduler = parts("dask", interruptible=True)
    assert "tolerations" not in runner["spec"]
    assert "tolerations" not in scheduler["spec"]
    assert workers["spec"]["tolerations"] == [SPOT]


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("JobCreated", AttemptPhase.INITIALIZING),
        ("ClusterCreated", AttemptPhase.INITIALIZING),
        ("Running", AttemptPhase.RUNNING),
        ("Successful", AttemptPhase.SUCCEEDED),
        ("Failed", AttemptPhase.FAILED),
    ],
)
def test_the_jobs_status_is_the_attempts_phase(status: str, phase: AttemptPhase) -> None:
    found = {"metadata": {"name": "abc"}, "status": {"jobStatus": status, "jobRunnerPodName": "abc-runner"}}
    verdict = Dask().verdict(found, NOW, SETTINGS)
    assert verdict.phase is phase
    assert verdict.error is None or verdict.error.kind is ErrorKind.USER
    assert Dask().printer(found) == Printer("", "abc-runner", "job-runner")
