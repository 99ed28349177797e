"""Containers that know nothing of Flyte: their inputs are files, their files are outputs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flyteidl.core import literals_pb2, tasks_pb2, types_pb2

from sandbox.executors.api import AttemptPhase, ErrorKind, TaskRequest
from sandbox.idl import literals
from sandbox.store.objects import S3ObjectStore, S3Settings
from tests.cluster.executor.conftest import IMAGE, Engine, Stage
from tests.waiting import eventually

_KEY, _SECRET = "minio", "miniostorage"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, S3ObjectStore]]:
    """The address of an object store on this machine, as pods reach it, and the store."""
    shown = subprocess.run(
        ["docker", "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}"],
        check=True,
        capture_output=True,
        text=True,
    )
    address, folder = shown.stdout.strip(), tmp_path_factory.mktemp("objects")
    with socket.socket() as probe:
        probe.bind((address, 0))
        port = probe.getsockname()[1]
    argv = [sys.executable, "-m", "nanio", "serve", "--host", address, "--port", str(port)]
    environment = {**os.environ, "NANIO_ACCESS_KEY": _KEY, "NANIO_SECRET_KEY": _SECRET}
    server = subprocess.Popen([*argv, "--data-dir", str(folder)], env=environment, stderr=subprocess.DEVNULL)
    endpoint = f"http://{address}:{port}"
    store = S3ObjectStore(S3Settings(endpoint, _KEY, _SECRET))
    try:
        eventually(lambda: _answers(address, port), timeout=20)
        store.ensure_bucket("bucket")
        yield endpoint, store
    finally:
        server.terminate()
        server.wait()


def _answers(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


@pytest.fixture
def pilots(stage: Stage, s3: tuple[str, S3ObjectStore], copilot_image: str) -> Stage:
    """The stage, with a copilot."""
    endpoint, objects = s3
    env = {
        "FLYTE_AWS_ENDPOINT": endpoint,
        "FLYTE_AWS_ACCESS_KEY_ID": _KEY,
        "FLYTE_AWS_SECRET_ACCESS_KEY": _SECRET,
    }
    stage.objects = objects
    stage.settings = replace(stage.settings, env=env, copilot_image=copilot_image)
    return stage


def request(stage: Stage, program: str, inputs: literals_pb2.LiteralMap | None = None) -> TaskRequest:
    """A task with an input `x` and an output `y`."""
    template = tasks_pb2.TaskTemplate(type="raw-container")
    template.container.image = IMAGE
    template.container.command.extend(["sh", "-c", program])
    template.container.data_config.enabled = True
    template.container.data_config.input_path = "/var/inputs"
    template.container.data_config.output_path = "/var/outputs"
    template.interface.inputs.variables["x"].type.simple = types_pb2.INTEGER
    template.interface.outputs.variables["y"].type.simple = types_pb2.INTEGER
    made = stage.request_of(template)
    given = inputs or literals_pb2.LiteralMap(literals={"x": literals.primitive(integer=20)})
    stage.objects.put(made.inputs_uri, given.SerializeToString())
    return replace(made, inputs=given)


def outputs(stage: Stage, of: TaskRequest) -> literals_pb2.LiteralMap:
    return literals_pb2.LiteralMap.FromString(stage.objects.get(f"{of.output_prefix}/outputs.pb"))


def test_inputs_are_files_and_files_are_outputs(pilots: Stage, engine: Engine) -> None:
    double = request(pilots, "umask 077; expr $(cat /var/inputs/x) + 22 > /var/outputs/y; echo counted")
    pilots.executor(engine).start(double)
    assert engine.end_of(double.key, 120).phase is AttemptPhase.SUCCEEDED
    assert outputs(pilots, double).literals["y"].scalar.primitive.integer == 42
    eventually(lambda: not pilots.pod(double), timeout=120)


def test_a_task_that_fails_is_not_waited_for(pilots: Stage, engine: Engine) -> None:
    bad = request(pilots, "echo broken >&2; exit 5")
    pilots.executor(engine).start(bad)
    error = engine.end_of(bad.key, 120).error
    assert error is not None
    assert "exit code 5" in error.message
    eventually(lambda: not pilots.pod(bad), timeout=90)


def test_an_output_that_is_missing_is_told_by_its_document(pilots: Stage, engine: Engine) -> None:
    forgetful = request(pilots, "true")
    pilots.executor(engine).start(forgetful)
    assert engine.end_of(forgetful.key, 120).phase is AttemptPhase.SUCCEEDED
    assert b"OutputUploadFailed" in pilots.objects.get(f"{forgetful.output_prefix}/error.pb")


def test_inputs_that_cannot_be_files_fail_the_task_before_it_starts(pilots: Stage, engine: Engine) -> None:
    blob = literals_pb2.Literal()
    blob.scalar.blob.uri = "s3://bucket/there-is/none"
    missing = request(pilots, "echo ran", literals_pb2.LiteralMap(literals={"x": blob}))
    pilots.executor(engine).start(missing)
    error = engine.end_of(missing.key, 120).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("InputDownloadFailed", ErrorKind.USER, False)
    assert "there-is/none" in error.message


def test_outputs_are_taken_although_the_control_plane_was_away(pilots: Stage, engine: Engine) -> None:
    before = Engine(forgets=False)
    executor = pilots.executor(before)
    slow = request(pilots, "sleep 2; echo 7 > /var/outputs/y")
    executor.start(slow)
    before.until(slow.key, AttemptPhase.RUNNING)
    executor.close()
    eventually(lambda: _is_over(pilots, slow), timeout=120)
    pilots.executor(engine).start(slow)
    assert engine.end_of(slow.key, 120).phase is AttemptPhase.SUCCEEDED
    assert outputs(pilots, slow).literals["y"].scalar.primitive.integer == 7


def _is_over(stage: Stage, of: TaskRequest) -> bool:
    statuses = stage.pod(of)["status"].get("containerStatuses") or []
    return any(one["name"] == of.unique_name and "terminated" in one["state"] for one in statuses)


def test_without_an_image_for_it_the_task_is_refused(stage: Stage, engine: Engine) -> None:
    template = tasks_pb2.TaskTemplate(type="raw-container")
    template.container.data_config.enabled = True
    refused = stage.request_of(template)
    stage.executor(engine).start(refused)
    error = engine.end_of(refused.key).error
    assert error is not None
    assert "copilot" in error.message
