"""A world around the state machine: it answers commands in any order, repeats itself, and crashes.

What runs (attempts, child executions) lives in the world and survives a crash, as real processes do. What
was only in the engine's memory (events not yet stored, answers on their way) is lost. The world checks, all
along, what an engine must never do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flyteidl.core import catalog_pb2

from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller.core import commands, events, machine
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.propeller.core.graph import ClosureGraph, NodeKind
from sandbox.propeller.core.kinds.task import WAITING
from sandbox.propeller.core.state import Node, Parameters, State, snapshot
from tests.unit.propeller import invariants

ATTEMPTING = (NodeKind.TASK, NodeKind.ELEMENT)
EXECUTION = ExecutionId("flytesnacks", "development", "e1")
Outcome = Callable[[Node, int], Failure | None]


@dataclass
class World:
    """One execution and everything around it."""

    graph: ClosureGraph
    chance: random.Random
    outcome: Outcome
    """What comes of an attempt or a child execution."""
    max_parallelism: int = 25
    retry_delay: int = 0
    waits: float = 0.0
    """How often there is no room for an attempt at first."""
    crashes: float = 0.0
    repeats: float = 0.0
    cached: frozenset[str] = frozenset()
    """Nodes (ids in their template) whose outputs are in the catalog."""
    cases: Callable[[Node], int] = lambda node: 0
    sizes: Callable[[Node], int] = lambda node: 3
    """How many elements an array has."""
    crash_at: tuple[int, int] | None = None
    """After which commit to crash once, and after how many of the commands that it allows."""
    break_after: int | None = None
    """After how many events the engine finds that it can't go on with the execution."""
    abort_after: int | None = None
    """After how many events someone wants the execution to end."""

    made: Mapping[str, ClosureGraph] = field(default_factory=dict)
    """The workflows that dynamic tasks may make, by URI."""
    unfolds: Callable[[Node, State], str] = lambda node, state: ""
    """Which of them an attempt that ends well makes; empty: it gives outputs."""

    recovers: Callable[[Node], str] | None = None
    """What of a node was done in the execution that is recovered: `all`, `made` (its workflow, if it is
    dynamic), or nothing. None: no execution is recovered.
    """

    watchful: bool = True
    """Whether to make sure, now and then, that an ignored event left no trace."""

    stored: list[bytes] = field(default_factory=list)
    mail: list[events.Event] = field(default_factory=list)
    known: dict[tuple[str, int], str] = field(default_factory=dict)
    """Attempts and children ever started: running, done, aborted."""
    elements: dict[tuple[str, int], int] = field(default_factory=dict)
    """Attempts of elements, with the number of their array."""
    commits: int = 0
    clock: int = 1
    closed: int = 0

    def __post_init__(self) -> None:
        self.parameters = Parameters(
            EXECUTION,
            self.max_parallelism,
            retry_delay=self.retry_delay,
            recovers=self.recovers is not None,
        )
        self.state = State(self.graph, self.parameters)
        self.state.dynamic.update(self.made)
        self.pending: list[events.Event] = []
        self.durable: list[commands.Command] = []
        self.incarnation: set[tuple[str, int]] = set()
        self.mail.append(events.ExecutionStarted(self.now()))

    def now(self) -> int:
        self.clock += 1
        return self.clock

    def run(self, limit: int = 20_000) -> State:
        """Until it is over."""
        for _ in range(limit):
            if self.state.is_terminal and not self.pending and not self.durable:
                return self.state
            self.turn()
        raise AssertionError(f"not over after {limit} turns: {self.state.phase} {self.mail} {self.known}")

    def turn(self) -> None:
        """Some events, then a commit, then what it allows; a crash may come anywhere in between."""
        for _ in range(self.chance.randint(1, 4)):
            if self.mail:
                self.deliver()
        if self.chance.random() < self.crashes:
            self.crash()
            return
        self.stored.extend(events.encode(event) for event in self.pending)
        self.pending.clear()
        self.commits += 1
        if self.chance.random() < self.crashes:
            self.crash()
            return
        wanted, self.durable = self.durable, []
        for place, command in enumerate(wanted):
            if self.chance.random() < self.crashes / 4 or self.crash_at == (self.commits, place):
                self.crash()
                return
            self.carry_out(command)
        if self.crash_at == (self.commits, len(wanted)):
            self.crash()

    def deliver(self) -> None:
        event = self.mail.pop(self.chance.randrange(len(self.mail)))
        if isinstance(event, events.AttemptFinished | events.ChildEnded):
            key = (self.state.nodes[event.node].unique_id, event.attempt)
            if self.known.get(key) == "running":
                self.known[key] = "done"
        if self.chance.random() < self.repeats:
            self.mail.append(event)
        self.apply(event)
        if self.abort_after is not None and self.state.applied >= self.abort_after:
            self.abort_after = None
            self.mail.append(events.AbortRequested(self.now(), "enough"))
        if self.break_after is not None and self.state.applied >= self.break_after:
            self.break_after = None
            failure = Failure("EngineError", "the engine could not go on", SYSTEM)
            self.mail.append(events.ExecutionFailed(self.now(), failure))

    def apply(self, event: events.Event) -> None:
        before, bytes_before = self.state.applied, None
        if self.watchful and self.chance.random() < 0.1:
            bytes_before = snapshot(self.state)
        was_terminal = self.state.is_terminal
        wanted = machine.apply(self.state, event)
        if self.state.applied == before:
            assert not wanted
            assert bytes_before is None or snapshot(self.state) == bytes_before
            return
        assert not was_terminal
        self.pending.append(event)
        if isinstance(event, events.AttemptUpdated) and event.phase == WAITING:
            self.mail.append(events.AttemptUpdated(self.now(), event.node, event.attempt, "QUEUED", 2))
        for command in wanted:
            self.take(command)
        if self.watchful:
            invariants.check(self.state)
            invariants.check_progress(self.state)

    def take(self, command: commands.Command) -> None:
        match command:
            case commands.PrepareNode(number):
                self.mail.append(self.prepared(self.state.nodes[number]))
            case commands.ConcludeDynamic(number, attempt):
                self.mail.append(events.DynamicConcluded(self.now(), number, attempt, outputs=True))
            case commands.GatherElements(number):
                self.mail.append(events.ElementsGathered(self.now(), number))
            case commands.RecordElement(number):
                assert self.state.nodes[number].index >= 0
            case commands.RecordNode(number) | commands.RecordAttempt(number, _):
                assert self.state.nodes[number].unique_id, "a row without a name"
            case commands.RecordExecution():
                pass
            case _:
                self.durable.append(command)

    def prepared(self, node: Node) -> events.Event:
        done = self.recovers(node) if self.recovers is not None and node.spec.kind is not NodeKind.END else ""
        if done == "all":
            return events.NodeRecovered(self.now(), node.number, outputs=True, child="old")
        if done == "made" and node.spec.kind is NodeKind.TASK:
            uri = self.unfolds(node, self.state)
            if uri:
                return events.NodePrepared(self.now(), node.number, unfolds=uri)
        if node.spec.node_id in self.cached and node.spec.kind is NodeKind.TASK:
            return events.NodePrepared(self.now(), node.number, cache=catalog_pb2.CACHE_HIT, outputs=True)
        if node.index >= 0 and self.state.nodes[node.owner].spec.node_id in self.cached and node.index % 2:
            return events.NodePrepared(self.now(), node.number, cache=catalog_pb2.CACHE_HIT, outputs=True)
        if node.spec.kind is NodeKind.ARRAY:
            return events.NodePrepared(self.now(), node.number, size=self.sizes(node))
        if node.spec.kind is NodeKind.BRANCH:
            case = self.cases(node)
            if case >= len(node.spec.cases):
                return events.NodeRefused(
                    self.now(), node.number, Failure("UserProvidedError", "no case", USER)
                )
            return events.NodePrepared(self.now(), node.number, case=case)
        return events.NodePrepared(self.now(), node.number, outputs=True)

    def carry_out(self, command: commands.Command) -> None:
        match command:
            case commands.StartAttempt(number, attempt) | commands.StartChild(number, attempt):
                self.start(self.state.nodes[number], attempt)
            case commands.AbortAttempt(number, attempt, _) | commands.AbortChild(number, attempt, _):
                self.abort(self.state.nodes[number], attempt)
            case commands.ForgetAttempt(number, attempt):
                key = (self.state.nodes[number].unique_id, attempt)
                assert self.known.get(key) != "running", f"{key} forgotten while it runs"
            case commands.AwaitSignal(number):
                node = self.state.nodes[number]
                self.mail.append(events.SignalGiven(self.now(), number, self.outcome(node, 0)))
            case commands.SetTimer(number, timer, deadline):
                self.mail.append(events.TimerFired(deadline, number, timer))
            case commands.CloseExecution():
                self.closed += 1
            case _:
                raise AssertionError(f"unexpected {command}")

    def start(self, node: Node, attempt: int) -> None:
        key = (node.unique_id, attempt)
        if node.attempts[attempt].is_terminal:  # aborted while it waited, after it had been asked for again
            return
        if self.has_to_wait(node, key):
            return
        assert key not in self.incarnation, f"{key} started twice by one engine"
        self.incarnation.add(key)
        assert not self.state.is_terminal
        if key not in self.known:
            self.known[key] = "running"
            self.check_limits(node, key)
        is_task = node.spec.kind in ATTEMPTING
        if is_task:
            self.mail.append(events.AttemptUpdated(self.now(), node.number, attempt, "RUNNING"))
        else:
            self.mail.append(events.ChildStarted(self.now(), node.number, attempt, f"child-{node.unique_id}"))
        if self.known[key] == "aborted":
            self.report_abort(node, attempt)
        else:
            self.mail.append(self.end(node, attempt))

    def has_to_wait(self, node: Node, key: tuple[str, int]) -> bool:
        """Whether a quota has no room for an attempt; then it has a little later, which is told once."""
        if node.spec.kind not in ATTEMPTING or key in self.known:
            return False
        attempt = node.attempts[key[1]]
        if attempt.phase == WAITING:  # after a restart
            self.mail.append(events.AttemptUpdated(self.now(), node.number, key[1], "QUEUED", 2))
            return True
        if attempt.version or self.chance.random() >= self.waits:
            return False
        self.mail.append(events.AttemptUpdated(self.now(), node.number, key[1], WAITING, 1))
        return True

    def check_limits(self, node: Node, key: tuple[str, int]) -> None:
        """Elements count against their array's limit, anything else against the execution's."""
        if node.index < 0:
            running = sum(
                self.known.get(place) == "running" for place in self.known if place not in self.elements
            )
            assert not self.max_parallelism or running <= self.max_parallelism
            return
        self.elements.setdefault(key, node.owner)
        array = self.state.nodes[node.owner]
        limit = array.spec.proto.array_node.parallelism
        beside = [place for place, owner in self.elements.items() if owner == node.owner]
        assert not limit or sum(self.known[place] == "running" for place in beside) <= limit

    def end(self, node: Node, attempt: int) -> events.Event:
        failure = self.outcome(node, attempt)
        if node.spec.kind is NodeKind.TASK:
            unfolds = "" if failure else self.unfolds(node, self.state)
            outputs = failure is None and not unfolds
            return events.AttemptFinished(
                self.now(), node.number, attempt, failure, outputs=outputs, unfolds=unfolds
            )
        if node.spec.kind in ATTEMPTING:
            return events.AttemptFinished(self.now(), node.number, attempt, failure, outputs=failure is None)
        uri = "" if failure else "s3://b/child"
        return events.ChildEnded(self.now(), node.number, attempt, uri, failure)

    def abort(self, node: Node, attempt: int) -> None:
        key = (node.unique_id, attempt)
        if self.known.get(key) == "running" or (node.spec.kind in ATTEMPTING and key not in self.known):
            self.known[key] = "aborted"
        self.report_abort(node, attempt)

    def report_abort(self, node: Node, attempt: int) -> None:
        if node.spec.kind in ATTEMPTING:
            self.mail.append(events.AttemptAborted(self.now(), node.number, attempt))
        else:
            self.mail.append(events.ChildEnded(self.now(), node.number, attempt, aborted=True))

    def crash(self) -> None:
        """The engine dies and another one takes over from what was stored."""
        self.pending.clear()
        self.durable.clear()
        self.mail.clear()
        self.incarnation.clear()
        self.state = self.folded()
        self.state.dynamic.update(self.made)
        if self.state.applied == 0:
            self.mail.append(events.ExecutionStarted(self.now()))
            return
        for command in machine.outstanding(self.state):
            self.take(command)

    def folded(self) -> State:
        """What the stored history folds into."""
        history = map(events.decode, self.stored)
        return machine.fold(self.graph, self.parameters, history, self.made.__getitem__)


def flaky(seed: int, rate: float) -> Outcome:
    """Failures that depend on the node and the attempt only, whatever the order of things."""

    def outcome(node: Node, attempt: int) -> Failure | None:
        chance = random.Random(f"{seed} {node.unique_id} {attempt}")
        if chance.random() >= rate:
            return None
        kind = chance.choice([USER, USER, SYSTEM])
        return Failure("Boom", "it went boom", kind, recoverable=chance.random() < 0.7)

    return outcome
