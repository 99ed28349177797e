"""Small questions to the Docker daemon, asked with the standard library.

Every command has to know whether a sandbox of its name lives in a container. Docker's own client takes a
third of a second to import, which a command on an embedded sandbox must not pay; a question over the daemon's
socket takes two milliseconds.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

_DEFAULT = "unix:///var/run/docker.sock"
_TIMEOUT = 5.0


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def reachable() -> bool:
    """Whether a Docker daemon answers this user."""
    return _get("/_ping") is not None


def container(name: str) -> Mapping[str, Any] | None:
    """What the daemon tells of a container; None if there is none of that name, or no daemon."""
    return _object(f"/containers/{quote(name)}/json")


def volume(name: str) -> Mapping[str, Any] | None:
    """What the daemon tells of a volume; None as above."""
    return _object(f"/volumes/{quote(name)}")


def has_image(reference: str) -> bool:
    """Whether the daemon has the image."""
    return _get(f"/images/{quote(reference)}/json") is not None


def _object(path: str) -> Mapping[str, Any] | None:
    body = _get(path)
    if body is None:
        return None
    found = json.loads(body)
    return found if isinstance(found, dict) else None


def _get(path: str) -> bytes | None:
    """The body of a good answer; None for any other, and where nobody answers."""
    connection = _connect(os.environ.get("DOCKER_HOST") or _DEFAULT)
    if connection is None:
        return None
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if answer.status == 200 else None


def _connect(host: str) -> http.client.HTTPConnection | None:
    """To what DOCKER_HOST names; None for what only Docker's own client can speak (TLS, ssh)."""
    address = urlsplit(host)
    if address.scheme == "unix":
        return _Connection(address.path)
    if address.scheme == "tcp" and address.hostname and not os.environ.get("DOCKER_TLS_VERIFY"):
        return http.client.HTTPConnection(address.hostname, address.port or 2375, timeout=_TIMEOUT)
    return None
