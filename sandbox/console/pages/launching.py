"""The launch form: choose a version and a launch plan, fill in the inputs, start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flyteidl.admin import execution_pb2
from flyteidl.core import identifier_pb2, interface_pb2
from google.protobuf.wrappers_pb2 import BoolValue
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox.console import context, errors, inputs, summaries, urls
from sandbox.console.context import Console
from sandbox.console.forms import Form
from sandbox.console.inputs import Field
from sandbox.console.pages import entities
from sandbox.idl.identifiers import EntityId

VERSIONS_OFFERED = 50
_INPUT = "input."
"""Prefix of the fields that are inputs."""


@dataclass(frozen=True, slots=True)
class Launchable:
    """What will be launched: a launch plan, or a task on its own; and what it expects."""

    id: EntityId
    expects: interface_pb2.ParameterMap


def form(request: Request) -> Response:
    """The empty form of a version."""
    console = context.of(request)
    entity_id = _entity(request)
    target = _launchable(console, entity_id, request.query_params.get("plan", ""))
    return _page(request, entity_id, target, inputs.fields(target.expects), {}, "")


def again(request: Request) -> Response:
    """The form of an execution's launch plan, filled with that execution's inputs."""
    console = context.of(request)
    execution_id = context.execution_id(request)
    summary = summaries.from_proto(console.admin.execution(execution_id))
    target = _launchable(console, summary.launch_plan, "")
    given = console.admin.execution_data(execution_id).full_inputs.literals
    return _page(request, summary.launch_plan, target, inputs.fields(target.expects, given), {}, "")


def submit(request: Request, posted: Form) -> Response:
    """Create the execution, or show the form again with what is wrong."""
    console = context.of(request)
    entity_id = _entity(request)
    target = _launchable(console, entity_id, posted.get("plan", ""))
    texts = {name[len(_INPUT) :]: text for name, text in posted.items() if name.startswith(_INPUT)}
    read, wrong = inputs.read(target.expects, texts)
    if wrong:
        return _refused(request, entity_id, target, posted, texts, wrong, "")
    try:
        created = console.admin.create_execution(
            entity_id.project, entity_id.domain, posted.get("name", "").strip(), _spec(target, posted), read
        )
    except errors.Refused as exc:
        return _refused(request, entity_id, target, posted, texts, {}, exc.message)
    return RedirectResponse(urls.execution(created), 303)


def _entity(request: Request) -> EntityId:
    path = request.path_params
    kind = entities.kind_of(path["section"])
    return EntityId(kind, path["project"], path["domain"], path["name"], path["version"])


def _launchable(console: Console, entity_id: EntityId, plan: str) -> Launchable:
    """A workflow is launched through a launch plan: the chosen one, or that of its own name."""
    if entity_id.resource_type == identifier_pb2.TASK:
        template = console.admin.task(entity_id).closure.compiled_task.template
        return Launchable(entity_id, _parameters(template.interface.inputs.variables))
    plan_id = replace(entity_id, resource_type=identifier_pb2.LAUNCH_PLAN)
    if plan:
        name, _, version = plan.rpartition("@")
        plan_id = replace(plan_id, name=name, version=version)
    try:
        message = console.admin.launch_plan(plan_id)
    except errors.NotFound as exc:
        raise errors.NotFound(
            f"The {plan_id} is not registered, and a workflow is launched through a launch plan.",
            remedy="Register the workflow with its default launch plan: pyflyte register does.",
        ) from exc
    return Launchable(plan_id, message.closure.expected_inputs)


def _parameters(variables: Mapping[str, interface_pb2.Variable]) -> interface_pb2.ParameterMap:
    """A lone task needs all of its inputs."""
    return interface_pb2.ParameterMap(
        parameters={
            name: interface_pb2.Parameter(var=variable, required=True) for name, variable in variables.items()
        }
    )


def _spec(target: Launchable, posted: Form) -> execution_pb2.ExecutionSpec:
    spec = execution_pb2.ExecutionSpec(
        launch_plan=target.id.to_proto(),
        metadata=execution_pb2.ExecutionMetadata(mode=execution_pb2.ExecutionMetadata.MANUAL),
        overwrite_cache=posted.get("overwrite_cache") == "yes",
    )
    if posted.get("interruptible") in ("yes", "no"):
        spec.interruptible.CopyFrom(BoolValue(value=posted["interruptible"] == "yes"))
    parallel = posted.get("max_parallelism", "").strip()
    if parallel.isdigit():
        spec.max_parallelism = min(int(parallel), 2**31 - 1)
    return spec


def _refused(
    request: Request,
    entity_id: EntityId,
    target: Launchable,
    posted: Form,
    texts: Mapping[str, str],
    wrong: Mapping[str, str],
    message: str,
) -> Response:
    """The form as it was filled in, with the reasons."""
    filled = [
        replace(field, default=texts.get(field.name, ""), error=wrong.get(field.name, ""))
        for field in inputs.fields(target.expects)
    ]
    summary = message or "Some inputs can't be read: see below."
    return _page(request, entity_id, target, filled, posted, summary)


def _page(
    request: Request,
    entity_id: EntityId,
    target: Launchable,
    fields: list[Field],
    posted: Mapping[str, str],
    message: str,
) -> Response:
    console = context.of(request)
    kind = entity_id.resource_type
    listed, _ = console.admin.versions(
        kind, entity_id.project, entity_id.domain, entity_id.name, limit=VERSIONS_OFFERED
    )
    return console.renderer.page(
        request,
        "launch.html",
        {
            "project": entity_id.project,
            "domain": entity_id.domain,
            "section": urls.PLURAL[kind],
            "entity": entity_id,
            "noun": entities.NOUNS[kind],
            "target": target.id,
            "versions": [EntityId.from_proto(message.id) for message in listed],
            "plans": _plans(console, entity_id) if kind == identifier_pb2.WORKFLOW else [],
            "fields": fields,
            "posted": posted,
            "message": message,
        },
        status=400 if message else 200,
    )


def _plans(console: Console, entity_id: EntityId) -> list[EntityId]:
    """The launch plans of this workflow version; an empty list where admin can't tell."""
    try:
        messages = console.admin.launch_plans_of(entity_id.project, entity_id.domain, entity_id.name)
    except (errors.Refused, errors.NotSupported):
        return []
    plans = [
        EntityId.from_proto(message.id)
        for message in messages
        if message.spec.workflow_id.version == entity_id.version
    ]
    return sorted(plans, key=lambda plan: (plan.name != entity_id.name, plan.name))
