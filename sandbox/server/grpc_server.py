"""The gRPC server: its limits, its threads, and the unix socket behind the edge port."""

from __future__ import annotations

from concurrent import futures
from pathlib import Path

import grpc

from sandbox.server.errors import PortUnavailable

_FIVE_SECONDS = 5_000


def create(*, max_message_size: int, threads: int) -> grpc.Server:
    """A server without services. A request over `max_message_size` bytes is answered RESOURCE_EXHAUSTED by
    gRPC."""
    return grpc.server(
        futures.ThreadPoolExecutor(max_workers=threads, thread_name_prefix="grpc"),
        options=[
            ("grpc.max_receive_message_length", max_message_size),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
            # Clients behind laptops' lids keep their channels alive; none is dropped for asking often.
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", _FIVE_SECONDS),
            ("grpc.http2.max_ping_strikes", 0),
        ],
    )


def bind(server: grpc.Server, socket_path: Path) -> None:
    """Listen on a unix socket; one that an earlier process left behind is replaced."""
    socket_path.unlink(missing_ok=True)
    server.add_insecure_port(f"unix:{socket_path}")


def bind_port(server: grpc.Server, host: str, port: int) -> None:
    """Listen on a TCP port; raises PortUnavailable."""
    try:
        server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as exc:  # gRPC's only word for it
        raise PortUnavailable(f"can't listen on {host}:{port} for gRPC: it is taken, or not allowed") from exc
