"""What can come of a call to a connector.

```
ConnectorError       carries the endpoint and what it said
├── Unreachable      it is down, overloaded, or took too long: another try may help
├── Refused          it will never do this: no such connector, a bad request, no permission
└── Broke            the connector's own code raised
```
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import grpc


class ConnectorError(Exception):
    """A connector did not do what it was asked."""

    def __init__(self, endpoint: str, code: str, said: str) -> None:
        super().__init__(f"the connector at {endpoint} answered {code}: {said}")
        self.endpoint = endpoint
        self.code = code
        """The name of a gRPC status."""
        self.said = said


class Unreachable(ConnectorError):
    """It is down, overloaded, or took too long."""


class Refused(ConnectorError):
    """It will never do this."""


class Broke(ConnectorError):
    """Its own code raised."""


_KINDS: dict[grpc.StatusCode, type[ConnectorError]] = {
    grpc.StatusCode.UNAVAILABLE: Unreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Unreachable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Unreachable,
    grpc.StatusCode.ABORTED: Unreachable,
    grpc.StatusCode.CANCELLED: Unreachable,
    grpc.StatusCode.INTERNAL: Broke,
    grpc.StatusCode.UNKNOWN: Broke,
    grpc.StatusCode.DATA_LOSS: Broke,
    grpc.StatusCode.OK: Broke,  # it said that all is well, and sent no answer
    grpc.StatusCode.NOT_FOUND: Refused,
    grpc.StatusCode.ALREADY_EXISTS: Refused,
    grpc.StatusCode.INVALID_ARGUMENT: Refused,
    grpc.StatusCode.FAILED_PRECONDITION: Refused,
    grpc.StatusCode.OUT_OF_RANGE: Refused,
    grpc.StatusCode.PERMISSION_DENIED: Refused,
    grpc.StatusCode.UNAUTHENTICATED: Refused,
    grpc.StatusCode.UNIMPLEMENTED: Refused,
}


@contextmanager
def translated(endpoint: str) -> Iterator[None]:
    """Turns gRPC's errors into these."""
    try:
        yield
    except grpc.RpcError as error:
        call = cast(grpc.Call, error)  # what a call raises is the call itself
        code = call.code()
        raise _KINDS[code](endpoint, code.name, call.details() or "it gave no reason") from error
    except ValueError as error:  # gRPC's word for a channel that was closed meanwhile
        raise Unreachable(endpoint, "CANCELLED", str(error)) from error
