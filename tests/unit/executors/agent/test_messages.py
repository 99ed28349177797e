"""What a connector is told."""

from __future__ import annotations

from flyteidl.core import literals_pb2, security_pb2, tasks_pb2

from sandbox.executors.agent import messages
from sandbox.executors.api import TaskRequest
from sandbox.idl.identifiers import AttemptKey, EntityId, ExecutionId, UniqueNodeId


def request(template: tasks_pb2.TaskTemplate, **more: object) -> TaskRequest:
    return TaskRequest(
        key=AttemptKey(ExecutionId("p", "d", "e"), UniqueNodeId("n0"), 1),
        task_id=EntityId(1, "p", "d", "task", "v1"),
        template=template,
        inputs=literals_pb2.LiteralMap(),
        inputs_uri="s3://b/inputs.pb",
        output_prefix="s3://b/1",
        raw_output_prefix="s3://b/raw",
        checkpoint_prefix="s3://b/check",
        previous_checkpoint_prefix='""',
        unique_name="e-n0-1",
        **more,  # type: ignore[arg-type]
    )


def test_the_commands_of_all_containers_of_a_pod_are_filled() -> None:
    template = tasks_pb2.TaskTemplate()
    template.k8s_pod.pod_spec.update(
        {
            "initContainers": [{"name": "first", "command": ["fetch", "{{.input}}"]}],
            "containers": [{"name": "primary", "args": ["--to", "{{.outputPrefix}}"]}],
        }
    )
    sent = messages.create(request(template), {}, lambda uri, data: None).template.k8s_pod.pod_spec
    assert list(sent["initContainers"][0]["command"]) == ["fetch", "s3://b/inputs.pb"]
    assert list(sent["containers"][0]["args"]) == ["--to", "s3://b/1"]


def test_a_template_that_is_asked_for_is_stored() -> None:
    stored: dict[str, bytes] = {}
    template = tasks_pb2.TaskTemplate(container=tasks_pb2.Container(args=["{{.taskTemplatePath}}"]))
    sent = messages.create(request(template), {}, stored.__setitem__)
    assert list(sent.template.container.args) == ["s3://b/1/task.pb"]
    assert tasks_pb2.TaskTemplate.FromString(stored["s3://b/1/task.pb"]) == template


def test_an_element_of_an_array_is_told_its_index() -> None:
    sent = messages.create(request(tasks_pb2.TaskTemplate(), array_index=3), {}, lambda uri, data: None)
    variables = sent.task_execution_metadata.environment_variables
    assert variables[variables["BATCH_JOB_ARRAY_INDEX_VAR_NAME"]] == "3"


def test_the_identity_of_the_execution_is_told() -> None:
    identity = security_pb2.Identity(k8s_service_account="robot", iam_role="role")
    sent = messages.create(request(tasks_pb2.TaskTemplate(), identity=identity), {}, lambda uri, data: None)
    assert sent.task_execution_metadata.k8s_service_account == "robot"
    assert sent.task_execution_metadata.identity == identity
