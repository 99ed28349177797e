"""What can go wrong on the way to a page, and how admin's answers become it.

ConsoleError
├── NotFound            404
├── Refused             400, 409 (already exists), 412 (not possible in this state)
├── Forbidden           403
├── NotSupported        501
└── Unavailable         503, 504
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc


class ConsoleError(Exception):
    """The page could not be made."""

    status = 500
    title = "Something went wrong"
    remedy = "Reload the page. If it stays, `sandbox logs control-plane` says more."

    def __init__(self, message: str, *, remedy: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if remedy is not None:
            self.remedy = remedy
        if status is not None:
            self.status = status


class NotFound(ConsoleError):
    """There is no such thing."""

    status = 404
    title = "Not found"
    remedy = "Check the address: project, domain, name and version must match what was registered."


class Refused(ConsoleError):
    """Admin understood the request and declined it."""

    status = 400
    title = "Not accepted"
    remedy = "Go back, change what the message names, and try again."


class Forbidden(ConsoleError):
    """The browser asked on behalf of another site."""

    status = 403
    title = "Not allowed from here"
    remedy = "Open the console itself and repeat the action there."


class NotSupported(ConsoleError):
    """This sandbox can't do that yet."""

    status = 501
    title = "Not supported yet"
    remedy = "Use the SDK or the command line instead."


class Unavailable(ConsoleError):
    """Admin does not answer."""

    status = 503
    title = "The control plane does not answer"
    remedy = "It may still be starting: reload in a moment, or ask `sandbox status`."


@contextmanager
def from_admin() -> Iterator[None]:
    """Turn what a gRPC call raises into one of ours, keeping admin's own words."""
    try:
        yield
    except grpc.RpcError as exc:
        raise _translated(exc) from exc


def _translated(exc: grpc.RpcError) -> ConsoleError:
    code = exc.code()
    words = exc.details() or code.name
    if code is grpc.StatusCode.NOT_FOUND:
        return NotFound(words)
    if code is grpc.StatusCode.ALREADY_EXISTS:
        return Refused(words, status=409)
    if code in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED):
        return Refused(words, status=412, remedy="Reload the page: its state has changed meanwhile.")
    if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE):
        return Refused(words)
    if code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED):
        return Forbidden(words)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return NotSupported(words)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Refused(words, status=413, remedy="Fetch it with the SDK: it is too large for a page.")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unavailable("The control plane took too long to answer.", status=504)
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unavailable(f"No answer from the control plane: {words}.")
    return ConsoleError(f"The control plane answered {code.name}: {words}")
