"""The lists of a project's domain: executions, workflows, tasks and launch plans."""

from __future__ import annotations

from flyteidl.core import identifier_pb2
from starlette.requests import Request
from starlette.responses import Response

from sandbox.console import context, listing, phases, summaries, urls
from sandbox.console.listing import Query
from sandbox.console.pages import projects
from sandbox.console.summaries import Summary

IDLE_REFRESH = 5.0
"""Seconds between looks for new executions when none is running."""
RECENT = 200
"""Executions that the workflows' "last runs" are taken from."""
RUNS_SHOWN = 5

_WORDS = {
    identifier_pb2.WORKFLOW: ("Workflows", "workflow"),
    identifier_pb2.TASK: ("Tasks", "task"),
    identifier_pb2.LAUNCH_PLAN: ("Launch plans", "launch plan"),
}


def executions(request: Request) -> Response:
    """`…/executions`: newest first, filtered by phase and name."""
    console = context.of(request)
    project, domain = request.path_params["project"], request.path_params["domain"]
    query = Query.of(urls.domain(project, domain), request.query_params)
    answer = console.admin.executions(
        project,
        domain,
        limit=console.settings.page_size,
        token=query.token,
        filters=listing.executions(query, phases.EXECUTION_FILTERS),
    )
    rows = [summaries.from_proto(execution) for execution in answer.executions]
    is_busy = any(row.is_live for row in rows)
    page = console.renderer.page(
        request,
        "executions.html",
        {
            "project": project,
            "domain": domain,
            "section": "executions",
            "query": query,
            "filters": phases.EXECUTION_FILTERS,
            "rows": rows,
            "next_token": answer.token,
            "refresh": console.settings.refresh_seconds if is_busy else IDLE_REFRESH,
        },
    )
    return projects.remember(page, project, domain)


def workflows(request: Request) -> Response:
    return _entities(request, identifier_pb2.WORKFLOW)


def tasks(request: Request) -> Response:
    return _entities(request, identifier_pb2.TASK)


def launch_plans(request: Request) -> Response:
    return _entities(request, identifier_pb2.LAUNCH_PLAN)


def _entities(request: Request, kind: int) -> Response:
    console = context.of(request)
    project, domain = request.path_params["project"], request.path_params["domain"]
    section = urls.PLURAL[kind]
    query = Query.of(urls.domain(project, domain, section), request.query_params)
    answer = console.admin.named_entities(
        kind,
        project,
        domain,
        limit=console.settings.page_size,
        token=query.token,
        filters=listing.contains("name", query.search),
    )
    title, noun = _WORDS[kind]
    page = console.renderer.page(
        request,
        "entities.html",
        {
            "project": project,
            "domain": domain,
            "section": section,
            "kind": kind,
            "title": title,
            "noun": noun,
            "query": query,
            "rows": answer.entities,
            "runs": _recent_runs(console, project, domain, kind),
            "next_token": answer.token,
        },
    )
    return projects.remember(page, project, domain)


def _recent_runs(console: context.Console, project: str, domain: str, kind: int) -> dict[str, list[Summary]]:
    """The last few executions of each workflow, task or launch plan that ran lately, oldest first."""
    answer = console.admin.executions(project, domain, limit=RECENT)
    runs: dict[str, list[Summary]] = {}
    for execution in answer.executions:
        name = _launched(kind, summaries.from_proto(execution))
        seen = runs.setdefault(name, [])
        if len(seen) < RUNS_SHOWN:
            seen.insert(0, summaries.from_proto(execution))
    runs.pop("", None)
    return runs


def _launched(kind: int, summary: Summary) -> str:
    if kind == identifier_pb2.LAUNCH_PLAN:
        return summary.launch_plan.name if summary.launch_plan.resource_type == kind else ""
    return summary.entity.name if summary.entity.resource_type == kind else ""
