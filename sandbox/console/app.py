"""The console as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.console import guard, routes
from sandbox.console.client import Admin
from sandbox.console.context import Console
from sandbox.console.errors import ConsoleError, Forbidden, NotFound
from sandbox.console.logs import LogReader
from sandbox.console.rendering import Renderer
from sandbox.console.settings import ConsoleSettings
from sandbox.console.trees import Trees

_ALWAYS_OPEN = ("/healthcheck",)


def create(admin_target: str, logs: LogReader, settings: ConsoleSettings | None = None) -> Starlette:
    """Everything HTTP: `/console`, `/logs/<project>/<domain>/<execution>/<node>/<attempt>`, `/healthcheck`.

    `admin_target` is a gRPC target (`unix:/…/admin.sock`, `127.0.0.1:8089`); the channel is opened lazily and
    closed when the application shuts down.
    """
    chosen = settings or ConsoleSettings()
    admin = Admin(admin_target, chosen.call_timeout)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        admin.close()

    app = Starlette(
        routes=routes.all_routes(),
        lifespan=lifespan,
        exception_handlers={ConsoleError: _failed, HTTPException: _http_failed},
        middleware=[
            Middleware(guard.SecurityHeaders),
            Middleware(_TrustedHosts, allowed=chosen.allowed_hosts),
        ],
    )
    app.state.console = Console(admin, logs, chosen, Renderer(chosen), Trees(admin, chosen.page_size))
    return app


class _TrustedHosts:
    """Answers only to names that can't be a stranger's."""

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS_OPEN:
            await self._app(scope, receive, send)
            return
        host = Request(scope).headers.get("host", "")
        if guard.is_trusted_host(host, self._allowed):
            await self._app(scope, receive, send)
            return
        answer = JSONResponse(
            {
                "error": f"The console does not answer to the name {host!r}.",
                "remedy": "Open it as localhost or by address, or add the name to the allowed hosts.",
            },
            status_code=421,
        )
        await answer(scope, receive, send)


def _failed(request: Request, exc: Exception) -> Response:
    """A page that says what failed, why, and what to do next; JSON for those who ask for it."""
    if not isinstance(exc, ConsoleError):
        raise exc
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"error": exc.message, "remedy": exc.remedy}, status_code=exc.status)
    console: Console = request.app.state.console
    return console.renderer.page(request, "error.html", {"error": exc}, status=exc.status)


def _http_failed(request: Request, exc: Exception) -> Response:
    """Starlette's own refusals in the same dress: no such route, wrong method."""
    if not isinstance(exc, HTTPException):
        raise exc
    if exc.status_code == 404:
        return _failed(request, NotFound(f"There is no page at {request.url.path}."))
    if exc.status_code == 405:
        remedy = "Go back to the page and use its buttons."
        return _failed(
            request, Forbidden("That address does not take this kind of request.", status=405, remedy=remedy)
        )
    return _failed(request, ConsoleError(exc.detail, status=exc.status_code))
