"""The Docker executor over a real daemon, real containers and real objects."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import docker
import pytest
from flyteidl.core import errors_pb2, interface_pb2, literals_pb2, security_pb2, tasks_pb2, types_pb2

from sandbox.executors.api import AttemptPhase, ErrorKind, TaskRequest
from sandbox.executors.docker import daemon, records, shutdown
from sandbox.executors.docker.executor import DockerExecutor
from sandbox.executors.process import attempts
from sandbox.executors.process.settings import ProcessSettings
from sandbox.executors.secrets import SecretName, SecretStore
from sandbox.idl.identifiers import AttemptKey, EntityId, ExecutionId, UniqueNodeId
from tests import containers
from tests.integration import servers
from tests.integration.executors.bench import Inbox, literal
from tests.waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

INTEGER = types_pb2.LiteralType(simple=types_pb2.INTEGER)
STRING = types_pb2.LiteralType(simple=types_pb2.STRING)
FILE = types_pb2.LiteralType(blob=types_pb2.BlobType())
SLEEP = "echo begun; sleep 60"


class Harbour:
    """An executor of containers and its surroundings."""

    def __init__(self, root: Path, s3: servers.NanioServer, image: str, execution: str) -> None:
        self.s3 = s3
        self.image = image
        self.settings = ProcessSettings(
            tasks_root=root / "tasks",
            images_root=root / "images",
            objects_root=s3.root,
            s3_endpoint=s3.settings.endpoint,
            grace=timedelta(seconds=0),
        )
        self.settings.tasks_root.mkdir(parents=True)
        self.execution = ExecutionId("flytesnacks", "development", re.sub("[^a-z0-9-]", "-", execution)[:40])
        self.client = docker.APIClient(version="auto")
        self.restart()

    def restart(self, **changes: Any) -> None:
        """A new executor, as after a restart of the control plane."""
        if hasattr(self, "executor"):
            self.executor.close()
        self.settings = dataclasses.replace(self.settings, **changes)
        self.inbox = Inbox()
        self.executor = DockerExecutor(self.settings, self.s3.directory)
        self.executor.connect(self.inbox)

    def request(
        self,
        script: str,
        *,
        node: str = "n0",
        outputs: dict[str, types_pb2.LiteralType] | None = None,
        timeout: timedelta | None = None,
        memory: str = "",
        **inputs: Any,
    ) -> TaskRequest:
        prefix = f"s3://my-s3-bucket/metadata/propeller/{self.execution.name}/{node}/data"
        template = tasks_pb2.TaskTemplate(type="raw-container")
        template.container.image = self.image
        template.container.command.extend(["sh", "-c", script])
        template.container.data_config.enabled = True
        template.container.data_config.input_path = "/var/inputs"
        template.container.data_config.output_path = "/var/outputs"
        if memory:
            template.container.resources.limits.add(name=tasks_pb2.Resources.MEMORY, value=memory)
        values = literals_pb2.LiteralMap(literals={name: literal(value) for name, value in inputs.items()})
        for name in inputs:
            template.interface.inputs.variables[name].CopyFrom(interface_pb2.Variable(type=STRING))
        for name, kind in (outputs or {}).items():
            template.interface.outputs.variables[name].CopyFrom(interface_pb2.Variable(type=kind))
        return TaskRequest(
            key=AttemptKey(self.execution, UniqueNodeId(node), 0),
            task_id=EntityId(1, "flytesnacks", "development", "raw", "v1"),
            template=template,
            inputs=values,
            inputs_uri=f"{prefix}/inputs.pb",
            output_prefix=f"{prefix}/0",
            raw_output_prefix=f"s3://my-s3-bucket/data/aa/{self.execution.name}-{node}-0",
            checkpoint_prefix="s3://my-s3-bucket/checkpoint",
            previous_checkpoint_prefix='""',
            unique_name=f"{self.execution.name}-{node}-0",
            timeout=timeout,
            env={"FLYTE_ATTEMPT_NUMBER": "0"},
        )

    def start(self, script: str, **more: Any) -> TaskRequest:
        request = self.request(script, **more)
        self.executor.start(request)
        return request

    def begun(self, script: str = SLEEP, **more: Any) -> TaskRequest:
        """An attempt that has printed something."""
        request = self.start(script, **more)
        eventually(lambda: "begun" in self.log(request), timeout=30)
        return request

    def outputs(self, request: TaskRequest) -> Any:
        data = self.s3.directory.get(f"{request.output_prefix}/outputs.pb")
        return literals_pb2.LiteralMap.FromString(data).literals

    def error(self, request: TaskRequest) -> errors_pb2.ContainerError:
        data = self.s3.directory.get(f"{request.output_prefix}/error.pb")
        return errors_pb2.ErrorDocument.FromString(data).error

    def log(self, request: TaskRequest) -> str:
        path = attempts.log_path(self.settings.tasks_root, request.key)
        return path.read_text() if path.exists() else ""

    def containers(self) -> list[Any]:
        label = f"{records.LABEL}={records.label_of(self.settings.tasks_root)}"
        return list(self.client.containers(all=True, filters={"label": label}))

    def close(self) -> None:
        self.executor.close()
        shutdown.remove_containers(self.settings.tasks_root)
        self.client.close()


@pytest.fixture(scope="module")
def image() -> str:
    return containers.image()


@pytest.fixture
def harbour(
    tmp_path: Path, s3: servers.NanioServer, image: str, request: pytest.FixtureRequest
) -> Iterator[Harbour]:
    fresh = Harbour(tmp_path, s3, image, request.node.name.removeprefix("test_"))
    yield fresh
    fresh.close()


def test_inputs_are_files_and_files_are_outputs(harbour: Harbour) -> None:
    harbour.s3.directory.put("s3://my-s3-bucket/data/letter", b"Dear ")
    letter = literals_pb2.Literal()
    letter.scalar.blob.uri = "s3://my-s3-bucket/data/letter"
    request = harbour.start(
        "cat /var/inputs/letter /var/inputs/name > /var/outputs/text.txt; cat /var/inputs/inputs.json;"
        " echo {{.inputs.count}} > /var/outputs/count; echo said $FLYTE_ATTEMPT_NUMBER",
        outputs={"text": FILE, "count": INTEGER},
        letter=letter,
        name="Ada",
        count=3,
    )
    end = harbour.inbox.wait_for(request.key)
    assert end.phase is AttemptPhase.SUCCEEDED, end.error
    assert AttemptPhase.RUNNING in harbour.inbox.of(request.key)
    outputs = harbour.outputs(request)
    assert outputs["count"].scalar.primitive.integer == 3
    assert harbour.s3.directory.get(outputs["text"].scalar.blob.uri) == b"Dear Ada"
    assert '"letter": "/var/inputs/letter"' in harbour.log(request)
    assert "said 0" in harbour.log(request)
    assert end.logs[0].uri.endswith("/n0/0")
    harbour.executor.forget(request.key)
    eventually(lambda: not harbour.containers())
    directory = attempts.attempt_directory(harbour.settings.tasks_root, request.key)
    eventually(lambda: [path.name for path in directory.iterdir()] == ["log"])


def test_what_the_task_says_in_its_error_file_is_the_error(harbour: Harbour) -> None:
    request = harbour.start("echo no such planet > /var/outputs/_ERROR", outputs={"o0": INTEGER})
    assert harbour.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert harbour.error(request).message == "User Error: no such planet\n"
    assert harbour.error(request).kind == errors_pb2.ContainerError.RECOVERABLE


def test_an_output_that_is_not_there_or_no_number_is_named(harbour: Harbour) -> None:
    for node, script in (("n0", "true"), ("n1", "echo many > /var/outputs/o0")):
        request = harbour.start(script, node=node, outputs={"o0": INTEGER})
        harbour.inbox.wait_for(request.key)
        assert harbour.error(request).code == "OutputUploadFailed"
        assert "'o0'" in harbour.error(request).message


def test_a_link_out_of_the_outputs_gives_nothing_of_this_machine_away(harbour: Harbour) -> None:
    request = harbour.start("ln -s /etc/passwd /var/outputs/o0", outputs={"o0": FILE})
    harbour.inbox.wait_for(request.key)
    assert "link" in harbour.error(request).message


def test_exit_codes_are_the_users_failures_and_kills_the_systems(harbour: Harbour) -> None:
    wrong = harbour.start("echo oh no; exit 3", node="n0")
    error = harbour.inbox.wait_for(wrong.key).error
    assert error is not None
    assert (error.kind, error.recoverable) == (ErrorKind.USER, True)
    assert "exit code 3" in error.message
    assert "oh no" in error.message
    killed = harbour.begun(node="n1")
    [container] = [c for c in harbour.containers() if c["State"] == "running"]
    harbour.client.kill(container["Id"])
    error = harbour.inbox.wait_for(killed.key).error
    assert error is not None
    assert (error.code, error.kind) == ("Interrupted", ErrorKind.SYSTEM)


def test_too_much_memory_is_said_to_be_that(harbour: Harbour) -> None:
    request = harbour.start("tail /dev/zero", memory="20Mi")
    error = harbour.inbox.wait_for(request.key).error
    assert error is not None
    assert error.code == "OOMKilled"


def test_a_task_that_takes_too_long_is_ended(harbour: Harbour) -> None:
    request = harbour.start(SLEEP, timeout=timedelta(seconds=0.5))
    error = harbour.inbox.wait_for(request.key).error
    assert error is not None
    assert error.code == "TimeoutExpired"


def test_an_abort_ends_what_runs_and_what_waits(harbour: Harbour) -> None:
    harbour.restart(max_running=1)
    running = harbour.begun(node="n0")
    waiting = harbour.start(SLEEP, node="n1")
    assert harbour.inbox.wait_for(waiting.key, AttemptPhase.QUEUED)
    harbour.executor.abort(waiting.key, "not needed")
    assert harbour.inbox.wait_for(waiting.key).phase is AttemptPhase.ABORTED
    harbour.executor.abort(running.key, "not needed either")
    assert harbour.inbox.wait_for(running.key).phase is AttemptPhase.ABORTED
    assert len(harbour.containers()) == 1


def test_those_that_wait_have_their_turn(harbour: Harbour) -> None:
    harbour.restart(max_running=2)
    requests = [
        harbour.start(f"echo {i} > /var/outputs/o0", node=f"n{i}", outputs={"o0": INTEGER}) for i in range(5)
    ]
    for i, request in enumerate(requests):
        assert harbour.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
        assert harbour.outputs(request)["o0"].scalar.primitive.integer == i


def test_a_container_is_found_again_and_never_started_twice(harbour: Harbour) -> None:
    script = "echo begun; until test -e /tmp/go; do sleep 0.1; done; echo 7 > /var/outputs/o0"
    request = harbour.begun(script, outputs={"o0": INTEGER})
    harbour.restart()
    harbour.executor.start(request)
    harbour.executor.start(request)
    assert harbour.inbox.wait_for(request.key, AttemptPhase.RUNNING)
    [container] = harbour.containers()
    harbour.restart()
    made = harbour.client.exec_create(container["Id"], ["touch", "/tmp/go"])
    harbour.client.exec_start(made["Id"])
    eventually(lambda: harbour.containers()[0]["State"] == "exited")
    harbour.executor.start(request)
    assert harbour.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert harbour.outputs(request)["o0"].scalar.primitive.integer == 7
    assert [c["Id"] for c in harbour.containers()] == [container["Id"]]


def test_a_container_that_was_created_and_not_started_is_made_anew(harbour: Harbour) -> None:
    request = harbour.request("cat /var/inputs/x > /var/outputs/o0", outputs={"o0": STRING}, x="here")
    root = harbour.settings.tasks_root
    name = records.container_name(root, request.key, request.unique_name)
    records.begin(root, attempts.attempt_directory(root, request.key), name)
    harbour.client.create_container(harbour.image, ["true"], name=name)
    harbour.executor.start(request)
    assert harbour.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert harbour.outputs(request)["o0"].scalar.primitive.string_value == "here"


def test_a_container_that_somebody_removed_is_lost_to_the_system(harbour: Harbour) -> None:
    request = harbour.begun()
    [container] = harbour.containers()
    harbour.client.remove_container(container["Id"], force=True)
    error = harbour.inbox.wait_for(request.key).error
    assert error is not None
    assert error.kind is ErrorKind.SYSTEM
    harbour.restart()
    harbour.executor.start(request)
    error = harbour.inbox.wait_for(request.key).error
    assert error is not None
    assert (error.code, error.recoverable) == ("ResourceDeletedExternally", True)


def test_an_abort_after_a_restart_finds_the_container(harbour: Harbour) -> None:
    request = harbour.begun()
    harbour.restart()
    harbour.executor.abort(request.key, "not needed")
    assert harbour.inbox.wait_for(request.key).phase is AttemptPhase.ABORTED
    assert harbour.containers()[0]["State"] == "exited"
    harbour.executor.forget(request.key)
    eventually(lambda: not harbour.containers())


def test_what_can_not_run_says_why(harbour: Harbour) -> None:
    nowhere = harbour.request("true", node="n0")
    nowhere.template.container.image = "127.0.0.1:1/nothing:v1"
    wrong = harbour.request("true", node="n1")
    wrong.template.container.image = "No Such Name"
    missing = harbour.request("true", node="n2")
    missing.template.container.command[:] = ["/no/such/program"]
    unknown = harbour.request("echo {{.inputs.nothing}}", node="n3")
    told = {}
    for request in (nowhere, wrong, missing, unknown):
        harbour.executor.start(request)
        error = harbour.inbox.wait_for(request.key).error
        assert error is not None
        told[request.key.node] = (error.code, error.recoverable)
    assert told == {
        "n0": ("ImagePullBackOff", True),
        "n1": ("InvalidImageName", False),
        "n2": ("ContainerCannotRun", True),
        "n3": ("BadTaskFormat", False),
    }


def test_secrets_are_variables_and_files_of_the_container(harbour: Harbour) -> None:
    root = harbour.settings.tasks_root / "secrets"
    SecretStore(root).put(SecretName("box", "key"), b"open sesame")
    harbour.restart(secrets_root=root)
    script = "cat /etc/flyte/secrets/box/key; echo; echo $_FSEC_BOX_KEY"
    request = dataclasses.replace(
        harbour.request(script), secrets=(security_pb2.Secret(group="box", key="key"),)
    )
    harbour.executor.start(request)
    assert harbour.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert harbour.log(request).split("\n")[:2] == ["open sesame", "open sesame"]


def test_stopping_the_sandbox_removes_its_containers_and_no_others(harbour: Harbour, image: str) -> None:
    harbour.begun()
    other = harbour.client.create_container(image, ["true"])["Id"]
    try:
        assert len(shutdown.remove_containers(harbour.settings.tasks_root)) == 1
        assert not harbour.containers()
        assert harbour.client.inspect_container(other)
    finally:
        harbour.client.remove_container(other)


def test_without_docker_the_error_says_what_to_do(
    tmp_path: Path, s3: servers.NanioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(daemon.DaemonUnavailable):
        daemon.connect()
    executor = DockerExecutor(
        ProcessSettings(tmp_path, tmp_path, None, s3_endpoint=s3.settings.endpoint), s3.directory
    )
    inbox = Inbox()
    executor.connect(inbox)
    request = TaskRequest(
        key=AttemptKey(ExecutionId("p", "d", "e"), UniqueNodeId("n0"), 0),
        task_id=EntityId(1, "p", "d", "raw", "v1"),
        template=tasks_pb2.TaskTemplate(
            type="raw-container", container=tasks_pb2.Container(image="alpine", command=["true"])
        ),
        inputs=literals_pb2.LiteralMap(),
        inputs_uri="s3://my-s3-bucket/inputs.pb",
        output_prefix="s3://my-s3-bucket/0",
        raw_output_prefix="s3://my-s3-bucket/raw",
        checkpoint_prefix="",
        previous_checkpoint_prefix="",
        unique_name="e-n0-0",
    )
    executor.start(request)
    error = inbox.wait_for(request.key).error
    assert error is not None
    assert not error.recoverable
    assert "'alpine'" in error.message
    assert "docker info" in error.message
    executor.close()


def test_threads_end_with_their_attempts(harbour: Harbour) -> None:
    before = threading.active_count()
    requests = [harbour.start("true", node=f"n{i}") for i in range(3)]
    for request in requests:
        harbour.inbox.wait_for(request.key)
    eventually(lambda: threading.active_count() <= before)
