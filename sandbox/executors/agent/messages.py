"""From a task request to the agent protocol's messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flyteidl.admin import agent_pb2
from flyteidl.core import identifier_pb2, tasks_pb2
from google.protobuf import struct_pb2

from sandbox.executors import rendering
from sandbox.executors.api import TaskRequest

_ARRAY_INDEX_NAME = "BATCH_JOB_ARRAY_INDEX_VAR_NAME"
_ARRAY_INDEX = "FLYTE_K8S_ARRAY_INDEX"


def create(
    request: TaskRequest, env: Mapping[str, str], put: Callable[[str, bytes], object]
) -> agent_pb2.CreateTaskRequest:
    """Asks to create the task; raises `rendering.RenderingError`. `put` stores an object."""
    return agent_pb2.CreateTaskRequest(
        inputs=request.inputs,
        template=_rendered(request, put),
        output_prefix=request.output_prefix,
        task_execution_metadata=_metadata(request, env),
    )


def execute(
    request: TaskRequest, env: Mapping[str, str], put: Callable[[str, bytes], object]
) -> list[agent_pb2.ExecuteTaskSyncRequest]:
    """Asks to carry the task out within the call: a header, then the inputs."""
    header = agent_pb2.CreateRequestHeader(
        template=_rendered(request, put),
        output_prefix=request.output_prefix,
        task_execution_metadata=_metadata(request, env),
    )
    return [
        agent_pb2.ExecuteTaskSyncRequest(header=header),
        agent_pb2.ExecuteTaskSyncRequest(inputs=request.inputs),
    ]


def _rendered(request: TaskRequest, put: Callable[[str, bytes], object]) -> tasks_pb2.TaskTemplate:
    """The template with the templates in its commands filled; the same object if it has no command."""
    template = request.template
    if template.WhichOneof("target") not in ("container", "k8s_pod"):
        return template

    def stored_template() -> str:
        place = f"{request.output_prefix}/task.pb"
        put(place, template.SerializeToString())
        return place

    execution = request.key.execution
    places = rendering.Places(
        input=request.inputs_uri,
        output_prefix=request.output_prefix,
        raw_output_prefix=request.raw_output_prefix,
        checkpoint_prefix=request.checkpoint_prefix,
        previous_checkpoint_prefix=request.previous_checkpoint_prefix,
        unique_name=request.unique_name,
        namespace=f"{execution.project}-{execution.domain}",
        task_template=stored_template,
    )
    copy = tasks_pb2.TaskTemplate()
    copy.CopyFrom(template)
    if copy.HasField("container"):
        container = copy.container
        container.command[:] = rendering.render(container.command, places, request.inputs)
        container.args[:] = rendering.render(container.args, places, request.inputs)
    else:
        _render_pod(copy.k8s_pod.pod_spec, places, request)
    return copy


def _render_pod(spec: struct_pb2.Struct, places: rendering.Places, request: TaskRequest) -> None:
    for group in ("initContainers", "containers"):
        if group not in spec.fields:
            continue
        for container in spec.fields[group].list_value.values:
            for name in ("command", "args"):
                if name in container.struct_value.fields:
                    words = container.struct_value.fields[name].list_value
                    texts = [word.string_value for word in words.values]
                    del words.values[:]
                    words.extend(rendering.render(texts, places, request.inputs))


def _metadata(request: TaskRequest, env: Mapping[str, str]) -> agent_pb2.TaskExecutionMetadata:
    execution = request.key.execution
    node = identifier_pb2.NodeExecutionIdentifier(node_id=request.key.node, execution_id=execution.to_proto())
    variables = {**env, **request.env}
    if request.array_index is not None:
        variables[_ARRAY_INDEX_NAME] = _ARRAY_INDEX
        variables[_ARRAY_INDEX] = str(request.array_index)
    identity = request.identity
    return agent_pb2.TaskExecutionMetadata(
        task_execution_id=identifier_pb2.TaskExecutionIdentifier(
            task_id=request.task_id.to_proto(),
            node_execution_id=node,
            retry_attempt=request.key.attempt,
        ),
        namespace=f"{execution.project}-{execution.domain}",
        labels=dict(request.labels),
        annotations=dict(request.annotations),
        k8s_service_account=identity.k8s_service_account if identity is not None else "",
        environment_variables=variables,
        interruptible=request.interruptible,
        identity=identity,
    )
