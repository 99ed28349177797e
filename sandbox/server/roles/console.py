"""The console as a role: everything HTTP, behind the edge's unix socket or on a port of its own."""

from __future__ import annotations

from pathlib import Path

import sandbox
from sandbox.console import app
from sandbox.console.logs import LogReader
from sandbox.console.settings import ConsoleSettings
from sandbox.server.ground import Ground
from sandbox.server.http_server import HttpServer
from sandbox.server.roles.role import Role


class Console(Role):
    """A client of admin."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        config, kubernetes = ground.config, ground.config.kubernetes
        own = kubernetes is not None and not ground.together
        application = app.create(
            ground.admin,
            _logs(ground),
            ConsoleSettings(
                version=sandbox.__version__,
                sandbox_name=config.name,
                hidden_projects=(config.system_project,),
            ),
        )
        self._socket = None if own else ground.http_socket
        if kubernetes is not None and own:
            self._http = HttpServer.on_port(application, kubernetes.listen.host, kubernetes.listen.http)
        else:
            self._http = HttpServer.on_socket(application, ground.http_socket)

    def start(self) -> None:
        self._http.start()

    def drain(self) -> None:
        """Finish the requests under way."""
        self._http.stop()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)

    def is_alive(self) -> bool:
        return self._http.is_alive()


def _logs(ground: Ground) -> LogReader:
    """Imported late: each profile has use for one of them."""
    if ground.config.kubernetes is None:
        from sandbox.server.logs import AttemptLogs  # noqa: PLC0415

        return AttemptLogs(Path(ground.config.processes().root))
    from sandbox.server.pod_logs import PodLogs  # noqa: PLC0415

    return PodLogs.of(ground)
