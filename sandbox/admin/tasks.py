"""Registered tasks."""

from __future__ import annotations

from flyteidl.admin import common_pb2, task_pb2
from flyteidl.core import compiler_pb2, identifier_pb2, tasks_pb2

from sandbox.admin import (
    descriptions,
    differences,
    errors,
    fields,
    named_entities,
    pages,
    resources,
    scopes,
    times,
)
from sandbox.admin.context import AdminContext
from sandbox.admin.settings import PlatformResources
from sandbox.compiler import tasks as compiler
from sandbox.idl import hashing
from sandbox.idl.identifiers import EntityId
from sandbox.store import errors as store_errors
from sandbox.store import tasks
from sandbox.store.database import Connection


def create(context: AdminContext, request: task_pb2.TaskCreateRequest) -> task_pb2.TaskCreateResponse:
    """CreateTask: the request's id wins over the template's."""
    entity = fields.entity(request.id, identifier_pb2.TASK)
    if not request.spec.HasField("template"):
        raise errors.missing("spec")
    template = request.spec.template
    template.id.CopyFrom(request.id)
    with context.database.reading() as connection:
        check(template, resources.platform(connection, context.settings.resources, entity))
    compiled = compiler.compile(template)
    closure = task_pb2.TaskClosure(compiled_task=compiled, created_at=times.timestamp(times.now()))
    with context.database.transaction() as connection:
        scopes.open_for(connection, context.settings, entity.project, entity.domain)
        _insert(connection, entity, closure, request.spec)
    return task_pb2.TaskCreateResponse()


def get(context: AdminContext, request: common_pb2.ObjectGetRequest) -> task_pb2.Task:
    """GetTask."""
    entity = fields.entity(request.id, identifier_pb2.TASK)
    with context.database.reading() as connection:
        return to_proto(tasks.get(connection, entity))


def list_(context: AdminContext, request: common_pb2.ResourceListRequest) -> task_pb2.TaskList:
    """ListTasks: versions, of one name or of all."""
    project, domain = fields.text(request.id.project, "project"), fields.text(request.id.domain, "domain")
    with context.database.reading() as connection:
        page = tasks.list_page(connection, project, domain, request.id.name, pages.listing(request))
    return task_pb2.TaskList(tasks=pages.each(to_proto, page.items), token=page.token)


def list_ids(
    context: AdminContext, request: common_pb2.NamedEntityIdentifierListRequest
) -> common_pb2.NamedEntityIdentifierList:
    """ListTaskIds: the distinct names."""
    return named_entities.list_ids(context, request, identifier_pb2.TASK)


def to_proto(row: tasks.Task) -> task_pb2.Task:
    """A task as clients see it."""
    return task_pb2.Task(
        id=row.entity.to_proto(),
        closure=task_pb2.TaskClosure.FromString(row.closure),
        short_description=row.short_description,
    )


def compiled_from(row: tasks.Task) -> compiler_pb2.CompiledTask:
    """What the compiler made of it."""
    return task_pb2.TaskClosure.FromString(row.closure).compiled_task


def check(template: tasks_pb2.TaskTemplate, platform: PlatformResources) -> None:
    """Refuse a task that could never run: no type, no image, resources that are none."""
    fields.text(template.type, "type")
    if not template.HasField("metadata"):
        raise errors.missing("metadata")
    if template.metadata.HasField("runtime"):
        fields.text(template.metadata.runtime.version, "runtime version")
    if not template.HasField("interface"):
        raise errors.missing("typed interface")
    if template.HasField("container"):
        fields.text(template.container.image, "image")
        resources.check(template.id.name, template.container.resources, platform)
    if template.HasField("k8s_pod") and not template.k8s_pod.HasField("pod_spec"):
        raise errors.InvalidRequest(
            "invalid TaskSpecification, pod tasks should specify their target as a K8sPod "
            "with a defined pod spec"
        )


def _insert(
    connection: Connection, entity: EntityId, closure: task_pb2.TaskClosure, spec: task_pb2.TaskSpec
) -> None:
    digest = hashing.digest(closure.compiled_task)
    try:
        tasks.create(
            connection,
            entity,
            digest=digest,
            closure=closure.SerializeToString(),
            type=spec.template.type,
            short_description=spec.description.short_description,
        )
    except store_errors.AlreadyExists as exc:
        raise _exists(tasks.get(connection, entity), closure.compiled_task, digest) from exc
    if spec.HasField("description"):
        descriptions.put(connection, entity, spec.description)


def _exists(existing: tasks.Task, compiled: compiler_pb2.CompiledTask, digest: bytes) -> errors.AdminError:
    if existing.digest == digest:
        return errors.AlreadyRegistered("task with identical structure already exists")
    return errors.InvalidRequest(
        f"{existing.entity.name} task with different structure already exists. "
        "(Please register a new version of the task):\n"
        + differences.describe(compiled_from(existing), compiled)
    )
