"""What is put beside a container that knows nothing of Flyte, and what its end means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flyteidl.core import tasks_pb2, types_pb2

from sandbox.copilot import __main__ as program
from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.kubernetes import copilot, pods, verdicts
from sandbox.executors.kubernetes.settings import KubernetesSettings
from tests.unit.executors.kubernetes import requests
from tests.unit.executors.kubernetes.test_verdicts import NOW

SETTINGS = KubernetesSettings(copilot_image="copilot:1", env={"FLYTE_AWS_ENDPOINT": "http://s3"})


def template() -> tasks_pb2.TaskTemplate:
    made = tasks_pb2.TaskTemplate(type="raw-container", container=tasks_pb2.Container(image="any:1"))
    made.container.data_config.enabled = True
    made.interface.inputs.variables["x"].type.simple = types_pb2.INTEGER
    made.interface.outputs.variables["y"].type.simple = types_pb2.INTEGER
    return made


def pod(settings: KubernetesSettings = SETTINGS) -> dict[str, Any]:
    return pods.build(requests.of(template()), settings)


def test_the_program_takes_the_arguments_that_it_is_given() -> None:
    spec = pod()["spec"]
    uploader, main = spec["containers"]
    (downloader,) = spec["initContainers"]
    parser = program._parser()
    assert parser.parse_args(downloader["args"]).from_remote == "s3://bucket/metadata/n0/inputs.pb"
    taken = parser.parse_args(uploader["args"])
    assert (taken.to_output_prefix, taken.ready_file) == (
        "s3://bucket/metadata/n0/1",
        "/tmp/flyte-copilot-listens",
    )
    assert {mount["mountPath"] for mount in main["volumeMounts"]} == {
        "/var/flyte/inputs",
        "/var/flyte/outputs",
    }
    assert spec["terminationGracePeriodSeconds"] == 3600
    assert downloader["env"] == [{"name": "FLYTE_AWS_ENDPOINT", "value": "http://s3"}]
    assert "FLYTE_AWS_ENDPOINT" in {entry["name"] for entry in main["env"]}


def test_where_there_are_sidecars_the_uploader_is_one_and_comes_first() -> None:
    spec = pod(replace(SETTINGS, native_sidecars=True))["spec"]
    assert [one["name"] for one in spec["initContainers"]] == [
        "flyte-copilot-uploader",
        "flyte-copilot-downloader",
    ]
    assert spec["initContainers"][0]["restartPolicy"] == "Always"
    assert len(spec["containers"]) == 1


def test_a_pod_that_says_who_it_runs_as_is_believed() -> None:
    made = requests.of(template())
    spec: dict[str, Any] = {"securityContext": {"runAsNonRoot": True}, "containers": []}
    copilot.add(spec, {}, made, SETTINGS)
    assert "securityContext" not in spec["initContainers"][0]
    assert pod()["spec"]["initContainers"][0]["securityContext"]["runAsUser"] == 0


def test_without_an_image_there_is_no_pod() -> None:
    with pytest.raises(pods.BadTaskError, match="copilot"):
        pod(KubernetesSettings())


def state(**containers: int | None) -> dict[str, Any]:
    """Exit codes of the containers; None: it runs."""
    names = {"main": "abc-n0-0-n1-1", "up": "flyte-copilot-uploader", "down": "flyte-copilot-downloader"}
    statuses = [
        {
            "name": names[name],
            "state": {"running": {}}
            if code is None
            else {"terminated": {"exitCode": code, "message": "why"}},
        }
        for name, code in containers.items()
    ]
    return {"containerStatuses": statuses}


def verdict(
    phase: str, settings: KubernetesSettings = SETTINGS, **containers: int | None
) -> verdicts.Verdict:
    found = {**pod(settings), "status": {"phase": phase, **state(**containers)}}
    return verdicts.of(found, NOW, settings)


def test_an_attempt_is_over_when_its_outputs_are_taken() -> None:
    running = verdict("Running", main=0, up=None)
    assert (running.phase, running.to_end) == (AttemptPhase.RUNNING, True)
    assert verdict("Running", main=0, up=0).phase is AttemptPhase.SUCCEEDED
    assert verdict("Succeeded", main=0, up=0).phase is AttemptPhase.SUCCEEDED


def test_a_sidecar_is_ended_by_the_kubelet() -> None:
    sidecars = replace(SETTINGS, native_sidecars=True)
    running = verdict("Running", sidecars, main=0, up=None)
    assert (running.phase, running.to_end) == (AttemptPhase.RUNNING, False)


@pytest.mark.parametrize(
    ("containers", "code", "kind", "recoverable"),
    [
        ({"main": 0, "up": 1}, "OutputUploadFailed", ErrorKind.SYSTEM, True),
        ({"main": 0, "up": 137}, "OutputUploadFailed", ErrorKind.SYSTEM, True),
        ({"down": 3}, "InputDownloadFailed", ErrorKind.USER, False),
        ({"down": 1}, "InputDownloadFailed", ErrorKind.SYSTEM, True),
        ({"main": 5, "up": 1}, "Error", ErrorKind.USER, True),
    ],
)
def test_a_copilot_that_fails_says_whose_fault_it_is(
    containers: dict[str, int | None], code: str, kind: ErrorKind, recoverable: bool
) -> None:
    error = verdict("Failed", **containers).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == (code, kind, recoverable)
    assert "why" in error.message
