"""The API server, as much of it as the node's own small controllers need: lists, changes, and waiting for
them."""

from __future__ import annotations

import json
import ssl
import urllib.parse
import urllib.request
from typing import Any

from node import pki
from node.settings import Settings

_SECONDS = 10
_WATCH_SECONDS = 300


class Api:
    """A client with a certificate of its own. All methods raise OSError, which urllib's errors are."""

    def __init__(self, settings: Settings, user: str) -> None:
        self._base = f"https://{settings.server}:6443"
        self._context = ssl.create_default_context(cafile=str(pki.CA))
        self._context.load_cert_chain(pki.certificate(user), pki.key(user))

    def list(self, path: str) -> tuple[list[dict[str, Any]], str]:
        """All objects of a collection, and the version from which to watch it."""
        document = self.request("GET", path)
        return list(document.get("items") or ()), document["metadata"]["resourceVersion"]

    def wait_for_change(self, path: str, version: str, seconds: int = _WATCH_SECONDS) -> None:
        """Until an object comes, goes or changes, or the time is over."""
        query = urllib.parse.urlencode({"watch": 1, "timeoutSeconds": seconds, "resourceVersion": version})
        url = f"{self._base}{path}?{query}"
        with urllib.request.urlopen(url, context=self._context, timeout=seconds + 10) as stream:
            stream.readline()

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call; a body is JSON, and a merge patch with PATCH."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._base}{path}", data, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, context=self._context, timeout=_SECONDS) as answer:
            return dict(json.load(answer))
