"""Answering a gate: approve, reject, or give the value that it waits for."""

from __future__ import annotations

from flyteidl.core import types_pb2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox.console import context, errors, gates, inputs
from sandbox.console.context import Console
from sandbox.console.forms import Form
from sandbox.console.pages import executions
from sandbox.idl.identifiers import ExecutionId


def give(request: Request, posted: Form) -> Response:
    """Give a signal of the execution, or show the node's panel again with what is wrong."""
    console = context.of(request)
    address = executions.Address(request)
    signal = posted.get("signal", "")
    try:
        value = gates.read(_type_of(console, address.execution, signal), posted)
        console.admin.set_signal(address.execution, signal, value)
    except inputs.InvalidInput as exc:
        return executions.answered_wrongly(request, posted, str(exc))
    except errors.Refused as exc:
        return executions.answered_wrongly(request, posted, exc.message)
    return RedirectResponse(address.href(), 303)


def _type_of(console: Console, execution: ExecutionId, signal: str) -> types_pb2.LiteralType:
    """What admin takes for the signal: the last word, whatever the page was made of."""
    for known in console.admin.signals(execution):
        if known.id.signal_id == signal:
            kind: types_pb2.LiteralType = known.type
            return kind
    raise errors.Refused(f"No node of the execution waits for a signal {signal!r}.")
