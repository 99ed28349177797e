"""One client of the runner: lines in, lines out, never blocking."""

from __future__ import annotations

import selectors
import socket
import typing

_CHUNK = 1 << 16


class Connection:
    """A connected control plane. Calls `on_line` for every whole line and `on_close` once."""

    def __init__(
        self,
        stream: socket.socket,
        selector: selectors.BaseSelector,
        on_line: typing.Callable[[Connection, bytes], None],
        on_close: typing.Callable[[Connection], None],
    ) -> None:
        self._stream = stream
        self._selector = selector
        self._on_line = on_line
        self._on_close = on_close
        self._received = bytearray()
        self._to_send = bytearray()
        self._open = True
        stream.setblocking(False)
        selector.register(stream, selectors.EVENT_READ, self._on_ready)

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._stream.fileno()

    def send(self, message: bytes) -> None:
        """Send as much as the client takes now, the rest when it takes more. A lost client is no error."""
        if not self._open:
            return
        self._to_send += message
        self._flush()

    def _on_ready(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush()
        if mask & selectors.EVENT_READ and self._open:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._stream.recv(_CHUNK)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._close()
            return
        self._received += data
        while True:
            end = self._received.find(b"\n")
            if end < 0:
                return
            line = bytes(self._received[:end])
            del self._received[: end + 1]
            self._on_line(self, line)

    def _flush(self) -> None:
        try:
            while self._to_send:
                sent = self._stream.send(self._to_send)
                del self._to_send[:sent]
        except BlockingIOError:
            pass
        except ConnectionError:
            self._close()
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._to_send else 0)
        self._selector.modify(self._stream, wanted, self._on_ready)

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._selector.unregister(self._stream)
            self._stream.close()
            self._on_close(self)
