"""A workflow, task or launch plan: all of its versions, and one version in detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flyteidl.admin import launch_plan_pb2, workflow_pb2
from flyteidl.core import identifier_pb2, interface_pb2, tasks_pb2
from starlette.requests import Request
from starlette.responses import Response

from sandbox.console import context, errors, graphs, listing, scopes, summaries, times, urls, values
from sandbox.console.scopes import Scope
from sandbox.console.summaries import Summary
from sandbox.console.values import NamedValue
from sandbox.idl import types
from sandbox.idl.identifiers import EntityId

VERSIONS_SHOWN = 20
EXECUTIONS_SHOWN = 10

KINDS: dict[str, int] = {plural: kind for kind, plural in urls.PLURAL.items()} | {
    singular: kind for kind, singular in urls.SINGULAR.items()
}
NOUNS = {
    identifier_pb2.WORKFLOW: "workflow",
    identifier_pb2.TASK: "task",
    identifier_pb2.LAUNCH_PLAN: "launch plan",
}
_EXECUTION_FIELDS = {
    identifier_pb2.WORKFLOW: "workflow.name",
    identifier_pb2.TASK: "task.name",
    identifier_pb2.LAUNCH_PLAN: "launch_plan.name",
}


@dataclass(frozen=True, slots=True)
class Version:
    """A row in the list of versions."""

    id: EntityId
    created: datetime | None
    is_active: bool
    """Of a launch plan: whether it is the active version."""

    @property
    def href(self) -> str:
        return urls.version(self.id)


def kind_of(section: str) -> int:
    """The resource type behind a part of an address. Raises NotFound."""
    if section not in KINDS:
        raise errors.NotFound(f"There is no section “{section}”.")
    return KINDS[section]


def entity(request: Request) -> Response:
    """`…/workflows/:name`: the newest version in detail, and the others in a list."""
    section = request.url.path.split("/domains/", 1)[1].split("/")[1]
    kind = kind_of(section)
    path = request.path_params
    console = context.of(request)
    newest, _ = console.admin.versions(kind, path["project"], path["domain"], path["name"], limit=1)
    if not newest:
        raise errors.NotFound(
            f"No {NOUNS[kind]} called {path['name']} is registered in {path['project']} / {path['domain']}.",
            remedy="Check project and domain, or register it: pyflyte register, sandbox register files.",
        )
    return _page(request, kind, EntityId.from_proto(newest[0].id), is_overview=True)


def version(request: Request) -> Response:
    """`…/workflow/:name/version/:v`."""
    path = request.path_params
    kind = kind_of(path["section"])
    entity_id = EntityId(kind, path["project"], path["domain"], path["name"], path["version"])
    return _page(request, kind, entity_id, is_overview=False)


def _page(request: Request, kind: int, entity_id: EntityId, *, is_overview: bool) -> Response:
    console = context.of(request)
    project, domain, name = entity_id.project, entity_id.domain, entity_id.name
    listed, token = console.admin.versions(
        kind, project, domain, name, limit=VERSIONS_SHOWN, token=request.query_params.get("token", "")
    )
    return console.renderer.page(
        request,
        "entity.html",
        {
            "project": project,
            "domain": domain,
            "section": urls.PLURAL[kind],
            "kind": kind,
            "noun": NOUNS[kind],
            "entity": entity_id,
            "is_overview": is_overview,
            "description": console.admin.description(kind, project, domain, name),
            "versions": [_version(message, kind) for message in listed],
            "next_token": token,
            "runs": recent_executions(console, kind, entity_id),
            **_details(console, kind, entity_id),
        },
    )


def _version(message: Any, kind: int) -> Version:
    is_plan = kind == identifier_pb2.LAUNCH_PLAN
    active = is_plan and message.closure.state == launch_plan_pb2.ACTIVE
    return Version(EntityId.from_proto(message.id), times.moment_of(message.closure, "created_at"), active)


def recent_executions(console: context.Console, kind: int, entity_id: EntityId) -> list[Summary]:
    """The newest executions of any version."""
    filters = listing.equals(_EXECUTION_FIELDS[kind], entity_id.name)
    answer = console.admin.executions(
        entity_id.project, entity_id.domain, limit=EXECUTIONS_SHOWN, filters=filters
    )
    return [summaries.from_proto(execution) for execution in answer.executions]


def _details(console: context.Console, kind: int, entity_id: EntityId) -> dict[str, Any]:
    """What is particular to the kind: interface, graph, container, schedule."""
    none: dict[str, Any] = {
        "drawing": None,
        "facts": [],
        "plan": None,
        "inputs": [],
        "outputs": [],
        "fixed": [],
    }
    if kind == identifier_pb2.WORKFLOW:
        return none | _workflow_details(console.admin.workflow(entity_id))
    if kind == identifier_pb2.TASK:
        return none | _task_details(console.admin.task(entity_id).closure.compiled_task.template)
    return none | _plan_details(console.admin.launch_plan(entity_id))


def _workflow_details(workflow: workflow_pb2.Workflow) -> dict[str, Any]:
    scope = Scope.of(workflow.closure.compiled_workflow)
    hrefs = {
        node.id: urls.version(graph_entity)
        for node in scope.workflow.template.nodes
        if (graph_entity := scopes.entity_of(node)) is not None
    }
    interface = scope.workflow.template.interface
    return {
        "drawing": graphs.draw(graphs.build(scope), None, hrefs),
        "inputs": declared(interface.inputs.variables),
        "outputs": declared(interface.outputs.variables),
        "facts": [
            ("Nodes", str(sum(1 for n in scope.workflow.template.nodes if not n.id.endswith("-node"))))
        ],
    }


def declared(variables: Mapping[str, interface_pb2.Variable]) -> list[NamedValue]:
    """The variables of an interface, without values."""
    return [
        NamedValue(name, types.describe(variables[name].type), _said(name, variables[name].description), None)
        for name in sorted(variables)
    ]


def _said(name: str, description: str) -> str:
    """flytekit describes a variable by its own name when nobody did."""
    return "" if description == name else description


def _task_details(template: tasks_pb2.TaskTemplate) -> dict[str, Any]:
    return {
        "inputs": declared(template.interface.inputs.variables),
        "outputs": declared(template.interface.outputs.variables),
        "facts": [fact for fact in _task_facts(template) if fact[1]],
    }


def _task_facts(template: tasks_pb2.TaskTemplate) -> Sequence[tuple[str, str]]:
    metadata, container = template.metadata, template.container
    cache = f"version {metadata.discovery_version}" if metadata.discoverable else "off"
    return [
        ("Type", template.type),
        ("Image", container.image),
        ("Requests", _resources(container.resources.requests)),
        ("Limits", _resources(container.resources.limits)),
        ("Cache", cache + (", one writer at a time" if metadata.cache_serializable else "")),
        ("Retries", str(metadata.retries.retries)),
        ("Timeout", times.words(times.length_of(metadata, "timeout")) if metadata.timeout.seconds else ""),
        ("Runtime", f"{metadata.runtime.flavor} {metadata.runtime.version}".strip()),
        ("Deck", "yes" if metadata.generates_deck.value else ""),
        ("Command", " ".join([*container.command, *container.args])),
    ]


def _resources(entries: Sequence[tasks_pb2.Resources.ResourceEntry]) -> str:
    names = tasks_pb2.Resources.ResourceName
    return ", ".join(f"{names.Name(entry.name).lower().replace('_', ' ')} {entry.value}" for entry in entries)


def _plan_details(plan: launch_plan_pb2.LaunchPlan) -> dict[str, Any]:
    closure = plan.closure
    expected = closure.expected_inputs.parameters
    variables = {name: parameter.var for name, parameter in expected.items()}
    return {
        "plan": EntityId.from_proto(plan.spec.workflow_id),
        "inputs": [
            NamedValue(
                name,
                types.describe(expected[name].var.type),
                "required" if expected[name].required else _said(name, expected[name].var.description),
                values.of(expected[name].default)
                if expected[name].WhichOneof("behavior") == "default"
                else None,
            )
            for name in sorted(variables)
        ],
        "outputs": declared(closure.expected_outputs.variables),
        "fixed": values.of_map(plan.spec.fixed_inputs, {}),
        "facts": [
            ("State", "active" if closure.state == launch_plan_pb2.ACTIVE else "inactive"),
            ("Schedule", _schedule(plan.spec.entity_metadata.schedule) or "none"),
        ],
    }


def _schedule(schedule: Any) -> str:
    match schedule.WhichOneof("ScheduleExpression"):
        case "cron_schedule":
            return str(schedule.cron_schedule.schedule)
        case "cron_expression":
            return str(schedule.cron_expression)
        case "rate":
            unit = type(schedule.rate).DESCRIPTOR.fields_by_name["unit"].enum_type.values_by_number
            return f"every {schedule.rate.value} {unit[schedule.rate.unit].name.lower()}(s)"
        case _:
            return ""
