"""Whether the programs of the node work: asked of themselves, without starting another program."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

from node import pki

_SECONDS = 2.0


def answers(port: int, path: str) -> bool:
    """Whether a server on this node says yes."""
    return _says_yes(http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS), path)


def api_server_answers(path: str) -> bool:
    """Whether the API server says yes to its administrator."""
    context = ssl.create_default_context(cafile=str(pki.CA))
    context.load_cert_chain(pki.certificate(pki.ADMIN), pki.key(pki.ADMIN))
    return _says_yes(http.client.HTTPSConnection("127.0.0.1", 6443, timeout=_SECONDS, context=context), path)


def docker_answers(path: Path = Path("/var/run/docker.sock")) -> bool:
    """Whether the Docker engine says that it works."""
    return _says_yes(_UnixConnection(path), "/_ping")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))


def _says_yes(connection: http.client.HTTPConnection, path: str) -> bool:
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
