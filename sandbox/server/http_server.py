"""The HTTP server: uvicorn in a thread of its own, on the unix socket behind the edge port."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import uvicorn
from starlette.applications import Starlette


class HttpServer:
    """Serves one ASGI application until `stop`."""

    def __init__(self, application: Starlette, socket_path: Path) -> None:
        socket_path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(socket_path))
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

    def stop(self) -> None:
        """Finish what is under way, for at most two seconds."""
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._listener.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])
