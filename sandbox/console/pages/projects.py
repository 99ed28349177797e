"""Where one arrives, and the choice of a project and domain."""

from __future__ import annotations

from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox.console import context, urls

LAST_COOKIE = "console-last"
_MONTH = 30 * 24 * 3600


def root(request: Request) -> Response:
    """`/` is the console."""
    return RedirectResponse(urls.ROOT, 302)


def arrival(request: Request) -> Response:
    """`/console`: the last project that was looked at, or the choice."""
    project, separator, domain = unquote(request.cookies.get(LAST_COOKIE, "")).partition("/")
    if separator and project and domain:
        return RedirectResponse(urls.domain(project, domain), 302)
    return RedirectResponse(urls.select_project(), 302)


def remember(response: Response, project: str, domain: str) -> Response:
    """Have the browser come back to this project and domain."""
    value = quote(f"{project}/{domain}", safe="")
    response.set_cookie(LAST_COOKIE, value, max_age=_MONTH, path="/", httponly=True, samesite="lax")
    return response


def select(request: Request) -> Response:
    """All projects with their domains."""
    console = context.of(request)
    projects = [
        project for project in console.admin.projects() if project.id not in console.settings.hidden_projects
    ]
    projects.sort(key=lambda project: (project.id != console.settings.default_project, project.name.lower()))
    return console.renderer.page(request, "select_project.html", {"projects": projects})


def project(request: Request) -> Response:
    """`/console/projects/:p[/domains/:d]` without a section: the executions."""
    console = context.of(request)
    domain = request.path_params.get("domain", console.settings.default_domain)
    return RedirectResponse(urls.domain(request.path_params["project"], domain), 302)
