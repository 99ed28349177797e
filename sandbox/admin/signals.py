"""Signals: what a gate node waits for and a person gives."""

from __future__ import annotations

from flyteidl.admin import signal_pb2
from flyteidl.core import identifier_pb2, literals_pb2, types_pb2

from sandbox.admin import errors, fields, pages
from sandbox.admin.context import AdminContext
from sandbox.idl import literals, types
from sandbox.idl.identifiers import ExecutionId
from sandbox.store import errors as store_errors
from sandbox.store import signals


def get_or_create(context: AdminContext, request: signal_pb2.SignalGetOrCreateRequest) -> signal_pb2.Signal:
    """GetOrCreateSignal."""
    execution, signal_id = _key(request.id)
    if not request.HasField("type"):
        raise errors.missing("type")
    with context.database.transaction() as connection:
        row = signals.get_or_create(connection, execution, signal_id, request.type.SerializeToString())
    return to_proto(row)


def list_(context: AdminContext, request: signal_pb2.SignalListRequest) -> signal_pb2.SignalList:
    """ListSignals: of one execution."""
    execution = fields.execution(request.workflow_execution_id)
    with context.database.reading() as connection:
        page = signals.list_page(connection, execution, pages.listing(request))
    return signal_pb2.SignalList(signals=pages.each(to_proto, page.items), token=page.token)


def set_(context: AdminContext, request: signal_pb2.SignalSetRequest) -> signal_pb2.SignalSetResponse:
    """SetSignal: give the value, which must have the signal's type.

    As in Flyte a signal that nobody waits for yet is a wrong argument, and one of an execution that is over
    can still be given.
    """
    execution, signal_id = _key(request.id)
    if not request.HasField("value"):
        raise errors.missing("value")
    with context.database.transaction() as connection:
        try:
            wanted = types_pb2.LiteralType.FromString(signals.get(connection, execution, signal_id).type)
        except store_errors.NotFound as error:
            raise errors.InvalidRequest(str(error)) from error
        if not literals.literal_matches_type(request.value, wanted):
            got = types.describe(literals.literal_type_of(request.value))
            raise errors.InvalidRequest(
                f"the signal {signal_id} of {execution} wants a {types.describe(wanted)}, not a {got}"
            )
        signals.set_value(connection, execution, signal_id, request.value.SerializeToString())
    return signal_pb2.SignalSetResponse()


def to_proto(row: signals.Signal) -> signal_pb2.Signal:
    """A signal as clients see it."""
    signal = signal_pb2.Signal(
        id=identifier_pb2.SignalIdentifier(signal_id=row.signal_id, execution_id=row.execution.to_proto()),
        type=types_pb2.LiteralType.FromString(row.type),
    )
    if row.value is not None:
        signal.value.CopyFrom(literals_pb2.Literal.FromString(row.value))
    return signal


def _key(proto: identifier_pb2.SignalIdentifier) -> tuple[ExecutionId, str]:
    return fields.execution(proto.execution_id), fields.text(proto.signal_id, "signal_id")
