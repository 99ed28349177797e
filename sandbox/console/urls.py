"""Addresses of pages: the same ones that Flyte's console has, so that links printed by the SDK work here."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from flyteidl.core import identifier_pb2

from sandbox.idl.identifiers import EntityId, ExecutionId

ROOT = "/console"

PLURAL = {
    identifier_pb2.WORKFLOW: "workflows",
    identifier_pb2.TASK: "tasks",
    identifier_pb2.LAUNCH_PLAN: "launchPlans",
}
SINGULAR = {
    identifier_pb2.WORKFLOW: "workflow",
    identifier_pb2.TASK: "task",
    identifier_pb2.LAUNCH_PLAN: "launch_plan",
}


def _segment(text: str) -> str:
    return quote(text, safe="")


def with_query(path: str, query: Mapping[str, str | None]) -> str:
    """The path with those parameters that have a value."""
    given = {key: value for key, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def select_project() -> str:
    return f"{ROOT}/select-project"


def domain(project: str, domain: str, section: str = "executions") -> str:
    """A list page; `section` is executions, workflows, tasks or launchPlans."""
    return f"{ROOT}/projects/{_segment(project)}/domains/{_segment(domain)}/{section}"


def entity(kind: int, project: str, domain_id: str, name: str) -> str:
    """The page about all versions of a workflow, task or launch plan."""
    return f"{domain(project, domain_id, PLURAL[kind])}/{_segment(name)}"


def version(entity_id: EntityId) -> str:
    """The page about one version."""
    section = SINGULAR.get(entity_id.resource_type)
    if section is None:
        return ""
    base = domain(entity_id.project, entity_id.domain, section)
    return f"{base}/{_segment(entity_id.name)}/version/{_segment(entity_id.version)}"


def launch(entity_id: EntityId) -> str:
    """The launch form of one version."""
    return f"{version(entity_id)}/launch"


def execution(execution_id: ExecutionId, tab: str | None = None) -> str:
    """The page of an execution."""
    path = f"{domain(execution_id.project, execution_id.domain)}/{_segment(execution_id.name)}"
    return with_query(path, {"tab": tab})


def node(execution_id: ExecutionId, node_id: str, view: str | None = None) -> str:
    """The page of an execution with the panel of one of its nodes open."""
    path = f"{execution(execution_id)}/nodeId/{_segment(node_id)}"
    return f"{path}/view/{view}" if view else path


def deck(execution_id: ExecutionId, node_id: str) -> str:
    """The node's deck alone, made to be framed."""
    return f"{execution(execution_id)}/nodeId/{_segment(node_id)}/deck"


def signal(execution_id: ExecutionId, node_id: str) -> str:
    """Where the answer to a gate is posted."""
    return f"{execution(execution_id)}/nodeId/{_segment(node_id)}/signal"


def log(execution_id: ExecutionId, node_id: str, attempt: int) -> str:
    """What the attempt printed, as plain text."""
    parts = (execution_id.project, execution_id.domain, execution_id.name, node_id, str(attempt))
    return "/logs/" + "/".join(_segment(part) for part in parts)


def action(execution_id: ExecutionId, verb: str) -> str:
    """Where a form about an execution is posted: terminate, relaunch, recover."""
    return f"{execution(execution_id)}/{verb}"


def download(uri: str) -> str:
    """Leads to a signed URL of an object."""
    return with_query(f"{ROOT}/download", {"uri": uri})
