"""What a cluster asks every pod of the control plane, over HTTP: `/livez`, `/readyz`, `/metrics`.

Alive means that only what a restart can mend is not wrong; ready, that the roles can do their work now. Both
say in words what is wrong. Metrics are in Prometheus' text format.
"""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import sandbox
from sandbox.server.errors import PortUnavailable

_TEXT = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_PATIENCE = 5.0
"""Seconds that a client may take over its request."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a process is, at one moment."""

    role: str
    alive: bool
    troubles: tuple[str, ...] = ()
    counters: Mapping[str, float] = field(default_factory=dict)


class HealthServer:
    """Answers from a thread of its own, even while everything else is being started."""

    def __init__(self, host: str, port: int, report: Callable[[], Report]) -> None:
        """Binds the port; raises PortUnavailable."""
        try:
            self._server = _Server((host, port), _handler(report))
        except OSError as exc:
            raise PortUnavailable(f"can't listen on {host}:{port}: {exc.strerror or exc}") from exc
        self._thread = threading.Thread(target=self._server.serve_forever, name="health-http", daemon=True)

    @property
    def port(self) -> int:
        """The port listened on; useful when it was given by the system."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A kubelet that loses patience hangs up; anything else is a defect, and is told."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def answer(path: str, report: Report) -> tuple[int, str, str]:
    """Status, content type and body. Pure, but for the process's own use of memory and time."""
    match path.partition("?")[0]:
        case "/livez":
            return (200, _TEXT, "ok\n") if report.alive else (503, _TEXT, f"{report.role} has ended\n")
        case "/readyz":
            wrong = "".join(f"{trouble}\n" for trouble in report.troubles)
            return (503, _TEXT, wrong) if wrong else (200, _TEXT, "ok\n")
        case "/metrics":
            return 200, _METRICS, metrics(report)
        case _:
            return 404, _TEXT, "there is /livez, /readyz and /metrics\n"


def metrics(report: Report) -> str:
    """In Prometheus' text format."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    role = f'{{role="{report.role}"}}'
    lines = [f'flyte_sandbox_info{{role="{report.role}",version="{sandbox.__version__}"}} 1']
    numbers = {
        "flyte_sandbox_ready": float(not report.troubles),
        "process_cpu_seconds_total": used.ru_utime + used.ru_stime,
        "process_resident_memory_max_bytes": used.ru_maxrss * 1024.0,
        "process_uptime_seconds": time.monotonic() - _BEGAN,
        **report.counters,
    }
    lines += [f"{name}{role} {value:.10g}" for name, value in sorted(numbers.items())]
    return "\n".join(lines) + "\n"


_BEGAN = time.monotonic()


def _handler(report: Callable[[], Report]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE

        def do_GET(self) -> None:
            status, kind, body = answer(self.path, report())
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: it is asked every few seconds."""

    return Handler
