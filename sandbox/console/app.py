"""The console as one ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette

from sandbox.console.logs import LogReader
from sandbox.console.settings import ConsoleSettings


def create(admin_target: str, logs: LogReader, settings: ConsoleSettings | None = None) -> Starlette:
    """Everything HTTP: `/console`, `/logs/<project>/<domain>/<execution>/<node>/<attempt>`, `/healthcheck`, `/me`.

    `admin_target` is a gRPC target (`unix:/…/admin.sock`, `127.0.0.1:8089`); the channel is opened lazily and
    closed when the application shuts down.
    """
    return Starlette()
