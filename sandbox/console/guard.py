"""What protects the console from other sites in the same browser.

- A request under a strange host name is refused: a name that a stranger controls may point at this machine
  (DNS rebinding), and then its pages would count as our own.
- A request that changes something must come from a page of ours.
- Headers: no framing by others, no scripts but our own files, nothing kept in caches.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.console import errors

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
DECK_POLICY = (
    "sandbox allow-scripts allow-popups; default-src 'none'; "
    "script-src 'unsafe-inline' 'unsafe-eval' https: data:; "
    "style-src 'unsafe-inline' https:; img-src data: blob: https:; font-src data: https:; "
    "media-src data: https:; frame-ancestors 'self'"
)
"""For decks: whatever the task drew may run, but in an origin of its own, without a way to our pages."""

_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".test")


def is_trusted_host(host: str, allowed: Collection[str]) -> bool:
    """Whether it can't be a stranger's name: an address, a local name, or one that was allowed."""
    name = urlsplit(f"//{host}").hostname if host else None
    if not name:
        return False
    if name in allowed or "." not in name or name.endswith(_LOCAL_SUFFIXES):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def require_same_origin(headers: Headers) -> None:
    """Raise Forbidden unless the browser says that the request comes from one of our own pages.

    The scheme is not compared: a proxy in front may speak TLS.
    """
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin") or headers.get("referer")
    if site not in (None, "same-origin"):
        raise errors.Forbidden("The request came from a page of another site.")
    if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
        raise errors.Forbidden("The request came from a page of another site.")
    if site is None and origin is None:
        raise errors.Forbidden("The request does not say which page it comes from.")


class SecurityHeaders:
    """ASGI middleware that adds the headers to every answer that has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", POLICY)
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("referrer-policy", "same-origin")
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, sending)
