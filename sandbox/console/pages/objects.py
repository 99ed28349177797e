"""What lies outside the pages: logs, decks and files in the object store."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from sandbox.console import context, errors, guard
from sandbox.console.logs import LogChunk, LogReader
from sandbox.idl.identifiers import AttemptKey, UniqueNodeId

_PIECE = 64 * 1024


def log(request: Request) -> Response:
    """`/logs/…`: all that was printed so far, or with `offset=` what came after (negative: the last bytes).

    The headers say where the piece ends, to ask on from there.
    """
    console = context.of(request)
    key = _attempt(request)
    asked = request.query_params.get("offset")
    if asked is None:
        return _whole_log(console, key)
    chunk = console.logs.read(key, _number(asked), console.settings.log_chunk)
    if chunk is None:
        raise errors.NotFound("Nothing was printed yet.", remedy="Reload when the attempt has started.")
    headers = {"x-log-offset": str(chunk.offset), "x-log-end": str(chunk.end), "x-log-size": str(chunk.size)}
    return PlainTextResponse(chunk.data, headers=headers)


def _attempt(request: Request) -> AttemptKey:
    node = UniqueNodeId(request.path_params["node"])
    return AttemptKey(context.execution_id(request), node, int(request.path_params["attempt"]))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as exc:
        raise errors.Refused(f"“{text}” is no offset.", remedy="Give a number of bytes.") from exc


def _whole_log(console: context.Console, key: AttemptKey) -> Response:
    first = console.logs.read(key, 0, console.settings.log_chunk)
    if first is None:
        raise errors.NotFound(
            f"There is no log of attempt {key.attempt} of node {key.node} in {key.execution}.",
            remedy="It appears when the attempt starts; nodes that came from the cache have none.",
        )
    return StreamingResponse(
        _pieces(console.logs, key, first, console.settings.log_chunk), media_type="text/plain"
    )


def _pieces(logs: LogReader, key: AttemptKey, first: LogChunk, limit: int) -> Iterator[bytes]:
    """The log up to the size it had when it was asked for."""
    chunk: LogChunk | None = first
    while chunk is not None and chunk.data:
        yield chunk.data
        if chunk.end >= first.size:
            return
        chunk = logs.read(key, chunk.end, limit)


def deck(request: Request) -> Response:
    """The node's deck, in an origin of its own: what a task drew must not act as the reader."""
    console = context.of(request)
    url = console.admin.deck_url(context.execution_id(request), request.path_params["node"])
    connection, answer = _fetch(url, console.settings.call_timeout)
    if answer.status == 404:
        connection.close()
        raise errors.NotFound("The deck is not there (yet).", remedy="Reload when the task has finished.")
    size = int(answer.headers.get("content-length") or 0)
    if answer.status != 200 or size > console.settings.deck_limit:
        connection.close()
        _refuse_deck(answer.status, size)
    headers = {"content-security-policy": guard.DECK_POLICY}
    return StreamingResponse(_body(connection, answer), media_type="text/html", headers=headers)


def _refuse_deck(status: int, size: int) -> None:
    if status != 200:
        raise errors.Unavailable(f"The object store answered {status} for the deck.")
    raise errors.Refused(
        f"The deck has {size:,} bytes: too many for a page.", remedy="Download it with the SDK."
    )


def _fetch(url: str, timeout: float) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=timeout)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection, connection.getresponse()
    except OSError as exc:
        connection.close()
        raise errors.Unavailable(f"The object store does not answer: {exc}.") from exc


def _body(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> Iterator[bytes]:
    with closing(connection):
        while piece := answer.read(_PIECE):
            yield piece


def download(request: Request) -> Response:
    """Leads to a signed URL of an object in the store."""
    uri = request.query_params.get("uri", "")
    if not uri.startswith("s3://"):
        raise errors.Refused(
            "Only objects of the sandbox's store can be downloaded.", remedy="Give an s3:// URI."
        )
    return RedirectResponse(context.of(request).admin.download_url(uri), 302)
