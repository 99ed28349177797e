"""Task requests: what an executor is told about an attempt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from flyteidl.core import literals_pb2, security_pb2, tasks_pb2

from sandbox.executors import secrets
from sandbox.executors.api import TaskRequest
from sandbox.idl import names, paths
from sandbox.idl.identifiers import EntityId
from sandbox.propeller import clock, offloading, overrides
from sandbox.propeller.core.state import Attempt, Node
from sandbox.propeller.policies import Policies
from sandbox.propeller.running import Running
from sandbox.propeller.settings import EngineSettings

_NO_CHECKPOINT = '""'


def build(
    settings: EngineSettings,
    policies: Policies,
    running: Running,
    node: Node,
    attempt: int,
    inputs: literals_pb2.LiteralMap,
    *,
    put: Callable[[str, bytes], object],
) -> TaskRequest:
    """The request for an attempt of a task node, or of an element of an array, whose inputs are written.

    `put` writes the task's template, should its command ask for it.
    """
    template = overrides.effective(
        node.template,
        node.spec.proto.task_node.overrides,
        settings.default_requests,
        policies.task_resources(running.scope),
    )
    execution = running.execution
    unique_name = names.unique_task_name(
        execution.name, node.unique_id, attempt, task_type=node.task_type
    )
    raw_prefix = paths.raw_output_prefix(running.raw_data, unique_name)
    return TaskRequest(
        key=running.key(node, attempt),
        task_id=EntityId.from_proto(template.id),
        template=template,
        inputs=inputs,
        inputs_uri=running.places.inputs(node),
        output_prefix=running.places.output_prefix(node, attempt),
        raw_output_prefix=raw_prefix,
        checkpoint_prefix=paths.checkpoint_prefix(raw_prefix),
        previous_checkpoint_prefix=_previous_checkpoint(running, node, attempt),
        unique_name=unique_name,
        env=_environment(settings, running, template, node.attempts[attempt]),
        labels=_labels(running, node, attempt, template),
        annotations={**template.k8s_pod.metadata.annotations, **running.spec.annotations.values},
        secrets=secrets.requested(template.security_context, running.spec.security_context),
        task_template=lambda: _store_template(put, running.places.task_template(node), template),
        interruptible=node.attempts[attempt].interruptible,
        start_by=start_by(running, node, attempt),
        timeout=timedelta(microseconds=node.spec.timeout) if node.spec.timeout else None,
        array_index=node.index if node.index >= 0 and not node.spec.own_inputs else None,
        identity=_identity(running),
    )


def _store_template(put: Callable[[str, bytes], object], uri: str, template: tasks_pb2.TaskTemplate) -> str:
    put(uri, template.SerializeToString())
    return uri


def start_by(running: Running, node: Node, attempt: int) -> datetime:
    """Until when the attempt should have started: who waits, waits in this order."""
    return clock.moment(node.attempts[attempt].created_at) + running.budget


def _previous_checkpoint(running: Running, node: Node, attempt: int) -> str:
    if attempt == 0:
        return node.checkpoint or _NO_CHECKPOINT
    previous = names.unique_task_name(
        running.execution.name, node.unique_id, attempt - 1, task_type=node.task_type
    )
    return paths.checkpoint_prefix(paths.raw_output_prefix(running.raw_data, previous))


def _environment(
    settings: EngineSettings, running: Running, template: tasks_pb2.TaskTemplate, attempt: Attempt
) -> dict[str, str]:
    task = template.id
    return {
        **settings.default_env,
        **running.environment,
        **offloading.environment(settings.offloading, template),
        "FLYTE_INTERNAL_TASK_PROJECT": task.project,
        "FLYTE_INTERNAL_TASK_DOMAIN": task.domain,
        "FLYTE_INTERNAL_TASK_NAME": task.name,
        "FLYTE_INTERNAL_TASK_VERSION": task.version,
        "FLYTE_ATTEMPT_NUMBER": str(attempt.number),
        "FLYTE_INTERRUPTIBLE": str(attempt.interruptible).lower(),
    }


def _identity(running: Running) -> security_pb2.Identity | None:
    """As whom the execution runs; requests of older clients say it in `auth_role`."""
    spec = running.spec
    if spec.security_context.HasField("run_as"):
        return spec.security_context.run_as
    role = spec.auth_role
    if role.kubernetes_service_account or role.assumable_iam_role:
        return security_pb2.Identity(
            k8s_service_account=role.kubernetes_service_account, iam_role=role.assumable_iam_role
        )
    return None


def _labels(running: Running, node: Node, attempt: int, template: tasks_pb2.TaskTemplate) -> dict[str, str]:
    execution = running.execution
    return {
        **template.k8s_pod.metadata.labels,
        **running.spec.labels.values,
        "execution-id": execution.name,
        "project": execution.project,
        "domain": execution.domain,
        "workflow-name": running.workflow_name,
        "node-id": node.spec.node_id,
        "task-name": template.id.name,
        "interruptible": str(node.attempts[attempt].interruptible).lower(),
    }
