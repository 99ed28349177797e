"""Which address leads to which page: Flyte's own ones; the REST gateway has its place below `/api`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from sandbox.console import guard
from sandbox.console.forms import Form, read_form
from sandbox.console.pages import answers, entities, executions, health, launching, lists, objects, projects
from sandbox.console.rendering import ASSETS

_DOMAIN = "/console/projects/{project}/domains/{domain}"
_EXECUTION = _DOMAIN + "/executions/{execution}"
_NODE = _EXECUTION + "/nodeId/{node}"


class _Assets(StaticFiles):
    """Files whose addresses change with their contents: kept by browsers for good."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response

    def get_path(self, scope: Scope) -> str:
        """Without the leading folder that names the version."""
        return super().get_path(scope).partition("/")[2]


def _posted(page: Callable[[Request, Form], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A page that changes something: only for forms of our own pages."""

    async def endpoint(request: Request) -> Response:
        guard.require_same_origin(request.headers)
        form = await read_form(request)
        return await run_in_threadpool(page, request, form)

    return endpoint


def all_routes() -> list[BaseRoute]:
    """Every route, the more particular ones before the more general."""
    return [
        Route("/", projects.root),
        Route("/healthcheck", health.healthcheck),
        Route("/me", health.me),
        Mount("/console/assets", app=_Assets(directory=ASSETS)),
        Route("/console", projects.arrival),
        Route("/console/", projects.arrival),
        Route("/console/select-project", projects.select),
        Route("/console/download", objects.download),
        *_executions(),
        *_entities(),
        Route("/console/projects/{project}", projects.project),
        Route(_DOMAIN, projects.project),
        Route("/logs/{project}/{domain}/{execution}/{node}/{attempt:int}", objects.log),
        Route("/api/{rest:path}", health.rest, methods=["GET", "POST", "PUT", "DELETE"]),
    ]


def _executions() -> list[BaseRoute]:
    return [
        Route(_DOMAIN + "/executions", lists.executions),
        Route(_EXECUTION, executions.page),
        Route(_EXECUTION + "/terminate", _posted(executions.terminate), methods=["POST"]),
        Route(_EXECUTION + "/relaunch", _posted(executions.relaunch), methods=["POST"]),
        Route(_EXECUTION + "/recover", _posted(executions.recover), methods=["POST"]),
        Route(_EXECUTION + "/launch", launching.again),
        Route(_NODE + "/deck", objects.deck),
        Route(_NODE + "/signal", _posted(answers.give), methods=["POST"]),
        Route(_NODE, executions.page),
        Route(_EXECUTION + "/nodes/{node}", executions.page),
        Route(_NODE + "/view/{view}", executions.page),
        Route(_NODE + "/{rest:path}/view/{view}", executions.page),
        Route(_NODE + "/{rest:path}", executions.page),
    ]


def _entities() -> list[BaseRoute]:
    routes: list[BaseRoute] = []
    pages = {"workflows": lists.workflows, "tasks": lists.tasks, "launchPlans": lists.launch_plans}
    for section, page in pages.items():
        routes.append(Route(f"{_DOMAIN}/{section}", page))
        routes.append(Route(f"{_DOMAIN}/{section}/{{name:path}}", entities.entity))
    versions = _DOMAIN + "/{section}/{name:path}/version/{version:path}"
    routes.append(Route(versions + "/launch", launching.form, methods=["GET"]))
    routes.append(Route(versions + "/launch", _posted(launching.submit), methods=["POST"]))
    routes.append(Route(versions, entities.version))
    return routes
