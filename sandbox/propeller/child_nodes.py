"""Launch-plan nodes: launching the executions they wait for, aborting them, hearing of their ends."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.propeller import clock
from sandbox.propeller.children import ChildLauncher
from sandbox.propeller.core import events
from sandbox.propeller.core.state import Node
from sandbox.propeller.holdings import Holdings
from sandbox.propeller.pool import Answer, Pool
from sandbox.propeller.running import Running
from sandbox.store import leases
from sandbox.store.database import Database


class ChildNodes:
    """`ended` is called, on any thread, with an execution's row id, a node's number and its child."""

    def __init__(
        self,
        database: Database,
        launcher: ChildLauncher,
        holdings: Holdings,
        pool: Pool,
        ended: Callable[[int, int, leases.EndedChild], None],
    ) -> None:
        self._database = database
        self._launcher = launcher
        self._holdings = holdings
        self._pool = pool
        self._ended = ended

    def start(self, running: Running, node: Node, attempt: int) -> None:
        """Launch a node's child (or find it) and wait for its end."""
        row_id = running.node_rows[node.unique_id]
        self._holdings.await_child(row_id, running.id, node.number)
        self._pool.perform(running, lambda: self._launch(running, node, attempt, row_id), pooled=True)

    def abort(self, running: Running, node: Node, attempt: int, reason: str) -> None:
        """Wish the end of a node's child, which is waited for; without a child, the node is over."""
        self._pool.perform(running, lambda: self._abort(running, node, attempt, reason), pooled=True)

    def look(self, execution_ids: set[int]) -> None:
        """Find children of these executions that ended. On any thread; raises store.errors.Unavailable."""
        waiting = self._holdings.waiting(execution_ids)
        if not waiting:
            return
        with self._database.reading() as connection:
            for child in leases.ended_children(connection, list(waiting)):
                execution_id, node = waiting[child.parent_node_execution_id]
                self._ended(execution_id, node, child)

    def _launch(self, running: Running, node: Node, attempt: int, row_id: int) -> Answer:
        """Launch, tell, and look once: a child that was there before may have ended before anyone waited."""
        answer = self._launcher.launch(running, node, attempt, row_id)
        if answer is not None:
            self._pool.deliver(running, answer)
        self.look({running.id})
        return None

    def _abort(self, running: Running, node: Node, attempt: int, reason: str) -> Answer:
        if self._launcher.abort(running, node, attempt, reason):
            return None
        self.look({running.id})
        if node.child is not None:
            return None
        return events.ChildEnded(clock.now(), node.number, attempt, aborted=True)
