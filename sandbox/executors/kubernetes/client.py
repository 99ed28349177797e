"""The API server's HTTP, in JSON.

Thin on purpose: the `kubernetes` package imports a class for every type there is, which takes a second and a
hundred megabytes; a control plane that reads pods needs dictionaries. All methods are thread-safe and raise
what is in `errors`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import urllib3

from sandbox.executors.kubernetes import errors
from sandbox.executors.kubernetes.connections import Connection

Object = dict[str, Any]
Query = Mapping[str, str | int]
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Server-side apply; JSON is YAML."""
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 30.0
_UNAUTHORIZED = 401
_ERRORS_FROM = 400
_PIECE = 64 * 1024


class Client:
    """Speaks to one API server."""

    def __init__(self, connection: Connection, *, connections: int = 16) -> None:
        """`connections`: how many are kept open; more threads than that open their own for each request."""
        self._connection = connection
        options: dict[str, Any] = {"maxsize": connections, "retries": False}
        if connection.tls is not None:
            options["ssl_context"] = connection.tls
            if connection.server_name:
                options |= {
                    "assert_hostname": connection.server_name,
                    "server_hostname": connection.server_name,
                }
            if not connection.tls.check_hostname:
                options["assert_hostname"] = False
        self._pool: urllib3.PoolManager = (
            urllib3.ProxyManager(connection.proxy, **options)
            if connection.proxy
            else urllib3.PoolManager(**options)
        )

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()

    def get(self, path: str, query: Query | None = None) -> Object:
        """One object, or one page of a list."""
        return self._ask("GET", path, query)

    def create(self, path: str, body: Mapping[str, Any], query: Query | None = None) -> Object:
        """Create an object, or something below one; the object as it then is."""
        return self._ask("POST", path, query, body)

    def patch(
        self, path: str, body: Any, content_type: str = MERGE_PATCH, query: Query | None = None
    ) -> Object:
        """Change an object; the object as it then is."""
        return self._ask("PATCH", path, query, body, content_type)

    def replace(self, path: str, body: Mapping[str, Any]) -> Object:
        """Put an object in place of the one that has the same resource version."""
        return self._ask("PUT", path, None, body)

    def delete(self, path: str, options: Mapping[str, Any] | None = None) -> Object:
        """Delete an object; the object, or a `Status`."""
        return self._ask("DELETE", path, None, options)

    def list(self, path: str, query: Query | None = None, *, page: int = 500) -> Iterator[Object]:
        """A list, page by page; each has `items` and `metadata.resourceVersion`. Raises Expired in between
        when it took too long to go through."""
        following: dict[str, str | int] = {**(query or {}), "limit": page}
        while True:
            found = self.get(path, following)
            yield found
            token = (found.get("metadata") or {}).get("continue")
            if not token:
                return
            following["continue"] = token

    @contextmanager
    def open(
        self, path: str, query: Query | None = None, *, read_timeout: float = _READ_SECONDS
    ) -> Iterator[Iterator[bytes]]:
        """A body as it comes, in pieces: a watch, a log. `read_timeout`: seconds without a byte."""
        answer = self._send("GET", path, query, None, None, read_timeout=read_timeout, whole=False)
        try:
            yield _pieces(answer)
        finally:
            # What is not read to its end can't be used for another request.
            answer.close()
            answer.release_conn()

    def _ask(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Object:
        answer = self._send(method, path, query, body, content_type, read_timeout=_READ_SECONDS, whole=True)
        try:
            found = json.loads(answer.data)
        except ValueError as exc:
            raise errors.Unreachable(f"the Kubernetes API server answers no JSON: {exc}") from exc
        return dict(found)

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: Any,
        content_type: str | None,
        *,
        read_timeout: float,
        whole: bool,
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self._connection.server}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        with errors.of_transport():
            answer = self._request(method, url, body, content_type, read_timeout, whole=whole, anew=False)
            if answer.status == _UNAUTHORIZED:
                answer.drain_conn()
                answer = self._request(method, url, body, content_type, read_timeout, whole=whole, anew=True)
            if answer.status >= _ERRORS_FROM:
                raise errors.of_answer(answer.status, answer.data, answer.headers.get("retry-after"))
        return answer

    def _request(
        self,
        method: str,
        url: str,
        body: Any,
        content_type: str | None,
        read_timeout: float,
        *,
        whole: bool,
        anew: bool,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"accept": "application/json, */*", **self._connection.headers(anew)}
        if body is not None:
            headers["content-type"] = content_type or "application/json"
        return self._pool.request(
            method,
            url,
            headers=headers,
            body=json.dumps(body).encode() if body is not None else None,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=read_timeout),
            preload_content=whole,
        )


def _pieces(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    with errors.of_transport():
        while piece := answer.read1(_PIECE):
            yield piece


def lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The lines that pieces make up; a last one without an end is not given: it was cut off."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
