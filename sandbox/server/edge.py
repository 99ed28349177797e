"""One TCP port for everything: gRPC and HTTP, told apart by their first bytes.

A client that begins with the HTTP/2 connection preface (RFC 9113, 3.4: gRPC always does) is joined to the
gRPC server's unix socket; anything else goes to the HTTP server's, or to its port where it is a process of
its own. From then on bytes are only copied, with
back-pressure (a slow reader stops its writer) and half-close (one direction may end before the other).

One thread runs one asyncio loop for all connections.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from sandbox.server.errors import PortUnavailable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_BACKLOG = 1024
_CONNECT_TIMEOUT = 5.0
"""Seconds in which a server elsewhere must take a connection."""
_HIGH_WATER = 256 * 1024
"""Bytes that may wait for a slow reader before its writer is paused."""
_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 54\r\nRetry-After: 1\r\n\r\nThe sandbox is starting or stopping; try again shortly"
)

log = logging.getLogger(__name__)


class HostPort(NamedTuple):
    """Where a server in another process listens."""

    host: str
    port: int


Upstream: TypeAlias = Path | HostPort
"""A unix socket of this process, or a port elsewhere."""


class Edge:
    """The listening port and its thread."""

    def __init__(self, *, host: str, port: int, grpc: Upstream, http: Upstream, sniff_timeout: float) -> None:
        self._grpc = grpc
        self._http = http
        self._sniff_timeout = sniff_timeout
        self._listener = _listen(host, port)
        self._port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="edge", daemon=True)
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()

    @property
    def port(self) -> int:
        """The port listened on; useful when it was given by the system."""
        return self._port

    def start(self) -> None:
        """Take connections from now on."""
        self._listener.listen(_BACKLOG)
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections; those that are open go on until `close`."""
        self._call(self._stop_listening)

    def close(self) -> None:
        """End everything."""
        self._call(self._close_all)
        self._call(self._loop.stop)
        self._thread.join(timeout=5)
        self._listener.close()

    def _call(self, function: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            function()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(timeout=5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        self._server = await self._loop.create_server(self._accepted, sock=self._listener, backlog=_BACKLOG)

    def _accepted(self) -> _Client:
        return _Client(self._loop, self._choose, self._sniff_timeout, self._clients)

    def _choose(self, is_grpc: bool) -> Upstream:
        return self._grpc if is_grpc else self._http

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()

    def _close_all(self) -> None:
        self._stop_listening()
        for client in list(self._clients):
            client.abort()


def _listen(host: str, port: int) -> socket.socket:
    """Bound, not yet listening: a port that is taken is found before anything else is started."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        raise PortUnavailable(f"can't listen on {host}:{port}: {exc.strerror or exc}") from exc
    listener.setblocking(False)
    return listener


class _End(asyncio.Protocol):
    """One end of a pair of connections: what it receives, the other sends."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"a stream was expected, not {transport!r}")
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.send(data)

    def eof_received(self) -> bool:
        """Pass the end on. Once both directions have ended, both connections go."""
        self._ended = True
        if self.other is None or self.other._ended:
            self.finish()
            return False
        self.other.send_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.other is not None:
            self.other.finish()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def send_eof(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()

    def finish(self) -> None:
        """Send what is waiting, then close."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()


class _Client(_End):
    """The client's end; it knows the other one once the first bytes have shown the protocol."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        choose: Callable[[bool], Upstream],
        sniff_timeout: float,
        registry: set[_Client],
    ) -> None:
        super().__init__()
        self._loop = loop
        self._choose = choose
        self._sniff_timeout = sniff_timeout
        self._registry = registry
        self._first = bytearray()
        self._impatience: asyncio.TimerHandle | None = None
        self._joining: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._registry.add(self)
        self._impatience = self._loop.call_later(self._sniff_timeout, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._registry.discard(self)
        self._calm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.send(data)
            return
        self._first += data
        if self._joining is None:
            self._sniff()

    def eof_received(self) -> bool:
        if self.other is None and self._joining is not None:
            self._ended = True  # told to the other end once it is there
            return True
        return super().eof_received()

    def _sniff(self) -> None:
        is_grpc = self._first.startswith(PREFACE)
        if not is_grpc and PREFACE.startswith(bytes(self._first)):
            return  # still either
        self._calm()
        if self.transport is not None:
            self.transport.pause_reading()
        self._joining = self._loop.create_task(self._join(is_grpc))

    async def _join(self, is_grpc: bool) -> None:
        try:
            server = await self._reach(self._choose(is_grpc))
        except (OSError, TimeoutError) as exc:
            log.info(
                "a connection was refused: the %s server is not there: %s", "gRPC" if is_grpc else "HTTP", exc
            )
            if not is_grpc:
                self.send(_UNAVAILABLE)
            self.finish()
            return
        server.other, self.other = self, server
        server.send(bytes(self._first))
        self._first.clear()
        if self._ended:
            server.send_eof()
        if self.transport is None:
            server.finish()
        else:
            self.transport.resume_reading()

    async def _reach(self, upstream: Upstream) -> _End:
        if isinstance(upstream, Path):
            _, server = await self._loop.create_unix_connection(_End, str(upstream))
        else:
            connecting = self._loop.create_connection(_End, upstream.host, upstream.port)
            _, server = await asyncio.wait_for(connecting, _CONNECT_TIMEOUT)
        return server

    def _calm(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
