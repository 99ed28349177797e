"""What a refused call says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import status_pb2  # type: ignore[import-untyped]

Detail = TypeVar("Detail", bound=Message)


@dataclass
class Refusal:
    """Filled in when the call was refused."""

    message: str = ""
    trailers: tuple[tuple[str, Any], ...] = ()

    def detail(self, kind: type[Detail]) -> Detail:
        """The one detail of the status."""
        packed = dict(self.trailers)["grpc-status-details-bin"]
        status = status_pb2.Status.FromString(packed)
        detail = kind()
        assert status.details[0].Unpack(detail), status
        return detail


@contextmanager
def refused(code: grpc.StatusCode, *fragments: str) -> Iterator[Refusal]:
    """The block makes one call, refused with this code and a message with these fragments."""
    refusal = Refusal()
    with pytest.raises(grpc.RpcError) as caught:
        yield refusal
    error: Any = caught.value
    assert (error.code(), error.details()) == (code, error.details())
    refusal.message = error.details()
    refusal.trailers = tuple(error.trailing_metadata() or ())
    for fragment in fragments:
        assert fragment in refusal.message
