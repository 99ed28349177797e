"""Signals: values that a gate node waits for and a person gives."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from sandbox.idl.identifiers import ExecutionId
from sandbox.store import database, errors, executions, filters, listing, tables
from sandbox.store.database import Connection


@dataclass(frozen=True, slots=True)
class Signal:
    """A row of `signals`."""

    id: int
    execution: ExecutionId
    signal_id: str
    type: bytes
    """`core.LiteralType` that the value must have."""
    value: bytes | None
    """`core.Literal`; None until it was set."""
    created_at: datetime
    updated_at: datetime


_EXPECT = """
INSERT INTO signals (execution_id, signal_id, type) VALUES (%(execution)s, %(signal)s, %(type)s)
ON CONFLICT DO NOTHING
"""

_EXPECTED = "SELECT type FROM signals WHERE execution_id = %(execution)s AND signal_id = %(signal)s"

_GIVEN = """
SELECT s.execution_id, s.signal_id, s.value
FROM unnest(%(executions)s::bigint[], %(signals)s::text[]) AS wanted(execution_id, signal_id)
JOIN signals AS s USING (execution_id, signal_id)
WHERE s.value IS NOT NULL
"""

_T = tables.signals
_E = tables.executions
_SELECT = sa.select(
    _T.c.id,
    _E.c.execution_project,
    _E.c.execution_domain,
    _E.c.execution_name,
    _T.c.signal_id,
    _T.c.type,
    _T.c.value,
    _T.c.created_at,
    _T.c.updated_at,
).join_from(_T, _E, _T.c.execution_id == _E.c.id)
_FIELDS = filters.Fields(
    "signal",
    filters.columns_of(_T, **executions.aliases(_E)),
    {"execution": filters.Related(filters.columns_of(_E, **executions.aliases(_E, "execution")))},
)


def get_or_create(
    connection: Connection, execution: ExecutionId, signal_id: str, literal_type: bytes
) -> Signal:
    """The signal, made on first use; `NotFound` execution."""
    execution_id = executions.row_id(connection, execution)
    connection.execute(
        pg.insert(_T)
        .values(execution_id=execution_id, signal_id=signal_id, type=literal_type)
        .on_conflict_do_nothing()
    )
    return get(connection, execution, signal_id)


def get(connection: Connection, execution: ExecutionId, signal_id: str) -> Signal:
    """One signal; `NotFound`."""
    execution_id = executions.row_id(connection, execution)
    row = connection.execute(
        _SELECT.where(_T.c.execution_id == execution_id, _T.c.signal_id == signal_id)
    ).first()
    if row is None:
        raise errors.NotFound(f"No node of the execution {execution} waits for a signal {signal_id!r} (yet).")
    return _from_row(row)


def set_value(connection: Connection, execution: ExecutionId, signal_id: str, value: bytes) -> Signal:
    """Give the value and announce it on the executions' channel; `NotFound` if nobody asked for it.

    As in Flyte another value replaces one that was given before: it is too late for gates that have it.
    """
    found = get(connection, execution, signal_id)
    execution_id = connection.execute(
        sa.update(_T)
        .where(_T.c.id == found.id)
        .values(value=value, updated_at=sa.func.now())
        .returning(_T.c.execution_id)
    ).scalar_one()
    database.notify(connection, executions.CHANNEL, str(execution_id))
    return get(connection, execution, signal_id)


def expect(connection: Connection, execution_id: int, signal_id: str, literal_type: bytes) -> bytes:
    """Make known what a gate waits for. Returns the type under which the signal is known, from now on or
    already.
    """
    arguments = {"execution": execution_id, "signal": signal_id, "type": literal_type}
    connection.exec_driver_sql(_EXPECT, arguments)
    return bytes(connection.exec_driver_sql(_EXPECTED, arguments).scalar_one())


def given(connection: Connection, wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], bytes]:
    """Those of the signals (row id of the execution, name) that were given, with their values."""
    executions_wanted, names = zip(*wanted, strict=True)
    rows = connection.exec_driver_sql(_GIVEN, {"executions": list(executions_wanted), "signals": list(names)})
    return {(row[0], row[1]): bytes(row[2]) for row in rows}


def list_page(
    connection: Connection, execution: ExecutionId, request: listing.Listing
) -> listing.Page[Signal]:
    """The signals of an execution; `NotFound` execution."""
    statement = _SELECT.where(_T.c.execution_id == executions.row_id(connection, execution))
    return listing.fetch(connection, statement, request, _FIELDS, _from_row, tie=(_T.c.id,))


def _from_row(row: Any) -> Signal:
    row_id, project, domain, name, *rest = row
    return Signal(row_id, ExecutionId(project, domain, name), *rest)
