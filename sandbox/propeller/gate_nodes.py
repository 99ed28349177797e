"""Gate nodes that wait for a person: telling what they wait for, hearing of the answer, acting on it.

What a gate waits for is a row of `signals`, which is there before anybody sees that it waits (`preparing`);
whoever gives the value finds it by its name. The row is looked at when the gate begins to wait, when the
execution is announced (a value was given), now and then, and once more when the gate's time is up: a value
that was given in time counts, however late it is heard of.

A name is answered once for all gates of an execution that bear it.
"""

from __future__ import annotations

from collections.abc import Callable

from flyteidl.core import literals_pb2

from sandbox.propeller import clock
from sandbox.propeller.core import events
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.kinds import gate
from sandbox.propeller.core.state import Node, NodePhase
from sandbox.propeller.holdings import Holdings
from sandbox.propeller.literal_store import LiteralStore, UnreadableLiterals
from sandbox.propeller.pool import Answer, Pool
from sandbox.propeller.running import Running
from sandbox.store import errors, signals
from sandbox.store.database import Database


class GateNodes:
    """`given` is called, on any thread, with an execution's row id, a node's number and the value."""

    def __init__(
        self,
        database: Database,
        literals: LiteralStore,
        holdings: Holdings,
        pool: Pool,
        given: Callable[[int, int, literals_pb2.Literal], None],
    ) -> None:
        self._database = database
        self._literals = literals
        self._holdings = holdings
        self._pool = pool
        self._given = given

    def wait(self, running: Running, node: Node) -> None:
        """Wait for what a gate waits for."""
        self._holdings.await_signal(running.id, node.number, gate.signal_of(node))
        self._pool.perform(running, lambda: self._ask(running, node), pooled=True)

    def expire(self, running: Running, node: Node, timer: str) -> None:
        """The time of a gate is up, unless it was answered and nobody heard it."""
        if node.phase is NodePhase.RUNNING:
            self._pool.perform(running, lambda: self._ask(running, node, timer), pooled=True)

    def look(self, execution_ids: set[int]) -> None:
        """Find signals of these executions that were given. Any thread; raises store.errors.Unavailable."""
        waiting = self._holdings.awaited_signals(execution_ids)
        if not waiting:
            return
        with self._database.reading() as connection:
            found = signals.given(connection, {(execution, name) for execution, _, name in waiting})
        for execution, number, name in waiting:
            if (execution, name) in found:
                self._hand_over(execution, number, literals_pb2.Literal.FromString(found[execution, name]))

    def decide(self, running: Running, node: Node, value: literals_pb2.Literal) -> events.SignalGiven:
        """Write what the gate passes on. Raises store.errors.Unavailable when it should be tried again."""
        condition = node.spec.proto.gate_node
        if condition.WhichOneof("condition") == "signal":
            outputs = literals_pb2.LiteralMap(literals={condition.signal.output_variable_name: value})
        else:
            failure = _refusal(value)
            if failure is not None:
                return _answer(node, failure)
            try:
                outputs = self._literals.get(running.places.inputs(node))
            except (errors.ObjectNotFound, UnreadableLiterals) as error:
                return _answer(
                    node, Failure("RuntimeExecutionError", f"failed to read input: {error}", SYSTEM)
                )
        self._literals.put(running.places.outputs(node), outputs)
        return _answer(node)

    def _ask(self, running: Running, node: Node, timer: str = "") -> Answer:
        """Look whether the signal was given. `timer`: what has fired, if it was not."""
        place = (running.id, gate.signal_of(node))
        with self._database.reading() as connection:
            found = signals.given(connection, {place})
        if place in found:
            self._hand_over(running.id, node.number, literals_pb2.Literal.FromString(found[place]))
        elif timer:
            return events.TimerFired(clock.now(), node.number, timer)
        return None

    def _hand_over(self, execution_id: int, number: int, value: literals_pb2.Literal) -> None:
        """Only the first value that was found counts, so that what is written is what was decided."""
        if self._holdings.take_signal(execution_id, number):
            self._given(execution_id, number, value)


def _refusal(value: literals_pb2.Literal) -> Failure | None:
    """Why a gate that asks for approval does not let its inputs pass, if it does not."""
    if value.scalar.primitive.WhichOneof("value") != "boolean":
        return Failure(
            "RuntimeExecutionError", f"received a non-boolean approve signal value [{value}]", USER
        )
    if not value.scalar.primitive.boolean:
        message = "received a reject signal to disapprove the node input values"
        return Failure("ReceivedRejectSignal", message, USER)
    return None


def _answer(node: Node, failure: Failure | None = None) -> events.SignalGiven:
    return events.SignalGiven(clock.now(), node.number, failure)
