"""The HTTP server: uvicorn in a thread of its own, on the unix socket behind the edge port or on a port."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from sandbox.server.errors import PortUnavailable


class HttpServer:
    """Serves one ASGI application until `stop`."""

    @classmethod
    def on_socket(cls, application: Starlette, path: Path) -> HttpServer:
        """On a unix socket; one that an earlier process left behind is replaced."""
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        return cls(application, listener)

    @classmethod
    def on_port(cls, application: Starlette, host: str, port: int) -> HttpServer:
        """On a TCP port; raises PortUnavailable."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as exc:
            listener.close()
            raise PortUnavailable(f"can't listen on {host}:{port}: {exc.strerror or exc}") from exc
        return cls(application, listener)

    def __init__(self, application: Starlette, listener: socket.socket) -> None:
        self._listener = listener
        self._server = uvicorn.Server(
            uvicorn.Config(
                application,
                loop="asyncio",
                http="h11",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=2,
            )
        )
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Take requests from now on."""
        self._listener.listen(256)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it takes requests."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Finish what is under way, for at most two seconds."""
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._listener.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])
