"""Launch-plan nodes: launching the executions they wait for, aborting them, hearing of their ends."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.propeller import clock
from sandbox.propeller.children import ChildLauncher, child_of, launching_node
from sandbox.propeller.core import events
from sandbox.propeller.core.state import Node
from sandbox.propeller.holdings import ChildPlace, Holdings
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
        self._pool.perform(running, lambda: self._launch(running, node, attempt), pooled=True)

    def abort(self, running: Running, node: Node, attempt: int, reason: str) -> None:
        """Wish the end of a node's child, which is waited for; without a child, the node is over."""
        self._pool.perform(running, lambda: self._abort(running, node, attempt, reason), pooled=True)

    def look(self, execution_ids: set[int]) -> None:
        """Find children of these executions that ended. On any thread; raises store.errors.Unavailable."""
        self._look(self._holdings.awaited_children(execution_ids))

    def hear(self, child_ids: set[int]) -> None:
        """Executions ended that may be children of ours. On any thread; raises store.errors.Unavailable."""
        if child_ids and self._holdings.awaits_children():
            with self._database.reading() as connection:
                self._tell(leases.ended_executions(connection, child_ids))

    def _look(self, places: list[ChildPlace]) -> None:
        if places:
            with self._database.reading() as connection:
                self._tell(leases.ended_children(connection, places))

    def _tell(self, ended: list[leases.EndedChild]) -> None:
        for child in ended:
            waiting = self._holdings.take_child((child.parent_node_execution_id, child.execution))
            if waiting is not None:
                self._ended(*waiting, child)

    def _launch(self, running: Running, node: Node, attempt: int) -> Answer:
        """Launch, tell, wait, and look once: a child that was there before may have ended before anyone
        waited.
        """
        row_id = running.node_rows[launching_node(running, node).unique_id]
        answer = self._launcher.launch(running, node, attempt, row_id)
        if answer is not None:
            self._pool.deliver(running, answer)
        place = (row_id, child_of(running, node, attempt))
        self._holdings.await_child(place, running.id, node.number)
        self._look([place])
        return None

    def _abort(self, running: Running, node: Node, attempt: int, reason: str) -> Answer:
        if self._launcher.abort(running, node, attempt, reason):
            return None
        row_id = running.node_rows[launching_node(running, node).unique_id]
        self._look([(row_id, child_of(running, node, attempt))])
        if node.child is not None:
            return None
        return events.ChildEnded(clock.now(), node.number, attempt, aborted=True)
