"""The core thread: one queue, one thread, all executions.

A turn takes what is in the mailbox, folds the events into the states, and lets the states say what they want.
Free commands (resolving inputs) are carried out at once, so that the end of one node and the beginning of
the next are one commit. Then all that changed, of whatever execution, is written in one statement: events
and the rows that people see. Only then are the durable commands carried out: starting and aborting attempts,
child executions, timers.

What may take long (the catalog, child executions, objects over the network) runs on a small pool and comes
back through the mailbox. A store that is down is waited for; nothing is decided meanwhile. An exception while
one execution is worked on is that execution's: it is loaded again from its history and failed with a system
error, others go on.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from flyteidl.core import literals_pb2

from sandbox.executors.api import AttemptUpdate
from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller import children, clock, patience, results, rows
from sandbox.propeller.child_nodes import ChildNodes
from sandbox.propeller.children import ChildLauncher
from sandbox.propeller.committer import Committer
from sandbox.propeller.core import commands, events, machine
from sandbox.propeller.core.failures import SYSTEM, Failure
from sandbox.propeller.core.state import Node, NodePhase
from sandbox.propeller.dispatcher import Dispatcher
from sandbox.propeller.elements import NodeInputs
from sandbox.propeller.gate_nodes import GateNodes
from sandbox.propeller.gathering import Gatherer
from sandbox.propeller.holdings import Holdings
from sandbox.propeller.literal_store import LiteralStore
from sandbox.propeller.mailbox import Mailbox
from sandbox.propeller.policies import Policies
from sandbox.propeller.pool import Answer, Pool
from sandbox.propeller.preparing import Blocked, Preparer
from sandbox.propeller.recovery import Recoverer
from sandbox.propeller.registry import ExecutorRegistry
from sandbox.propeller.results import Dynamic, ResultReader
from sandbox.propeller.running import Running
from sandbox.propeller.settings import EngineSettings
from sandbox.propeller.timers import Timers
from sandbox.propeller.unfolding import Unfolded, Unfolder
from sandbox.store import errors, leases, projections
from sandbox.store.database import Database
from sandbox.store.objects import DirectoryObjectStore, ObjectStore

_LOG = logging.getLogger(__name__)
_LAZY_SECONDS = 0.02
"""How long news that nothing waits for (an attempt is running) may wait for other news to be stored with."""
_ARRAY_SECONDS = 0.05
_ELEMENT_SECONDS = 0.0002
"""An array's row tells of all its elements: it is written as rarely as is right for its size."""
_BLOCKED_SECONDS = 1.0
"""Between looks whether a reservation became free."""


class CoreLoop:
    """Drives the executions that were handed to it."""

    def __init__(
        self, settings: EngineSettings, database: Database, objects: ObjectStore, executors: ExecutorRegistry
    ) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._mailbox = Mailbox()
        self._timers = Timers()
        self._running: dict[int, Running] = {}
        self._by_execution: dict[ExecutionId, Running] = {}
        self._broken: dict[int, Failure] = {}
        """Executions that are loaded again after an exception, only to be failed with it."""
        self._events: deque[tuple[Running, events.Event]] = deque()
        self._changed: dict[int, Running] = {}
        self._urgent = False
        """Whether what changed is to be stored in this turn."""
        self._flush_set = False
        inline = settings.inline_objects
        if inline is None:
            inline = isinstance(objects, DirectoryObjectStore)
        self._pool = Pool(
            self._mailbox,
            self._timers,
            threads=settings.io_threads,
            inline=inline,
            answer=self._answer,
            fail=self._break,
        )
        self._literals = LiteralStore(objects, settings.literal_cache_bytes)
        inputs = NodeInputs(self._literals)
        self._gatherer = Gatherer(self._literals, database, settings.offloading)
        self._preparer = Preparer(self._literals, inputs, database, Recoverer(self._literals, objects))
        self._results = ResultReader(objects, self._literals, inputs, database, settings.max_output_bytes)
        self._unfolder = Unfolder(objects, database)
        self._committer = Committer(database, settings.owner, self._stopping)
        self.holdings = Holdings()
        """What the leasing thread keeps up."""
        self.children = ChildNodes(
            database,
            ChildLauncher(database, self._literals, inputs, settings.metadata_prefix),
            self.holdings,
            self._pool,
            lambda *news: self._mailbox.post(self._child_ended, *news),
        )
        """Launch-plan nodes; the leasing thread looks for what became of their children."""
        self.gates = GateNodes(
            database,
            self._literals,
            self.holdings,
            self._pool,
            lambda *news: self._mailbox.post(self._signal_given, *news),
        )
        """Gate nodes that wait for a person; the leasing thread looks for what they were given."""
        self._dispatcher = Dispatcher(
            settings,
            executors,
            inputs,
            put=objects.put,
            children=self.children,
            gates=self.gates,
            holdings=self.holdings,
            timers=self._timers,
            happened=self._happened,
            close=self._drop,
            fail=self._break,
        )
        self.reload: Callable[[leases.Leased], None] = lambda leased: None
        """Called when an execution must be claimed and loaded again, or given up."""
        self.gave_up: Callable[[], None] = lambda: None
        """Called when an execution ended without the engine's doing: what it started may still run."""

    # --- for other threads ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Turn until `stop`."""
        while not self._stopping.is_set():
            try:
                self.turn(self._timers.seconds_left(clock.now()))
            except Exception:  # A bug outside any execution: say so, and go on for the others.
                _LOG.exception("a turn of the engine failed")
                self._stopping.wait(patience.SHORTEST)
        self._commit()
        self._pool.close()

    def stop(self) -> None:
        """End `run` after the turn that is under way."""
        self._stopping.set()
        self._mailbox.post(_nothing)

    def sink(self, update: AttemptUpdate) -> None:
        """Receives what executors report."""
        self._mailbox.post(self._updated, update)

    def adopt(self, running: Running) -> None:
        """Drive an execution from now on."""
        self._mailbox.post(self._adopt, running)

    def give_up(self, leased: leases.Leased, error: Exception) -> None:
        """Fail an execution that can't be loaded."""
        self._mailbox.post(self._give_up, leased, _engine_failure(error))

    def lost(self, execution_id: int) -> None:
        """Another engine has the execution."""
        self._mailbox.post(self._lost, execution_id)

    def set_policies(self, policies: Policies) -> None:
        """What administrators set holds from now on."""
        self._mailbox.post(self._dispatcher.set_policies, policies)

    def abort(self, wish: leases.Wish) -> None:
        """Someone wants an execution to end."""
        self._mailbox.post(self._abort, wish)

    # --- a turn --------------------------------------------------------------------------------------------

    def turn(self, timeout: float | None) -> None:
        """Wait for something to do, at most `timeout` seconds (None: for ever), and do it."""
        for action, arguments in self._mailbox.take(0 if self._events or self._dispatcher else timeout):
            action(*arguments)
        for timer in self._timers.due(clock.now()):
            timer()
        while self._events:
            self._apply(*self._events.popleft())
        if self._urgent:
            self._urgent = False
            self._commit()
        elif self._changed and not self._flush_set:
            self._flush_set = True
            self._timers.after(_LAZY_SECONDS, self._flush)
        self._dispatcher.run()

    def _flush(self) -> None:
        self._flush_set = False
        self._urgent = True

    def _happened(self, running: Running, event: events.Event) -> None:
        self._events.append((running, event))

    def _apply(self, running: Running, event: events.Event) -> None:
        if running.dropped:
            return
        before = running.state.applied
        try:
            wanted = machine.apply(running.state, event)
            if running.state.applied == before:
                return
            running.events.append(events.encode(event))
            self._changed[running.id] = running
            self._urgent = self._urgent or not isinstance(event, events.AttemptUpdated)
            for command in wanted:
                self._route(running, command)
            self._urgent = self._urgent or bool(running.durable)
        except Exception as error:  # One execution's trouble must not be another's.
            self._break(running, error)

    def _route(self, running: Running, command: commands.Command) -> None:
        match command:
            case commands.RecordNode(node):
                running.nodes_changed[node] = None
                running.numbers[running.state.nodes[node].unique_id] = node
            case commands.RecordAttempt(node, attempt):
                running.attempts_changed[node, attempt] = None
            case commands.RecordExecution():
                running.execution_changed = True
            case commands.RecordElement(node):
                element = running.state.nodes[node]
                running.numbers[element.unique_id] = node
                self._show_soon(running, element.owner)
            case commands.PrepareNode(node):
                self._prepare(running, running.state.nodes[node])
            case commands.ConcludeDynamic(node, attempt):
                self._conclude(running, running.state.nodes[node], attempt)
            case commands.GatherElements(node):
                self._gather(running, running.state.nodes[node])
            case _:
                running.durable.append(command)

    def _show_soon(self, running: Running, number: int) -> None:
        """Write an array's task execution, which tells of all elements, before long: not for each of them."""
        elements = running.state.nodes[number].elements
        if elements is None or number in running.arrays_changed:
            return
        running.arrays_changed.add(number)
        seconds = max(_ARRAY_SECONDS, elements.size * _ELEMENT_SECONDS)
        self._timers.after(seconds, lambda: self._show(running, number))

    def _show(self, running: Running, number: int) -> None:
        running.arrays_changed.discard(number)
        node = running.state.nodes[number]
        if running.dropped or node.phase.is_terminal or not node.attempts:
            return
        if running.id in self._changed:
            running.attempts_changed[number, node.attempt.number] = None
            self._urgent = True
            return
        try:
            self._committer.show(running, node)
        except errors.Unavailable:
            self._show_soon(running, number)
        except Exception as error:  # One execution's trouble must not be another's.
            self._break(running, error)

    def _gather(self, running: Running, node: Node) -> None:
        pooled = self._gatherer.takes_long(node)
        self._pool.perform(running, lambda: self._gatherer.gather(running, node), pooled=pooled)

    def _prepare(self, running: Running, node: Node) -> None:
        pooled = self._preparer.takes_long(running, node)
        self._pool.perform(running, lambda: self._preparer.prepare(running, node), pooled=pooled)

    def _prepare_again(self, running: Running, node: Node) -> None:
        if not running.dropped and node.phase is NodePhase.PREPARING:
            self._prepare(running, node)

    def _conclude(self, running: Running, node: Node, attempt: int) -> None:
        pooled = self._results.uses_catalog(running, node)
        self._pool.perform(running, lambda: self._results.conclude(running, node, attempt), pooled=pooled)

    def _unfold(self, running: Running, finished: events.AttemptFinished) -> None:
        node = running.state.nodes[finished.node]
        self._pool.perform(running, lambda: self._unfolder.unfold(running, node, finished), pooled=True)

    def _answer(self, running: Running, answer: Answer) -> None:
        """Take the outcome of some work."""
        match answer:
            case None:
                pass
            case Blocked(number):
                node = running.state.nodes[number]
                self._timers.after(_BLOCKED_SECONDS, lambda: self._prepare_again(running, node))
            case Dynamic(finished):
                self._unfold(running, finished)
            case Unfolded(event, graph, description):
                running.state.dynamic[event.unfolds] = graph
                running.dynamic_workflows[event.node] = description
                self._happened(running, event)
            case _:
                self._happened(running, answer)

    def _commit(self) -> None:
        batch = list(self._changed.values())
        self._changed.clear()
        if not batch:
            return
        try:
            lost = self._committer.write(batch)
        except Exception as error:  # Found out which execution it is about, then failed with it.
            if len(batch) == 1:
                self._break(batch[0], error)
                return
            for running in batch:
                self._changed = {running.id: running}
                self._commit()
            return
        for running in batch:
            if running.id in lost:
                self._drop(running)
                self.reload(running.leased)
                continue
            for command in running.stored():
                self._dispatcher.add(running, command)

    # --- what arrives --------------------------------------------------------------------------------------

    def _adopt(self, running: Running) -> None:
        if running.id in self._running:
            return
        self._running[running.id] = running
        self._by_execution[running.execution] = running
        wish = running.leased.wish
        if running.state.applied == 0 and wish is None and running.id not in self._broken:
            self._pool.perform(running, lambda: self._open(running), pooled=False)
        for command in machine.outstanding(running.state) if running.state.applied else ():
            match command:
                case (
                    commands.PrepareNode()
                    | commands.RecordElement()
                    | commands.GatherElements()
                    | commands.ConcludeDynamic()
                ):
                    self._route(running, command)
                case _:
                    self._dispatcher.add(running, command, again=True)
        if running.id in self._broken:
            self._happened(running, events.ExecutionFailed(clock.now(), self._broken[running.id]))
        if wish is not None:
            self._happened(running, _abort_requested(wish))

    def _open(self, running: Running) -> events.Event:
        """Put the inputs where the workflow's start node has its outputs, unless they are there."""
        inputs = literals_pb2.LiteralMap()
        if running.leased.inputs_uri:
            try:
                inputs = self._literals.get(running.leased.inputs_uri)
            except errors.ObjectNotFound as error:
                message = f"the inputs of the execution are gone: {error}"
                return events.ExecutionFailed(clock.now(), Failure("InputsNotFound", message, SYSTEM))
        if running.leased.inputs_uri != running.places.workflow_inputs:
            self._literals.put(running.places.workflow_inputs, inputs)
        return events.ExecutionStarted(clock.now())

    def _abort(self, wish: leases.Wish) -> None:
        running = self._running.get(wish.execution_id)
        if running is not None:
            self._happened(running, _abort_requested(wish))

    def _child_ended(self, execution_id: int, number: int, child: leases.EndedChild) -> None:
        running = self._running.get(execution_id)
        if running is not None:
            node = running.state.nodes[number]
            ended = children.ended(running, node, child) if node.attempts else None
            if ended is not None:
                self._happened(running, ended)

    def _signal_given(self, execution_id: int, number: int, value: literals_pb2.Literal) -> None:
        running = self._running.get(execution_id)
        if running is not None and running.state.nodes[number].phase is NodePhase.RUNNING:
            node = running.state.nodes[number]
            self._pool.perform(running, lambda: self.gates.decide(running, node, value), pooled=False)

    def _updated(self, update: AttemptUpdate) -> None:
        running = self._by_execution.get(update.key.execution)
        number = None if running is None else running.numbers.get(update.key.node)
        if running is None or number is None:
            return
        if not update.phase.is_terminal:
            self._happened(running, _progress(update, number))
            return
        node = running.state.nodes[number]
        pooled = self._results.uses_catalog(running, node)
        self._pool.perform(running, lambda: self._results.read(running, node, update), pooled=pooled)

    # --- the end -------------------------------------------------------------------------------------------

    def _drop(self, running: Running) -> None:
        """Have nothing to do with an execution any more: it is over, or not ours."""
        running.dropped = True
        if self._running.get(running.id) is running:
            del self._running[running.id]
            self._by_execution.pop(running.execution, None)
        self._changed.pop(running.id, None)
        if running.state.is_terminal:
            self._broken.pop(running.id, None)
        self._dispatcher.drop(running)
        self.holdings.forget(running.id)
        self.holdings.release(running.id)

    def _lost(self, execution_id: int) -> None:
        running = self._running.get(execution_id)
        if running is not None:
            _LOG.warning("%s is another engine's now", running.execution)
            self._drop(running)

    def _break(self, running: Running, error: Exception) -> None:
        """Work on an execution raised: load it again and fail it; the second time, only its row says so."""
        if running.dropped:
            return
        _LOG.error("the engine failed on %s", running.execution, exc_info=error)
        self._drop(running)
        failure = _engine_failure(error)
        if running.id in self._broken:
            self._give_up(running.leased, failure)
            return
        self._broken[running.id] = failure
        self.reload(running.leased)

    def _give_up(self, leased: leases.Leased, failure: Failure) -> None:
        _LOG.error("%s is given up: %s", leased.execution, failure.message)
        row = rows.failed_row(leased.id, failure, clock.now())
        try:
            with self._database.transaction() as connection:
                projections.write_executions(connection, [row])
        except errors.Unavailable:
            self._timers.after(patience.LONGEST, lambda: self._give_up(leased, failure))
            return
        self._broken.pop(leased.id, None)
        self.holdings.release(leased.id)
        self.gave_up()


def _nothing() -> None:
    """Wakes the core thread."""


def _progress(update: AttemptUpdate, number: int) -> events.AttemptUpdated:
    return events.AttemptUpdated(
        clock.micros(update.occurred_at),
        number,
        update.key.attempt,
        update.phase.value,
        update.version,
        update.reason,
        tuple((link.name, link.uri) for link in update.logs),
        results.packed_info(update),
    )


def _abort_requested(wish: leases.Wish) -> events.AbortRequested:
    return events.AbortRequested(clock.now(), wish.cause, wish.principal)


def _engine_failure(error: Exception) -> Failure:
    message = f"the engine could not go on: {type(error).__name__}: {error}. Its log has the details."
    return Failure("EngineError", message, SYSTEM)
