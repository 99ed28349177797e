"""Carries out durable commands, once what led to them is stored: attempts, child executions, timers.

Each can be carried out again after a restart (`machine.outstanding`): executors and child executions know
what was started before. A start that waits for a store can be aborted without an executor ever hearing of it.
"""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Callable

from sandbox.propeller import clock, memoization, patience, preparing, requests
from sandbox.propeller.child_nodes import ChildNodes
from sandbox.propeller.core import commands, events
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.kinds import gate
from sandbox.propeller.core.state import Node
from sandbox.propeller.elements import NodeInputs
from sandbox.propeller.gate_nodes import GateNodes
from sandbox.propeller.holdings import Holdings
from sandbox.propeller.policies import Policies
from sandbox.propeller.quota_gate import QuotaGate
from sandbox.propeller.registry import ExecutorRegistry
from sandbox.propeller.running import Running
from sandbox.propeller.settings import EngineSettings
from sandbox.propeller.timers import Timers
from sandbox.store import errors

_LOG = logging.getLogger(__name__)


class Dispatcher:
    """The durable commands that wait, and how each is carried out. The core thread's alone.

    `put` writes an object; `happened` takes events, `close` an execution that is over, `fail` one that could
    not be worked on.
    """

    def __init__(
        self,
        settings: EngineSettings,
        executors: ExecutorRegistry,
        inputs: NodeInputs,
        *,
        put: Callable[[str, bytes], object],
        children: ChildNodes,
        gates: GateNodes,
        holdings: Holdings,
        timers: Timers,
        happened: Callable[[Running, events.Event], None],
        close: Callable[[Running], None],
        fail: Callable[[Running, Exception], None],
    ) -> None:
        self._settings = settings
        self._executors = executors
        self._inputs = inputs
        self._put = put
        self._children = children
        self._gates = gates
        self._holdings = holdings
        self._timers = timers
        self._happened = happened
        self._close = close
        self._fail = fail
        self._queue: deque[tuple[Running, commands.Command, bool]] = deque()
        self._quotas = QuotaGate(happened, counts=settings.counts_quotas)
        self._delayed: set[tuple[int, int, int]] = set()
        """Attempts (execution, node, attempt) whose start waits for a store."""

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, running: Running, command: commands.Command, *, again: bool = False) -> None:
        """Have a command carried out at the end of the turn. `again`: it may have been, by an engine before
        this one.
        """
        self._queue.append((running, command, again))

    def drop(self, running: Running) -> None:
        """Have nothing to do with an execution any more."""
        self._quotas.drop(running)

    def set_policies(self, policies: Policies) -> None:
        """What administrators set holds from now on."""
        self._quotas.set_policies(policies)

    def run(self) -> None:
        """Carry out all that waits."""
        while self._queue:
            self._dispatch(*self._queue.popleft())

    def _dispatch(self, running: Running, command: commands.Command, again: bool) -> None:
        if running.dropped:
            return
        try:
            self._carry_out(running, command, again=again)
        except errors.Unavailable as error:
            _LOG.warning("%s waits for a store: %s", running.execution, error)
            if isinstance(command, commands.StartAttempt):
                self._delayed.add((running.id, command.node, command.attempt))
            self._timers.after(patience.LONGEST, lambda: self.add(running, command, again=again))
        except Exception as error:  # One execution's trouble must not be another's.
            self._fail(running, error)

    def _carry_out(self, running: Running, command: commands.Command, *, again: bool) -> None:
        nodes = running.state.nodes
        match command:
            case commands.StartAttempt(number, attempt):
                self._start(running, nodes[number], attempt, again=again)
            case commands.AbortAttempt(number, attempt, reason):
                self._abort(running, nodes[number], attempt, reason)
            case commands.ForgetAttempt(number, attempt):
                self._forget(running, nodes[number], attempt)
            case commands.StartChild(number, attempt):
                self._children.start(running, nodes[number], attempt)
            case commands.AbortChild(number, attempt, reason):
                self._children.abort(running, nodes[number], attempt, reason)
            case commands.AwaitSignal(number):
                self._gates.wait(running, nodes[number])
            case commands.SetTimer(number, timer, deadline):
                # Weak: a deadline an hour away must not keep an execution that is over in memory.
                alive = weakref.ref(running)
                self._timers.at(deadline, lambda: self._ring(alive(), number, timer))
            case commands.CloseExecution():
                self._close(running)
            case _:
                raise TypeError(f"{command} is not a durable command")

    def _ring(self, running: Running | None, number: int, timer: str) -> None:
        if running is None or running.dropped:
            return
        node = running.state.nodes[number]
        if node.spec.kind is NodeKind.GATE and timer != gate.SLEEP:
            self._gates.expire(running, node, timer)
        else:
            self._happened(running, events.TimerFired(clock.now(), number, timer))

    def _start(self, running: Running, node: Node, attempt: int, *, again: bool) -> None:
        place = (running.id, node.number, attempt)
        if node.phase.is_terminal or node.attempt.number != attempt or node.attempt.is_terminal:
            self._delayed.discard(place)
            return
        inputs = self._inputs.of(running, node)
        policies = self._quotas.policies
        request = requests.build(self._settings, policies, running, node, attempt, inputs, put=self._put)
        if self._quotas.opens(running, node, request, again=again):
            self._reserve(running, node)
            self._executors.of(node.template.type).start(request)
        self._delayed.discard(place)

    def _reserve(self, running: Running, node: Node) -> None:
        """Prolong the right to compute the node's cached outputs from now on, if it has to have it."""
        template = node.template
        if template.metadata.cache_serializable and memoization.is_cacheable(template):
            key = memoization.key(template, self._inputs.of(running, node))
            owner = preparing.reservation_owner(running, node)
            self._holdings.reserve(running.id, node.number, key, owner)

    def _abort(self, running: Running, node: Node, attempt: int, reason: str) -> None:
        place = (running.id, node.number, attempt)
        if place in self._delayed:
            self._delayed.discard(place)
            self._happened(running, events.AttemptAborted(clock.now(), node.number, attempt, reason))
            return
        if self._quotas.withdraw(running, node, attempt):
            self._happened(running, events.AttemptAborted(clock.now(), node.number, attempt, reason))
            return
        self._executors.of(node.template.type).abort(running.key(node, attempt), reason)

    def _forget(self, running: Running, node: Node, attempt: int) -> None:
        self._quotas.leave(running, node, attempt)
        self._executors.of(node.template.type).forget(running.key(node, attempt))
        if node.is_dynamic and not node.phase.is_terminal:
            self._reserve(running, node)  # Its outputs are yet to come; after a restart nobody holds it.
        else:
            self._holdings.unreserve(running.id, node.number)
