"""The webhook's HTTPS server, and the thread that keeps its certificate."""

from __future__ import annotations

import logging
import ssl
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any

from sandbox.executors.kubernetes.errors import KubernetesError
from sandbox.webhook import reviews
from sandbox.webhook.certificates import Bundle
from sandbox.webhook.trust import Trust

_LOG = logging.getLogger(__name__)
PATH = "/mutate--v1-pod"
"""Flyte's own."""
_LARGEST = 4 * 1024 * 1024
"""Bytes of a question: more than the API server takes of an object."""
_PATIENCE = 30.0
_LOOK_SECONDS = 60.0
_RETRY_SECONDS = 1.0


class WebhookServer:
    """Answers once it has a certificate; until then, and when it can't renew one, `troubles` says so."""

    def __init__(self, trust: Trust, host: str, port: int, *, look_seconds: float = _LOOK_SECONDS) -> None:
        """Binds the port; raises OSError."""
        self._trust = trust
        self._look_seconds = look_seconds
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._server = _Server((host, port), self._context)
        self._serving = threading.Thread(target=self._server.serve_forever, name="webhook", daemon=True)
        self._keeping = threading.Thread(target=self._keep, name="webhook-trust", daemon=True)
        self._stopping = threading.Event()
        self._bundle: Bundle | None = None
        self._trouble = "There is no certificate yet."

    @property
    def port(self) -> int:
        """The port listened on; useful when it was given by the system."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Get a certificate, then answer."""
        self._keeping.start()

    def stop(self) -> None:
        """Answer no more; questions under way are answered."""
        self._stopping.set()
        if self._keeping.is_alive():
            self._keeping.join()
        if self._serving.is_alive():
            self._server.shutdown()
            self._serving.join()
        self._server.server_close()

    def is_alive(self) -> bool:
        """Whether its threads are at work."""
        return self._keeping.is_alive() and (self._serving.is_alive() or self._bundle is None)

    def trouble(self) -> str:
        """What keeps it from its work; empty: nothing."""
        return self._trouble

    def look(self) -> None:
        """One look at the certificate, and at whom the API server trusts. Raises KubernetesError."""
        bundle = self._trust.bundle()
        if bundle != self._bundle:
            load(self._context, bundle)
            self._bundle = bundle
            _LOG.info("serving with the certificate that is in the Secret now")
        if self._trust.announce(bundle):
            _LOG.info("the API server was told whom to trust")

    def _keep(self) -> None:
        failed_since: float | None = None
        while not self._stopping.is_set():
            try:
                self.look()
            except KubernetesError as error:
                failed_since = failed_since or time.monotonic()
                # With a certificate that holds, a look that fails is no trouble yet.
                if self._bundle is None or time.monotonic() - failed_since > 2 * self._look_seconds:
                    self._trouble = f"The webhook's certificate can't be kept: {error}"
                _LOG.warning("the certificate can't be looked at: %s", error)
                self._stopping.wait(_RETRY_SECONDS)
                continue
            failed_since, self._trouble = None, ""
            if self._serving.ident is None:
                self._serving.start()
            self._stopping.wait(self._look_seconds)


def load(context: ssl.SSLContext, bundle: Bundle) -> None:
    """Serve with it from the next connection on. OpenSSL reads files only: these are gone at once."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "tls.crt", Path(folder) / "tls.key"
        certificate.write_bytes(bundle.certificate)
        key.touch(mode=0o600)
        key.write_bytes(bundle.key)
        context.load_cert_chain(certificate, key)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket, Any]:
        """The handshake is the matter of the connection's own thread: one that stalls holds nobody up."""
        connection, address = super().get_request()
        connection.settimeout(_PATIENCE)
        secured = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return secured, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        _LOG.info("a connection of %s ended", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if not size.isdigit() or int(size) > _LARGEST:
            self.close_connection = True
            self._say(
                413 if size.isdigit() else 411, "text/plain", b"a question of known, modest size, please\n"
            )
            return
        body = self.rfile.read(int(size))
        if self.path.partition("?")[0] != PATH:
            self._say(404, "text/plain", f"there is {PATH}\n".encode())
            return
        try:
            self._say(200, "application/json", reviews.answer(body))
        except reviews.NoReview as exc:
            self._say(400, "text/plain", f"{exc}\n".encode())

    def log_message(self, format: str, *args: Any) -> None:
        _LOG.debug(format, *args)

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
