"""The engine's truth: each execution's history, append-only and gapless.

The primary key (execution, sequence) makes the history safe against two engines that believe to own one
execution: the later one's append finds its place taken and is told so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.store.database import Connection


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of `execution_events`; the payload's format is the engine's."""

    execution_id: int
    sequence: int
    payload: bytes


_APPEND = """
INSERT INTO execution_events (execution_id, sequence, payload)
SELECT v.execution_id, v.sequence, v.payload
FROM unnest(%(executions)s::bigint[], %(sequences)s::int[], %(payloads)s::bytea[])
     AS v(execution_id, sequence, payload)
WHERE v.execution_id IN (
    SELECT id FROM executions
    WHERE id = ANY(%(distinct)s::bigint[]) AND lease_owner = %(owner)s AND NOT terminal
    FOR NO KEY UPDATE
)
ON CONFLICT DO NOTHING
RETURNING execution_id
"""

_LOAD = "SELECT payload FROM execution_events WHERE execution_id = %(execution)s ORDER BY sequence"


def append(connection: Connection, owner: str, events: Sequence[StoredEvent]) -> set[int]:
    """Append to the histories of executions that `owner` leases.

    Returns the executions that could not be written: their lease is another's now, or another wrote at the
    same place, or they are over. The caller rolls back, and tries again without them.
    """
    executions = [event.execution_id for event in events]
    arguments = {
        "executions": executions,
        "sequences": [event.sequence for event in events],
        "payloads": [event.payload for event in events],
        "distinct": sorted(set(executions)),
        "owner": owner,
    }
    written: dict[int, int] = {}
    for (execution,) in connection.exec_driver_sql(_APPEND, arguments):
        written[execution] = written.get(execution, 0) + 1
    wanted: dict[int, int] = {}
    for execution in executions:
        wanted[execution] = wanted.get(execution, 0) + 1
    return {execution for execution, number in wanted.items() if written.get(execution, 0) != number}


def load(connection: Connection, execution_id: int) -> list[bytes]:
    """The payloads of an execution's history, in order."""
    rows = connection.exec_driver_sql(_LOAD, {"execution": execution_id})
    return [bytes(payload) for (payload,) in rows]
