"""The one place where an execution's progress is stored: events and rows of many executions in one statement.

A database that is away is waited for; a lease or a sequence that is someone else's by now is told, so that
the execution is dropped or loaded again.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

from sandbox.propeller import clock, patience, rows
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.state import Node
from sandbox.propeller.running import Running
from sandbox.store import errors, projections
from sandbox.store import events as history
from sandbox.store.database import Connection, Database

_LOG = logging.getLogger(__name__)
_NUMBERS = 256
"""Row ids drawn at once at least."""


class Committer:
    """Writes in the name of `owner`, the engine's name in leases. `stopping` ends the waiting."""

    def __init__(self, database: Database, owner: str, stopping: threading.Event) -> None:
        self._database = database
        self._owner = owner
        self._stopping = stopping
        self._numbers: deque[int] = deque()

    def write(self, batch: list[Running]) -> set[int]:
        """Store what these executions have new, however long the database is away.

        Returns the row ids of those that were not written, because they are another engine's now (or because
        of `stopping`). Raises store errors that are about one execution of several, or about none: writing
        them one by one finds it out.
        """
        tries = 0
        while True:
            try:
                return self._write(batch)
            except (errors.Unavailable, errors.Conflict) as error:
                if tries == 0:
                    _LOG.warning("the engine waits for the database: %s", error)
                if self._stopping.wait(patience.pause(tries)):
                    return {running.id for running in batch}
                tries += 1
            except errors.AlreadyExists:
                if len(batch) > 1:
                    raise
                return {batch[0].id}

    def show(self, running: Running, node: Node) -> None:
        """Write the task execution of a node's latest attempt as it stands, when nothing else is stored.

        Does nothing if the execution is another engine's now. Raises store errors.
        """
        row = rows.task_row(running, node, node.attempt, running.node_rows[node.unique_id])
        with self._database.reading() as connection:
            projections.refresh_tasks(connection, self._owner, [row])

    def _write(self, batch: list[Running]) -> set[int]:
        now = clock.now()
        with self._database.reading() as connection:
            self._number_nodes(connection, batch)
            return projections.commit(
                connection,
                self._owner,
                [
                    history.StoredEvent(running.id, running.committed + offset, payload)
                    for running in batch
                    for offset, payload in enumerate(running.events)
                ],
                [row for running in batch for row in _node_rows(running)],
                [row for running in batch for row in _task_rows(running)],
                [rows.execution_row(running, now) for running in batch if running.execution_changed],
            )

    def _number_nodes(self, connection: Connection, batch: list[Running]) -> None:
        """Give row ids to nodes that are written for the first time."""
        new = [
            (running, unique_id)
            for running in batch
            for number in running.nodes_changed
            if (unique_id := running.state.nodes[number].unique_id) not in running.node_rows
        ]
        missing = len(new) - len(self._numbers)
        if missing > 0:
            self._numbers.extend(projections.node_numbers(connection, max(missing, _NUMBERS)))
        for running, unique_id in new:
            running.node_rows[unique_id] = self._numbers.popleft()


def _node_rows(running: Running) -> list[projections.NodeRow]:
    nodes = running.state.nodes
    known = running.node_rows
    return [
        rows.node_row(
            running,
            node := nodes[number],
            known[node.unique_id],
            known[nodes[node.owner].unique_id] if node.owner >= 0 else None,
        )
        for number in running.nodes_changed
        if nodes[number].spec.kind is not NodeKind.END
    ]


def _task_rows(running: Running) -> list[projections.TaskRow]:
    nodes = running.state.nodes
    return [
        rows.task_row(
            running, node := nodes[number], node.attempts[attempt], running.node_rows[node.unique_id]
        )
        for number, attempt in running.attempts_changed
    ]
