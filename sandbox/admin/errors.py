"""How a failure becomes a gRPC status.

```
AdminError
├── InvalidRequest        INVALID_ARGUMENT     the request is wrong; sending it again won't help
├── EntityNotFound        NOT_FOUND            what it names isn't there
├── AlreadyRegistered     ALREADY_EXISTS       the name is taken by the same thing
├── WrongState            FAILED_PRECONDITION  not in this state of things
└── NotOffered            UNIMPLEMENTED        this installation doesn't do that
```

The store's and the compiler's errors have their codes in `_CODES`. Whatever else is raised is our defect:
INTERNAL, with a reference under which the log has the traceback. UNKNOWN is never answered: flytekit takes it
for a login that is needed.

A status travels in HTTP/2 trailers, which clients limit to 8 KiB (gRPC's default): messages are cut, and say
so.
"""

from __future__ import annotations

import inspect
import logging
import uuid
from dataclasses import dataclass
from typing import ClassVar

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import status_pb2  # type: ignore[import-untyped]

from sandbox.compiler.errors import CompilationFailed, InputsRejected
from sandbox.store import errors as store_errors

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 2800
_CUT = " … (cut: the message was too long)"


class AdminError(Exception):
    """The request can't be answered."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL

    def __init__(self, message: str = "", detail: Message | None = None) -> None:
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or ""))
        self.detail = detail
        """A message that clients find in the status's details, as Flyte sends it."""


class InvalidRequest(AdminError):
    """The request is wrong."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class EntityNotFound(AdminError):
    """There is no such thing."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyRegistered(AdminError):
    """It is registered already."""

    code = grpc.StatusCode.ALREADY_EXISTS


class WrongState(AdminError):
    """That isn't possible in the present state."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class NotOffered(AdminError):
    """This installation doesn't offer that."""

    code = grpc.StatusCode.UNIMPLEMENTED


def missing(field: str) -> InvalidRequest:
    """A field of the request that must be set and isn't."""
    return InvalidRequest(f"missing {field}")


@dataclass(frozen=True, slots=True)
class Status:
    """What a client is told."""

    code: grpc.StatusCode
    message: str
    detail: Message | None = None

    def trailer(self) -> tuple[tuple[str, bytes], ...]:
        """The trailing metadata that carries the detail (`google.rpc.Status`), or nothing."""
        if self.detail is None:
            return ()
        packed = any_pb2.Any()
        packed.Pack(self.detail)
        number: int = self.code.value[0]
        status = status_pb2.Status(code=number, message=self.message, details=[packed])
        return (("grpc-status-details-bin", status.SerializeToString()),)


_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (CompilationFailed, grpc.StatusCode.INVALID_ARGUMENT),
    (InputsRejected, grpc.StatusCode.INVALID_ARGUMENT),
    (store_errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (store_errors.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (store_errors.Conflict, grpc.StatusCode.ABORTED),
    (store_errors.InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (store_errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
)


def status_of(error: Exception, *, method: str) -> Status:
    """The status that tells a client about a failure of `method`; logs the ones that are our fault."""
    if isinstance(error, AdminError):
        return Status(error.code, cut(str(error)), error.detail)
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Status(code, cut(str(error)))
    reference = uuid.uuid4().hex[:8]
    log.error("%s failed unexpectedly (reference %s)", method, reference, exc_info=error)
    return Status(
        grpc.StatusCode.INTERNAL,
        f"{method} failed unexpectedly: a defect of the sandbox. Its log has the details under reference "
        f"{reference} (`sandbox logs control-plane`).",
    )


def cut(message: str) -> str:
    """The message, shortened to what trailers may carry."""
    encoded = message.encode()
    if len(encoded) <= MAX_MESSAGE_BYTES:
        return message
    room = MAX_MESSAGE_BYTES - len(_CUT.encode())
    return encoded[:room].decode(errors="ignore") + _CUT
