"""Whether a PostgreSQL server grants connections: the start-up message that `pg_isready` sends, by socket.

Standard library only: it is asked while things start, where a client library would cost more than the answer.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

_PROTOCOL = 196608
"""3.0"""


def ask(sockets: Path, port: int, *, user: str, database: str, timeout: float = 1.0) -> str | None:
    """ "" when a connection is granted, else the server's SQLSTATE; None when nobody answers."""
    words = ("user", user, "database", database, "application_name", "probe")
    body = struct.pack("!I", _PROTOCOL) + b"".join(word.encode() + b"\0" for word in words) + b"\0"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(sockets / f".s.PGSQL.{port}"))
            connection.sendall(struct.pack("!I", len(body) + 4) + body)
            return _answer(connection)
    except OSError:
        return None


def _answer(connection: socket.socket) -> str | None:
    """Messages until the session is ready ("") or refused (its SQLSTATE)."""
    with connection.makefile("rb") as stream:
        while len(head := stream.read(5)) == 5:
            kind, length = struct.unpack("!cI", head)
            body = stream.read(length - 4)
            if kind == b"Z":
                connection.sendall(struct.pack("!cI", b"X", 4))
                return ""
            if kind == b"E":
                fields = body.split(b"\0")
                return next((field[1:].decode() for field in fields if field.startswith(b"C")), "XX000")
    return None
