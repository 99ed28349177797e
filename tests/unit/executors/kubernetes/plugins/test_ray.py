"""Ray tasks as jobs of KubeRay."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.kubernetes.plugins.ray import Ray
from sandbox.executors.kubernetes.plugins.settings import PluginSettings, RaySettings
from sandbox.executors.kubernetes.pods import BadTaskError
from sandbox.executors.kubernetes.settings import KubernetesSettings
from tests import templates
from tests.unit.executors.kubernetes import requests

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SETTINGS = KubernetesSettings(env={"FLYTE_AWS_ENDPOINT": "http://s3"})


def built(name: str, settings: KubernetesSettings = SETTINGS, **changes: Any) -> dict[str, Any]:
    return Ray().build(requests.of(templates.read(name), **changes), settings)


def container(group: dict[str, Any]) -> dict[str, Any]:
    (found,) = group["template"]["spec"]["containers"]
    return found


def test_the_tasks_command_is_the_jobs_entry_point_and_no_containers() -> None:
    made = built("ray")
    spec = made["spec"]
    assert (made["apiVersion"], made["kind"]) == ("ray.io/v1", "RayJob")
    assert spec["entrypoint"].startswith("pyflyte-execute --inputs s3://bucket/metadata/n0/inputs.pb ")
    head, (workers,) = spec["rayClusterSpec"]["headGroupSpec"], spec["rayClusterSpec"]["workerGroupSpecs"]
    assert (container(head)["name"], container(head)["args"]) == ("ray-head", [])
    assert (container(workers)["name"], container(workers)["args"]) == ("ray-worker", [])
    assert container(workers)["lifecycle"]["preStop"]["exec"]["command"] == ["/bin/sh", "-c", "ray stop"]
    submitter = spec["submitterPodTemplate"]["spec"]["containers"][0]
    assert submitter["name"] == "abc-n0-0-n1-1"
    assert submitter["args"][0] == "pyflyte-execute"


def test_an_empty_argument_stays_one_in_the_entry_point() -> None:
    template = templates.read("ray")
    template.container.args.extend(["vars", "", "resolver"])
    made = Ray().build(requests.of(template), SETTINGS)
    assert made["spec"]["entrypoint"].endswith("vars '' resolver")


def test_every_node_has_the_platforms_variables_and_knows_its_address() -> None:
    cluster = built("ray")["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        entries = {entry["name"]: entry for entry in container(group)["env"]}
        assert entries["FLYTE_AWS_ENDPOINT"]["value"] == "http://s3"
        assert entries["MY_POD_IP"]["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"
        assert group["rayStartParams"]["node-ip-address"] == "$MY_POD_IP"
        assert group["rayStartParams"]["disable-usage-stats"] == "true"


def test_groups_are_as_large_as_the_task_wishes_and_bounds_never_exclude_that() -> None:
    (workers,) = built("ray")["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert (workers["minReplicas"], workers["replicas"], workers["maxReplicas"]) == (2, 2, 2)
    small, large = built("ray_that_scales")["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert (small["groupName"], small["minReplicas"], small["replicas"], small["maxReplicas"]) == (
        "small",
        1,
        2,
        4,
    )
    assert large["rayStartParams"]["num-cpus"] == "2"
    assert large["template"]["metadata"]["labels"]["pool"] == "large"


def test_resources_of_head_and_groups_are_their_own() -> None:
    cluster = built("ray_that_scales")["spec"]["rayClusterSpec"]
    small, large = cluster["workerGroupSpecs"]
    assert container(cluster["headGroupSpec"])["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"cpu": "2", "memory": "2Gi"},
    }
    assert container(small)["resources"]["limits"] == {"cpu": "500m", "memory": "512Mi"}
    assert container(large)["resources"]["requests"] == {"cpu": "2", "memory": "2Gi"}


def test_the_head_begins_with_the_tasks_parameters_and_the_platforms() -> None:
    params = built("ray_that_scales")["spec"]["rayClusterSpec"]["headGroupSpec"]["rayStartParams"]
    assert params == {
        "log-color": "True",
        "include-dashboard": "true",
        "dashboard-host": "0.0.0.0",
        "node-ip-address": "$MY_POD_IP",
        "disable-usage-stats": "true",
    }


def test_scaling_is_as_the_task_wishes() -> None:
    cluster = built("ray_that_scales")["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["autoscalerOptions"] == {
        "upscalingMode": "Aggressive",
        "idleTimeoutSeconds": 60,
        "image": "autoscaler:v1",
        "env": [{"name": "LEVEL", "value": "info"}],
        "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}},
    }
    assert "autoscalerOptions" not in built("ray")["spec"]["rayClusterSpec"]


def test_the_cluster_ends_when_the_task_or_else_the_platform_says() -> None:
    spec = built("ray_that_scales")["spec"]
    assert (spec["shutdownAfterJobFinishes"], spec["ttlSecondsAfterFinished"]) == (True, 60)
    spec = built("ray")["spec"]
    assert (spec["shutdownAfterJobFinishes"], spec["ttlSecondsAfterFinished"]) == (True, 3600)


def test_the_runtime_environment_is_yaml_whichever_plugin_wrote_it() -> None:
    assert built("ray_that_scales")["spec"]["runtimeEnvYAML"] == "pip:\n- numpy\n"
    template = templates.read("ray")
    template.custom["runtimeEnv"] = base64.b64encode(json.dumps({"pip": ["numpy"]}).encode()).decode()
    assert Ray().build(requests.of(template), SETTINGS)["spec"]["runtimeEnvYAML"] == "pip:\n- numpy\n"
    template.custom["runtimeEnv"] = "!"
    with pytest.raises(BadTaskError, match="runtime environment"):
        Ray().build(requests.of(template), SETTINGS)


def test_a_platform_may_name_the_account_of_all_pods() -> None:
    settings = KubernetesSettings(plugins=PluginSettings(ray=RaySettings(service_account="ray")))
    spec = built("ray", settings)["spec"]
    cluster = spec["rayClusterSpec"]
    pods = [
        spec["submitterPodTemplate"],
        *(group["template"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])),
    ]
    assert {pod["spec"]["serviceAccountName"] for pod in pods} == {"ray"}


def job(phase: str, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "abc-n0-0", "creationTimestamp": "2026-01-01T11:59:59Z"},
        "spec": {"submitterPodTemplate": {"spec": {"containers": [{"name": "abc-n0-0"}]}}},
        "status": {"jobDeploymentStatus": phase, "rayClusterName": "abc-raycluster", **status},
    }


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("", AttemptPhase.QUEUED),
        ("Initializing", AttemptPhase.INITIALIZING),
        ("Running", AttemptPhase.RUNNING),
        ("Retrying", AttemptPhase.RUNNING),
        ("Suspended", AttemptPhase.QUEUED),
        ("Suspending", AttemptPhase.QUEUED),
        ("Complete", AttemptPhase.SUCCEEDED),
        ("Failed", AttemptPhase.FAILED),
    ],
)
def test_the_deployments_status_is_the_attempts_phase(phase: str, expected: AttemptPhase) -> None:
    assert Ray().verdict(job(phase), NOW, SETTINGS).phase is expected


def test_a_failure_has_the_operators_reason_and_is_the_systems() -> None:
    failed = job("Failed", reason="AppFailed", message="exit code 1")
    error = Ray().verdict(failed, NOW, SETTINGS).error
    assert error is not None
    assert error.message == "the Ray job failed: [AppFailed] exit code 1"
    assert (error.code, error.kind) == ("TaskFailedWithError", ErrorKind.SYSTEM)


def test_a_job_that_failed_did_not_succeed_whatever_an_older_operator_calls_its_deployment() -> None:
    assert Ray().verdict(job("Complete", jobStatus="FAILED"), NOW, SETTINGS).phase is AttemptPhase.FAILED


def test_the_log_is_that_of_the_pod_that_submits() -> None:
    assert Ray().printer(job("Initializing")) is None
    printer = Ray().printer(job("Running", jobId="x"))
    assert printer is not None
    assert (printer.selector, printer.container) == ("job-name=abc-n0-0", "abc-n0-0")
