"""The edge port over real sockets: a real gRPC server and a small HTTP server behind it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from sandbox.server.edge import PREFACE, Edge
from sandbox.server.errors import PortUnavailable
from tests.waiting import eventually

_METHOD = "/test.Echo/Echo"


class _Echo(grpc.GenericRpcHandler):
    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(lambda request, _: request)


class _Upstream:
    """Stands for the HTTP server: reads until the end, then says how much it got."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.received: list[bytes] = []
        self.pause = threading.Event()
        self.pause.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(16)
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many it has accepted."""
        return len(self._threads)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        received = bytearray()
        with connection:
            self.pause.wait()
            try:
                while chunk := connection.recv(65536):
                    received += chunk
                self.received.append(bytes(received))
                connection.sendall(b"got %d" % len(received))
            except OSError:
                return


@dataclass
class _Behind:
    edge: Edge
    http: _Upstream

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.edge.port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def call(self, payload: bytes) -> bytes:
        with grpc.insecure_channel(f"127.0.0.1:{self.edge.port}") as channel:
            answer: bytes = channel.unary_unary(_METHOD)(payload, timeout=10)
            return answer


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[_Behind]:
    server = grpc.server(
        futures.ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 16 * 2**20)]
    )
    server.add_generic_rpc_handlers((_Echo(),))
    server.add_insecure_port(f"unix:{tmp_path}/grpc.sock")
    server.start()
    http = _Upstream(tmp_path / "http.sock")
    edge = _edge(tmp_path)
    edge.start()
    yield _Behind(edge, http)
    edge.close()
    http.close()
    server.stop(None).wait()


def _edge(folder: Path, *, port: int = 0, sniff_timeout: float = 10.0) -> Edge:
    return Edge(
        host="127.0.0.1",
        port=port,
        grpc=folder / "grpc.sock",
        http=folder / "http.sock",
        sniff_timeout=sniff_timeout,
    )


def test_grpc_calls_reach_the_grpc_server(behind: _Behind) -> None:
    assert behind.call(b"hello") == b"hello"


def test_a_call_of_several_megabytes_goes_through_whole_both_ways(behind: _Behind) -> None:
    payload = os.urandom(3 * 2**20)
    assert behind.call(payload) == payload


def test_many_calls_at_once_on_many_connections_keep_apart(behind: _Behind) -> None:
    payloads = [bytes([number]) * (1000 + number) for number in range(60)]
    with futures.ThreadPoolExecutor(20) as pool:
        assert list(pool.map(behind.call, payloads)) == payloads


def test_anything_else_reaches_the_http_server_and_half_close_is_passed_on(behind: _Behind) -> None:
    with behind.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b"got 18"
        assert connection.recv(100) == b""
    assert behind.http.received == [b"GET / HTTP/1.1\r\n\r\n"]


@pytest.mark.parametrize("first", [b"PRI * HTTP/2.0\r\n\r\nSX", b"PR", b"POST / HTTP/1.1\r\n", b"P"])
def test_a_beginning_that_only_looks_like_http2_is_http(behind: _Behind, first: bytes) -> None:
    with behind.connect() as connection:
        connection.sendall(first + b"!")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b"got %d" % (len(first) + 1)


def test_first_bytes_that_dribble_in_are_waited_for(behind: _Behind) -> None:
    settings_frame = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    with behind.connect() as connection:
        for byte in PREFACE + settings_frame:
            connection.sendall(bytes([byte]))
        assert connection.recv(9)[3] == 4  # the gRPC server's SETTINGS frame


def test_a_client_that_says_nothing_is_dropped_after_a_while(tmp_path: Path) -> None:
    edge = _edge(tmp_path, sniff_timeout=0.05)
    edge.start()
    try:
        with socket.create_connection(("127.0.0.1", edge.port), timeout=10) as silent:
            silent.sendall(b"PRI")
            assert _ended(silent)
    finally:
        edge.close()


def test_random_bytes_harm_nobody(behind: _Behind) -> None:
    for size in (1, 23, 24, 1000, 100_000):
        with behind.connect() as connection:
            connection.sendall(os.urandom(size))
    with behind.connect() as connection:
        connection.sendall(PREFACE + os.urandom(5000))
        while not _ended(connection):
            pass
    assert behind.call(b"still here") == b"still here"


def test_a_reader_that_stands_still_stops_its_writer(behind: _Behind) -> None:
    behind.http.pause.clear()
    total = 64 * 2**20
    with behind.connect() as connection:
        connection.setblocking(False)
        sent = _send_what_fits(connection, total)
        assert sent < total
        behind.http.pause.set()
        connection.settimeout(20)
        connection.sendall(b"x" * (total - sent))
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b"got %d" % total


def test_a_client_that_vanishes_takes_its_other_end_along(behind: _Behind) -> None:
    connection = behind.connect()
    connection.sendall(b"GET /")
    connection.close()
    eventually(lambda: behind.http.received == [b"GET /"], timeout=5)


def test_without_a_server_behind_it_http_is_told_and_grpc_refused(tmp_path: Path) -> None:
    edge = _edge(tmp_path)
    edge.start()
    try:
        with socket.create_connection(("127.0.0.1", edge.port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            answer = b""
            while chunk := connection.recv(4096):
                answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert f"Content-Length: {len(body)}".encode() in head
        with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(_METHOD)(b"", timeout=5)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    finally:
        edge.close()


def test_a_stopped_edge_takes_no_more_but_lets_open_connections_go_on(behind: _Behind) -> None:
    with behind.connect() as connection:
        connection.sendall(b"GET /")
        eventually(lambda: behind.http.connections == 1, timeout=5)  # the edge has taken it and joined it
        behind.edge.stop()
        with pytest.raises(ConnectionRefusedError):
            behind.connect()
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b"got 5"


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortUnavailable, match=rf"127\.0\.0\.1:{port}.*in use"):
            _edge(tmp_path, port=port)


def _ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True


def _send_what_fits(connection: socket.socket, most: int) -> int:
    """Send until the other side takes no more for a moment."""
    sent, quiet_since = 0, time.monotonic()
    while sent < most and time.monotonic() - quiet_since < 0.5:
        try:
            sent += connection.send(b"x" * min(65536, most - sent))
            quiet_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    return sent
