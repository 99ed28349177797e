"""How the catalog's errors go to its clients: each with the gRPC code that Flyte uses, none as UNKNOWN."""

from __future__ import annotations

import functools
import logging
import uuid
from collections.abc import Callable
from typing import TypeVar

import grpc

from sandbox.store import errors as store_errors

_log = logging.getLogger(__name__)

Servicer = TypeVar("Servicer")
Request = TypeVar("Request")
Response = TypeVar("Response")


class InvalidArgument(Exception):
    """The request lacks something, or says something that can't be."""


_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (InvalidArgument, grpc.StatusCode.INVALID_ARGUMENT),
    (store_errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (store_errors.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (store_errors.Conflict, grpc.StatusCode.ABORTED),
    (store_errors.InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (store_errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
)


def code_of(error: Exception) -> grpc.StatusCode | None:
    """The code of an error that was foreseen; None for a bug."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), None)


def answering(
    call: Callable[[Servicer, Request], Response],
) -> Callable[[Servicer, Request, grpc.ServicerContext], Response]:
    """Make an RPC of a method: what it raises ends the call with a fitting code and message."""

    @functools.wraps(call)
    def rpc(servicer: Servicer, request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return call(servicer, request)
        except (
            Exception
        ) as error:  # The outermost frame of a call: nothing is hidden, everything is answered.
            code = code_of(error)
            if code is None:
                context.abort(grpc.StatusCode.INTERNAL, _report(call.__name__, error))
            else:
                context.abort(code, str(error))
            raise  # Not reached: abort raises.

    return rpc


def _report(method: str, error: Exception) -> str:
    """Log a bug and say where it is found."""
    reference = uuid.uuid4().hex[:8]
    _log.exception("DataCatalog.%s failed, reference %s", method, reference, exc_info=error)
    return (
        f"DataCatalog.{method} failed unexpectedly; see the reference {reference} in the control plane's log."
    )
