"""Binds functions to the RPCs of a gRPC service.

Every RPC here is one request, one answer. A service is a table from RPC name to a function of (context,
request); what isn't in the table answers UNIMPLEMENTED with a reason. Parsing is done here and not by gRPC,
so that bytes which are no protobuf get INVALID_ARGUMENT and a readable message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from sandbox.admin import errors
from sandbox.admin.context import AdminContext

Behaviour = Callable[[AdminContext, Any], Message]
"""Answers one RPC, or raises."""


@dataclass(frozen=True, slots=True)
class Service:
    """A gRPC service and how it behaves."""

    descriptor: ServiceDescriptor
    behaviours: Mapping[str, Behaviour]
    refusals: Mapping[str, str]
    """RPC name to why it isn't offered, and what to do instead."""

    @property
    def name(self) -> str:
        """The full name: flyteidl.service.AdminService."""
        return self.descriptor.full_name

    def add_to(self, server: grpc.Server, context: AdminContext) -> None:
        """Register every RPC that the descriptor names."""
        handlers = {method.name: self._handler(method, context) for method in self.descriptor.methods}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(self.name, handlers),))

    def _handler(
        self, method: MethodDescriptor, context: AdminContext
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        behaviour = self.behaviours.get(method.name) or _refusing(method, self.refusals)
        return grpc.unary_unary_rpc_method_handler(_answering(method, behaviour, context))


def _refusing(method: MethodDescriptor, refusals: Mapping[str, str]) -> Behaviour:
    reason = refusals.get(method.name, "The sandbox doesn't offer it.")

    def refuse(context: AdminContext, request: Message) -> Message:
        raise errors.NotOffered(f"{method.name} isn't available: {reason}")

    return refuse


def _answering(
    method: MethodDescriptor, behaviour: Behaviour, context: AdminContext
) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    request_class = GetMessageClass(method.input_type)

    def answer(payload: bytes, call: grpc.ServicerContext) -> bytes:
        try:
            return behaviour(context, _parse(request_class, payload)).SerializeToString()
        except Exception as error:
            # The boundary: whatever went wrong is turned into a status here, and logged if it is a defect.
            _fail(call, errors.status_of(error, method=method.name))

    return answer


def _parse(request_class: type[Message], payload: bytes) -> Message:
    try:
        return request_class.FromString(payload)
    except DecodeError as exc:
        raise errors.InvalidRequest(
            f"The request is no {request_class.DESCRIPTOR.full_name}: its bytes can't be read as a protobuf "
            f"({exc}). Is the client built for Flyte 1.x?"
        ) from exc


def _fail(call: grpc.ServicerContext, status: errors.Status) -> NoReturn:
    trailer = status.trailer()
    if trailer:
        call.set_trailing_metadata(trailer)
    call.abort(status.code, status.message)
