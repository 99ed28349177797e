"""The core thread: one queue, one thread, all executions.

A turn takes what is in the queue, folds the events into the states, and lets the states say what they want.
Free commands (resolving inputs) are carried out at once, so that the end of one node and the beginning of
the next are one commit. Then all that changed, of whatever execution, is written in one transaction: events
and the rows that people see. Only then are the durable commands carried out: starting and aborting attempts,
child executions, timers.

What may take long (the catalog, child executions, objects over the network) runs on a small pool and comes
back through the queue. A store that is down is waited for; nothing is decided meanwhile. An exception while
one execution is worked on is that execution's: it is loaded again from its history and failed with a system
error, others go on.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flyteidl.core import literals_pb2

from sandbox.executors.api import AttemptUpdate
from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller import children, clock, memoization, preparing, requests, rows
from sandbox.propeller.children import ChildLauncher
from sandbox.propeller.core import commands, events, machine
from sandbox.propeller.core.failures import SYSTEM, Failure
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.state import Node, NodePhase
from sandbox.propeller.literal_store import LiteralStore
from sandbox.propeller.preparing import Blocked, Preparer
from sandbox.propeller.registry import ExecutorRegistry
from sandbox.propeller.results import ResultReader
from sandbox.propeller.running import Running
from sandbox.propeller.settings import EngineSettings
from sandbox.propeller.timers import Timers
from sandbox.store import errors, leases, projections
from sandbox.store import events as history
from sandbox.store.database import Connection, Database
from sandbox.store.objects import DirectoryObjectStore, ObjectStore

_LOG = logging.getLogger(__name__)
_BATCH = 1000
"""Queue items taken in one turn at most."""
_NUMBERS = 256
"""Row ids drawn at once at least."""
_RETRY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Pauses between attempts to reach a store that is down; the last one repeats."""
_LAZY_SECONDS = 0.02
"""How long news that nothing waits for (an attempt is running) may wait for other news to be stored with."""
_BLOCKED_SECONDS = 1.0
"""Between looks whether a reservation became free."""

Answer = events.Event | Blocked | None
Work = Callable[[], Answer]


class _Lost(Exception):
    """Executions that were not written, because they are someone else's now."""

    def __init__(self, executions: set[int]) -> None:
        super().__init__(f"no longer ours: {sorted(executions)}")
        self.executions = executions


class CoreLoop:
    """Drives the executions that were handed to it."""

    def __init__(
        self, settings: EngineSettings, database: Database, objects: ObjectStore, executors: ExecutorRegistry
    ) -> None:
        self._settings = settings
        self._database = database
        self._executors = executors
        self._inline = settings.inline_objects
        if self._inline is None:
            self._inline = isinstance(objects, DirectoryObjectStore)
        self._literals = LiteralStore(objects, settings.literal_cache_bytes)
        self._preparer = Preparer(self._literals, database)
        self._results = ResultReader(objects, self._literals, database, settings.max_output_bytes)
        self._children = ChildLauncher(database, self._literals, settings.metadata_prefix)
        self._queue: queue.SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]] = queue.SimpleQueue()
        self._timers = Timers()
        self._running: dict[int, Running] = {}
        self._by_execution: dict[ExecutionId, Running] = {}
        self._events: deque[tuple[Running, events.Event]] = deque()
        self._changed: dict[int, Running] = {}
        self._urgent = False
        """Whether what changed is to be stored in this turn."""
        self._flush_set = False
        self._durable: deque[tuple[Running, commands.Command]] = deque()
        self._delayed: set[tuple[int, int, int]] = set()
        """Attempts (execution, node, attempt) whose start waits for a store."""
        self._numbers: deque[int] = deque()
        self._broken: dict[int, Failure] = {}
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(settings.io_threads, thread_name_prefix="propeller-io")
        self._lock = threading.Lock()
        self._held: dict[int, leases.Leased] = {}
        self._waiting: dict[int, tuple[int, int]] = {}
        """Row ids of launch-plan nodes that wait for their child: execution and node."""
        self._reservations: dict[tuple[int, int], tuple[memoization.CacheKey, str]] = {}
        self.reload: Callable[[leases.Leased], None] = lambda leased: None
        """Called when an execution must be claimed and loaded again, or given up."""

    # --- for other threads ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Turn until `stop`."""
        while not self._stopping.is_set():
            try:
                self.turn(self._timers.seconds_left(clock.now()))
            except Exception:  # A bug outside any execution: say so, and go on for the others.
                _LOG.exception("a turn of the engine failed")
                self._stopping.wait(_RETRY_SECONDS[0])
        self._commit()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def stop(self) -> None:
        """End `run` after the turn that is under way."""
        self._stopping.set()
        self._post(_nothing)

    def sink(self, update: AttemptUpdate) -> None:
        """Receives what executors report."""
        self._post(self._updated, update)

    def hold(self, leased: leases.Leased) -> None:
        """Note that an execution is ours, before it is loaded."""
        with self._lock:
            self._held[leased.id] = leased

    def release(self, execution_id: int) -> None:
        """Note that an execution is ours no longer."""
        with self._lock:
            self._held.pop(execution_id, None)

    def held(self) -> set[int]:
        """The row ids of the executions that are ours."""
        with self._lock:
            return set(self._held)

    def waiting(self, execution_ids: set[int]) -> dict[int, tuple[int, int]]:
        """The launch-plan nodes of these executions that wait: row id to execution and node."""
        with self._lock:
            return {row: where for row, where in self._waiting.items() if where[0] in execution_ids}

    def reservations(self) -> list[tuple[memoization.CacheKey, str]]:
        """The rights to compute cached outputs that are to be prolonged."""
        with self._lock:
            return list(self._reservations.values())

    def adopt(self, running: Running) -> None:
        """Drive an execution from now on."""
        self._post(self._adopt, running)

    def give_up(self, leased: leases.Leased, error: Exception) -> None:
        """Fail an execution that can't be loaded."""
        self._post(self._give_up, leased, _engine_failure(error))

    def lost(self, execution_id: int) -> None:
        """Another engine has the execution."""
        self._post(self._lost, execution_id)

    def abort(self, wish: leases.Wish) -> None:
        """Someone wants an execution to end."""
        self._post(self._abort, wish)

    def child_ended(self, execution_id: int, node: int, child: leases.EndedChild) -> None:
        """A child execution is over."""
        self._post(self._child_ended, execution_id, node, child)

    # --- a turn --------------------------------------------------------------------------------------------

    def turn(self, timeout: float | None) -> None:
        """Wait for something to do, at most `timeout` seconds (None: for ever), and do it."""
        for action, arguments in self._take(timeout):
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
            self._after(_LAZY_SECONDS, self._flush)
        while self._durable:
            self._dispatch(*self._durable.popleft())

    def _flush(self) -> None:
        self._flush_set = False
        self._urgent = True

    def _take(self, timeout: float | None) -> list[tuple[Callable[..., None], tuple[Any, ...]]]:
        taken: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        try:
            taken.append(self._queue.get(timeout=0 if self._events or self._durable else timeout))
            while len(taken) < _BATCH:
                taken.append(self._queue.get_nowait())
        except queue.Empty:
            return taken
        return taken

    def _post(self, action: Callable[..., None], *arguments: Any) -> None:
        self._queue.put((action, arguments))

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
        except (
            Exception
        ) as error:  # One execution's trouble must not be another's: it is failed and reported.
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
            case commands.PrepareNode(node):
                self._prepare(running, running.state.nodes[node])
            case _:
                running.durable.append(command)

    def _prepare(self, running: Running, node: Node) -> None:
        pooled = self._preparer.asks_catalog(running, node)
        self._perform(running, lambda: self._preparer.prepare(running, node), pooled=pooled)

    def _prepare_again(self, running: Running, node: Node) -> None:
        if not running.dropped and node.phase is NodePhase.PREPARING:
            self._prepare(running, node)

    # --- work that may have to wait ------------------------------------------------------------------------

    def _perform(self, running: Running, work: Work, *, pooled: bool, tries: int = 0) -> None:
        """Do something whose answer is an event: here if it is cheap, else on the pool."""
        if pooled or not self._inline:
            self._pool.submit(self._perform_pooled, running, work, tries)
            return
        try:
            self._answer(running, work())
        except errors.Unavailable as error:
            self._again(running, work, tries, error)
        except (
            Exception
        ) as error:  # One execution's trouble must not be another's: it is failed and reported.
            self._break(running, error)

    def _perform_pooled(self, running: Running, work: Work, tries: int) -> None:
        try:
            self._post(self._answer, running, work())
        except errors.Unavailable as error:
            self._post(self._again, running, work, tries, error)
        except Exception as error:  # Handed to the core thread, which fails the execution with it.
            self._post(self._break, running, error)

    def _again(self, running: Running, work: Work, tries: int, error: errors.Unavailable) -> None:
        if tries == 0:
            _LOG.warning("%s waits for a store: %s", running.execution, error)
        self._after(
            _RETRY_SECONDS[min(tries, len(_RETRY_SECONDS) - 1)],
            lambda: self._perform(running, work, pooled=True, tries=tries + 1),
        )

    def _answer(self, running: Running, answer: Answer) -> None:
        """Take the outcome of some work."""
        if isinstance(answer, Blocked):
            node = running.state.nodes[answer.node]
            self._after(_BLOCKED_SECONDS, lambda: self._prepare_again(running, node))
        elif answer is not None:
            self._events.append((running, answer))

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self._timers.at(clock.now() + int(seconds * 1e6), action)

    # --- what arrives --------------------------------------------------------------------------------------

    def _adopt(self, running: Running) -> None:
        if running.id in self._running:
            return
        self._running[running.id] = running
        self._by_execution[running.execution] = running
        wish = running.leased.wish
        if running.state.applied == 0 and wish is None and running.id not in self._broken:
            self._perform(running, lambda: self._open(running), pooled=False)
        for command in machine.outstanding(running.state) if running.state.applied else ():
            if isinstance(command, commands.PrepareNode):
                self._prepare(running, running.state.nodes[command.node])
            else:
                self._durable.append((running, command))
        if running.id in self._broken:
            self._events.append((running, events.ExecutionFailed(clock.now(), self._broken[running.id])))
        if wish is not None:
            self._events.append((running, _abort_requested(wish)))

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
            self._events.append((running, _abort_requested(wish)))

    def _child_ended(self, execution_id: int, number: int, child: leases.EndedChild) -> None:
        running = self._running.get(execution_id)
        if running is not None:
            node = running.state.nodes[number]
            if node.attempts:
                self._events.append((running, children.ended(node, child)))

    def _updated(self, update: AttemptUpdate) -> None:
        running = self._by_execution.get(update.key.execution)
        number = None if running is None else running.numbers.get(update.key.node)
        if running is None or number is None:
            return
        if not update.phase.is_terminal:
            self._events.append((running, _progress(update, number)))
            return
        node = running.state.nodes[number]
        pooled = self._results.uses_catalog(running, node)
        self._perform(running, lambda: self._results.read(running, node, update), pooled=pooled)

    # --- the commit ----------------------------------------------------------------------------------------

    def _commit(self) -> None:
        batch = list(self._changed.values())
        self._changed.clear()
        if not batch:
            return
        try:
            self._write_patiently(batch)
        except _Lost as lost:
            for running in batch:
                if running.id in lost.executions:
                    self._drop(running)
                    self.reload(running.leased)
        except Exception as error:  # Found out which execution it is about, then failed with it.
            if len(batch) == 1:
                self._break(batch[0], error)
                return
            for running in batch:
                self._changed = {running.id: running}
                self._commit()

    def _write_patiently(self, batch: list[Running]) -> None:
        """Write, however long the database is away; only `stop` ends the waiting."""
        tries = 0
        while True:
            try:
                self._write(batch)
            except (errors.Unavailable, errors.Conflict) as error:
                if tries == 0:
                    _LOG.warning("the engine waits for the database: %s", error)
                if self._stopping.wait(_RETRY_SECONDS[min(tries, len(_RETRY_SECONDS) - 1)]):
                    raise _Lost({running.id for running in batch}) from error
                tries += 1
            except errors.AlreadyExists as error:
                if len(batch) > 1:
                    raise
                raise _Lost({batch[0].id}) from error
            else:
                return

    def _write(self, batch: list[Running]) -> None:
        now = clock.now()
        with self._database.reading() as connection:
            self._number_nodes(connection, batch)
            lost = projections.commit(
                connection,
                self._settings.owner,
                [
                    history.StoredEvent(running.id, running.committed + offset, payload)
                    for running in batch
                    for offset, payload in enumerate(running.events)
                ],
                [row for running in batch for row in _node_rows(running)],
                [row for running in batch for row in _task_rows(running)],
                [rows.execution_row(running, now) for running in batch if running.execution_changed],
            )
        for running in batch:
            if running.id not in lost:
                self._committed(running)
        if lost:
            raise _Lost(lost)

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

    def _committed(self, running: Running) -> None:
        running.committed += len(running.events)
        running.events.clear()
        running.nodes_changed.clear()
        running.attempts_changed.clear()
        running.execution_changed = False
        self._durable.extend((running, command) for command in running.durable)
        running.durable.clear()

    # --- durable commands ----------------------------------------------------------------------------------

    def _dispatch(self, running: Running, command: commands.Command) -> None:
        if running.dropped:
            return
        try:
            self._carry_out(running, command)
        except errors.Unavailable as error:
            _LOG.warning("%s waits for a store: %s", running.execution, error)
            if isinstance(command, commands.StartAttempt):
                self._delayed.add((running.id, command.node, command.attempt))
            self._after(_RETRY_SECONDS[-1], lambda: self._durable.append((running, command)))
        except (
            Exception
        ) as error:  # One execution's trouble must not be another's: it is failed and reported.
            self._break(running, error)

    def _carry_out(self, running: Running, command: commands.Command) -> None:
        match command:
            case commands.StartAttempt(number, attempt):
                self._start(running, running.state.nodes[number], attempt)
            case commands.AbortAttempt(number, attempt, reason):
                self._abort_attempt(running, running.state.nodes[number], attempt, reason)
            case commands.ForgetAttempt(number, attempt):
                node = running.state.nodes[number]
                self._executors.of(_type(running, node)).forget(running.key(node, attempt))
                with self._lock:
                    self._reservations.pop((running.id, number), None)
            case commands.StartChild(number, attempt):
                self._start_child(running, running.state.nodes[number], attempt)
            case commands.AbortChild(number, attempt, reason):
                node = running.state.nodes[number]
                self._perform(running, lambda: self._abort_child(running, node, attempt, reason), pooled=True)
            case commands.SetTimer(number, timer, deadline):
                self._timers.at(
                    deadline,
                    lambda: self._events.append((running, events.TimerFired(clock.now(), number, timer))),
                )
            case commands.CloseExecution():
                self._forget_running(running)
                self.release(running.id)
            case _:
                raise TypeError(f"{command} is not a durable command")

    def _start(self, running: Running, node: Node, attempt: int) -> None:
        place = (running.id, node.number, attempt)
        if node.phase.is_terminal or node.attempt.number != attempt or node.attempt.is_terminal:
            self._delayed.discard(place)
            return
        inputs = self._literals.get(running.places.inputs(node))
        request = requests.build(self._settings, running, node, attempt, inputs)
        template = node.template
        if template.metadata.cache_serializable and memoization.is_cacheable(template):
            key = memoization.key(template, inputs)
            with self._lock:
                owner = preparing.reservation_owner(running, node)
                self._reservations[running.id, node.number] = (key, owner)
        self._delayed.discard(place)
        self._executors.of(template.type).start(request)

    def _abort_attempt(self, running: Running, node: Node, attempt: int, reason: str) -> None:
        place = (running.id, node.number, attempt)
        if place in self._delayed:
            self._delayed.discard(place)
            event = events.AttemptAborted(clock.now(), node.number, attempt, reason)
            self._events.append((running, event))
            return
        self._executors.of(_type(running, node)).abort(running.key(node, attempt), reason)

    def _start_child(self, running: Running, node: Node, attempt: int) -> None:
        row_id = running.node_rows[node.unique_id]
        with self._lock:
            self._waiting[row_id] = (running.id, node.number)
        self._perform(running, lambda: self._launch(running, node, attempt, row_id), pooled=True)

    def _launch(self, running: Running, node: Node, attempt: int, row_id: int) -> Answer:
        """Launch, tell, and look once: a child that was there before may have ended before anyone waited."""
        answer = self._children.launch(running, node, attempt, row_id)
        if answer is not None:
            self._post(self._answer, running, answer)
        self.look({running.id})
        return None

    def _abort_child(self, running: Running, node: Node, attempt: int, reason: str) -> Answer:
        if self._children.abort(running, node, attempt, reason):
            return None
        self.look({running.id})
        if node.child is not None:
            return None
        return events.ChildEnded(clock.now(), node.number, attempt, aborted=True)

    def look(self, execution_ids: set[int]) -> None:
        """Find children that ended (on any thread)."""
        waiting = self.waiting(execution_ids)
        if not waiting:
            return
        with self._database.reading() as connection:
            for child in leases.ended_children(connection, list(waiting)):
                execution_id, node = waiting[child.parent_node_execution_id]
                self.child_ended(execution_id, node, child)

    # --- the end -------------------------------------------------------------------------------------------

    def _forget_running(self, running: Running) -> None:
        running.dropped = True
        if self._running.get(running.id) is running:
            del self._running[running.id]
            self._by_execution.pop(running.execution, None)
        self._changed.pop(running.id, None)
        if running.state.is_terminal:
            self._broken.pop(running.id, None)
        with self._lock:
            for row in [row for row, where in self._waiting.items() if where[0] == running.id]:
                del self._waiting[row]
            for place in [place for place in self._reservations if place[0] == running.id]:
                del self._reservations[place]

    def _drop(self, running: Running) -> None:
        self._forget_running(running)
        self.release(running.id)

    def _lost(self, execution_id: int) -> None:
        running = self._running.get(execution_id)
        if running is not None:
            _LOG.warning("%s is another engine's now", running.execution)
            self._drop(running)

    def _break(self, running: Running, error: Exception) -> None:
        """Working on an execution raised: load it again and fail it; the second time, only say so in its
        row.
        """
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
        now = clock.now()
        row = rows.failed_row(leased.id, failure, now)
        try:
            with self._database.transaction() as connection:
                projections.write_executions(connection, [row])
        except errors.Unavailable:
            self._after(_RETRY_SECONDS[-1], lambda: self._give_up(leased, failure))
            return
        self._broken.pop(leased.id, None)
        self.release(leased.id)


def _nothing() -> None:
    """Wakes the core thread."""


def _type(running: Running, node: Node) -> str:
    return str(node.template.type)


def _progress(update: AttemptUpdate, number: int) -> events.AttemptUpdated:
    return events.AttemptUpdated(
        clock.micros(update.occurred_at),
        number,
        update.key.attempt,
        update.phase.value,
        update.version,
        update.reason,
        tuple((link.name, link.uri) for link in update.logs),
    )


def _abort_requested(wish: leases.Wish) -> events.AbortRequested:
    return events.AbortRequested(clock.now(), wish.cause, wish.principal)


def _engine_failure(error: Exception) -> Failure:
    message = f"the engine could not go on: {type(error).__name__}: {error}. Its log has the details."
    return Failure("EngineError", message, SYSTEM)


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
