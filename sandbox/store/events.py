"""The engine's truth: each execution's history, append-only and gapless.

Histories are appended to by `projections.commit`, together with the rows that follow from them. The primary
key (execution, sequence) makes a history safe against two engines that believe to own one execution: the
later one's append finds its place taken and is told so.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.store.database import Connection


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of `execution_events`; the payload's format is the engine's."""

    execution_id: int
    sequence: int
    payload: bytes


_LOAD = "SELECT payload FROM execution_events WHERE execution_id = %(execution)s ORDER BY sequence"


def load(connection: Connection, execution_id: int) -> list[bytes]:
    """The payloads of an execution's history, in order."""
    rows = connection.exec_driver_sql(_LOAD, {"execution": execution_id})
    return [bytes(payload) for (payload,) in rows]
