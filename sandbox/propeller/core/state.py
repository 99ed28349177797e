"""Where an execution stands: what its events fold into.

An execution is a list of *scopes*; scope 0 is the primary workflow, and each subworkflow node that runs, and
each dynamic task that made a workflow, opens one more. Opening a scope appends its template's nodes to the
execution's list of nodes, so that a node is named by one number, which is the same in every replay.

A scope counts nothing that it would have to look for: `live` holds the nodes that are under way, every node
counts the nodes that it still waits for, and the execution counts the slots in use (`max_parallelism`).

Times are microseconds since the epoch, taken from the events; 0 means *not yet*. Amounts of memory are bytes.

`snapshot` is the canonical form: two states that behave alike give the same bytes. It covers every field of
what is declared here by itself, and leaves out what is still as it was in the beginning.
"""

from __future__ import annotations

import enum
import json
from collections import deque
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any

from flyteidl.core import tasks_pb2

from sandbox.idl.identifiers import ExecutionId, UniqueNodeId
from sandbox.propeller.core.failures import Failure
from sandbox.propeller.core.graph import ClosureGraph, GraphNode, NodeKind, WorkflowGraph


class ExecutionPhase(enum.StrEnum):
    """The names of `core.WorkflowExecution.Phase` that an execution passes through here."""

    UNDEFINED = "UNDEFINED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILING = "FAILING"
    FAILED = "FAILED"
    ABORTING = "ABORTING"
    ABORTED = "ABORTED"

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL_EXECUTION_PHASES


_TERMINAL_EXECUTION_PHASES = frozenset(
    {ExecutionPhase.SUCCEEDED, ExecutionPhase.FAILED, ExecutionPhase.ABORTED}
)


class NodePhase(enum.IntEnum):
    """The phases of a node; from SUCCEEDED on they are terminal."""

    IDLE = 0
    """Something that it needs is not finished."""
    WAITING = 1
    """It could run, but `max_parallelism` nodes do already."""
    PREPARING = 2
    QUEUED = 3
    """Its attempt or child execution was asked for."""
    RUNNING = 4
    SUCCEEDED = 5
    FAILED = 6
    ABORTED = 7
    SKIPPED = 8
    TIMED_OUT = 9
    RECOVERED = 10
    """It succeeded in the execution that this one recovers."""

    @property
    def is_terminal(self) -> bool:
        return self >= NodePhase.SUCCEEDED


class ScopePhase(enum.IntEnum):
    """The phases of a scope."""

    RUNNING = 0
    FAILING = 1
    """A node failed; what still runs is being aborted."""
    HANDLING = 2
    """Nothing else runs any more; the failure node does."""
    ABORTING = 3
    CLOSED = 4


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the request said; fixed for the life of the execution."""

    execution: ExecutionId
    max_parallelism: int = 25
    """How many task and launch-plan nodes may be under way; 0: no limit."""
    interruptible: bool | None = None
    """What the request said for all nodes; None: the workflow decides."""
    max_system_failures: int = 3
    """How many attempts of a node may be lost to system errors before one more is the node's failure."""
    retry_delay: int = 0
    """Microseconds before the attempt that follows a first system error; after each further one twice as
    long. 0: at once."""
    recovers: bool = False
    """Whether it goes on from where another execution failed: then every element of an array is prepared."""


TIMED_OUT = "TIMED_OUT"
"""`Node.reason` of a node that is being ended because its time is up."""
LATE = "LATE"
"""`Node.reason` of a node whose attempt is being ended because that took too long."""
TERMINAL_ATTEMPT_PHASES = frozenset({"SUCCEEDED", "FAILED", "ABORTED"})


@dataclass(slots=True)
class Attempt:
    """One attempt of a task node, or of a launch-plan node (then only the number and times matter)."""

    number: int
    created_at: int
    phase: str = "QUEUED"
    """A `core.TaskExecution.Phase` name."""
    version: int = 0
    """Of the latest update within the phase, as the executor counts."""
    started_at: int = 0
    ended_at: int = 0
    updated_at: int = 0
    interruptible: bool = False
    failure: Failure | None = None
    outputs: bool = False
    """Whether it wrote outputs.pb; whether it wrote a deck is `deck`."""
    deck: bool = False
    peak_memory: int | None = None
    memory_limit: int | None = None
    logs: tuple[tuple[str, str], ...] = ()
    """Name and URI of each link."""
    reasons: list[tuple[int, str]] = field(default_factory=list)
    """Time and text of each thing that was said about it."""
    info: str = ""
    """What its executor had to say about it, as JSON."""

    @property
    def is_terminal(self) -> bool:
        return self.phase in TERMINAL_ATTEMPT_PHASES


@dataclass(slots=True)
class Elements:
    """The elements of an array node that runs: the nodes `base` … `base + size - 1`."""

    base: int
    size: int
    minimum: int
    """How many must succeed."""
    started: int = 0
    """How many began: they begin in order."""
    succeeded: int = 0
    failed: int = 0
    live: dict[int, None] = field(default_factory=dict)
    """Those under way, by number."""
    failures: list[tuple[int, Failure]] = field(default_factory=list)
    """Index and failure of the first that failed."""
    failing: bool = False
    """Whether too many failed, and what still runs is being aborted."""
    gathering: bool = False
    """Whether all is done but putting the outputs together."""


class Node:
    """A node of a scope, under way or not. `number` and `scope` are places in the state's lists."""

    __slots__ = (
        "aborting",
        "attempts",
        "blocked",
        "cache",
        "catalog",
        "checkpoint",
        "child",
        "created_at",
        "deck",
        "elements",
        "ended_at",
        "failure",
        "index",
        "number",
        "outputs",
        "outputs_uri",
        "owner",
        "phase",
        "prepared",
        "reason",
        "recovers",
        "retry_at",
        "scope",
        "spec",
        "started_at",
        "system_failures",
        "unique_id",
        "updated_at",
        "waits_for",
    )

    def __init__(self, number: int, scope: int, spec: GraphNode, owner: int, index: int = -1) -> None:
        self.number = number
        self.index = index
        """An element of an array: its place there; -1: it is none."""
        self.scope = scope
        self.spec = spec
        self.owner = owner
        """The node inside of which it is: a subworkflow, a dynamic node, the branch that took it, or the
        array whose element it is; -1: none.
        """
        self.phase = NodePhase.IDLE
        self.waits_for = spec.dependencies
        """How many of the nodes that it needs are not finished."""
        self.blocked = False
        """Whether something that it needs failed or was skipped."""
        self.unique_id = UniqueNodeId("")
        """Its name in the execution, which tells who is inside of whom; empty until it begins."""
        self.prepared = False
        """Whether its inputs are written."""
        self.attempts: list[Attempt] = []
        self.system_failures = 0
        """How many of its attempts were lost to system errors."""
        self.retry_at = 0
        """When its next attempt begins, while it waits for that."""
        self.child: int | str | None = None
        """A subworkflow, or a dynamic task that made a workflow: its scope; a branch: the node it took; a
        launch plan: the child execution's name.
        """
        self.aborting: str | None = None
        """Why it is being ended from outside, if it is."""
        self.reason = ""
        """TIMED_OUT or LATE when the abort under way is a deadline's."""
        self.cache = 0
        """`core.CatalogCacheStatus`."""
        self.catalog = ""
        """`core.CatalogMetadata`, packed (`memoization.pack`); empty where the catalog was not asked."""
        self.outputs = False
        """Whether it has outputs, at `Places.outputs`."""
        self.outputs_uri = ""
        """Set when the outputs are somewhere else than in the node's own folder: in a child execution's."""
        self.deck = False
        """Whether it has a deck although none of its attempts made it: a recovered one."""
        self.checkpoint = ""
        """Where the recovered execution's attempts left their checkpoints."""
        self.recovers = ""
        """A launch plan: the name of the execution that its child recovers; empty: none."""
        self.elements: Elements | None = None
        """An array, once its length is known."""
        self.failure: Failure | None = None
        self.created_at = 0
        self.started_at = 0
        self.ended_at = 0
        self.updated_at = 0

    @property
    def attempt(self) -> Attempt:
        """The latest attempt."""
        return self.attempts[-1]

    @property
    def has_succeeded(self) -> bool:
        """Whether its work is done, now or in the execution that this one recovers."""
        return self.phase in (NodePhase.SUCCEEDED, NodePhase.RECOVERED)

    @property
    def is_dynamic(self) -> bool:
        """Whether its task made a workflow, which runs, or ran, inside of it."""
        return self.spec.kind is NodeKind.TASK and self.child is not None

    @property
    def has_deck(self) -> bool:
        """Whether there is a deck, in the folder of `inner_attempt`."""
        return self.attempts[-1].deck if self.attempts else self.deck

    @property
    def inner_attempt(self) -> int:
        """The number of the attempt that the nodes inside of it belong to."""
        return self.attempts[-1].number if self.attempts else 0

    @property
    def template(self) -> tasks_pb2.TaskTemplate:
        """What a task node runs."""
        if self.spec.task is None:
            raise TypeError(f"node {self.spec.node_id} is not a task node")
        return self.spec.task

    @property
    def task_type(self) -> str:
        """Of what a node runs by itself; empty if it runs no task."""
        return "" if self.spec.task is None else self.spec.task.type


class Scope:
    """A workflow template being run."""

    __slots__ = (
        "attempt",
        "base",
        "closure",
        "failed",
        "failure",
        "graph",
        "live",
        "number",
        "owner",
        "phase",
    )

    def __init__(self, number: int, closure: ClosureGraph, position: int, base: int, owner: int) -> None:
        self.number = number
        self.closure = closure
        """The compiled workflow that its template belongs to: the execution's, or one that a dynamic task
        made.
        """
        self.graph: WorkflowGraph = closure.workflows[position]
        self.base = base
        """The number of the node whose index in the template is 0."""
        self.owner = owner
        """The subworkflow or dynamic node that it is the inside of; -1: the execution."""
        self.attempt = 0
        """The attempt of that node that it belongs to."""
        self.phase = ScopePhase.RUNNING
        self.live: dict[int, None] = {}
        """The nodes under way, in the order in which they began."""
        self.failure: Failure | None = None
        self.failed = -1
        """The node whose failure it was; -1: none's, the engine's."""

    def admits(self, node: Node) -> bool:
        """Whether a node of the scope may begin now: while it handles its failure, only the failure node."""
        if self.phase is ScopePhase.HANDLING:
            return node.spec.inner
        return self.phase is ScopePhase.RUNNING


class State:
    """The state of one execution; changed by `machine.apply` only."""

    __slots__ = (
        "abort_cause",
        "applied",
        "dynamic",
        "ended_at",
        "failure",
        "graph",
        "nodes",
        "outputs",
        "parameters",
        "phase",
        "scopes",
        "slots_used",
        "started_at",
        "waiting",
    )

    def __init__(self, graph: ClosureGraph, parameters: Parameters) -> None:
        self.graph = graph
        self.parameters = parameters
        self.dynamic: dict[str, ClosureGraph] = {}
        """The workflows that dynamic tasks made, by URI: each is here before the event that unfolds it."""
        self.phase = ExecutionPhase.UNDEFINED
        self.scopes: list[Scope] = []
        self.nodes: list[Node] = []
        self.waiting: deque[int] = deque()
        """Nodes that wait for a slot."""
        self.slots_used = 0
        """How many nodes count against `max_parallelism` now."""
        self.failure: Failure | None = None
        self.abort_cause: str | None = None
        """Why someone wanted it to end, if someone did."""
        self.outputs = False
        """Whether it has outputs: where its end node has them."""
        self.started_at = 0
        self.ended_at = 0
        self.applied = 0
        """How many events changed something: the sequence number of the next one."""

    @property
    def is_terminal(self) -> bool:
        return self.phase.is_terminal

    def attempt_around(self, node: Node) -> int:
        """The attempt of its owner that a node is inside of."""
        scope = self.scopes[node.scope]
        return scope.attempt if scope.owner == node.owner else self.nodes[node.owner].inner_attempt


def snapshot(state: State) -> bytes:
    """Everything that decides what happens next or what people see, in one canonical form."""
    return json.dumps(picture(state), separators=(",", ":"), sort_keys=True).encode()


def picture(value: Any) -> Any:
    """What `snapshot` is made of: lists, text, numbers, and for each object the fields by name that are not
    as they were in the beginning. So a field that is added later does not change the snapshots of histories
    in which it plays no part.
    """
    match value:
        case enum.Enum():
            return value.name
        case None | bool() | int() | str():
            return value
        case State():
            return _changed(value, State(value.graph, value.parameters), State.__slots__)
        case Scope():
            return _changed(value, Scope(0, value.closure, 0, 0, -1), Scope.__slots__)
        case Node():
            return _changed(value, Node(0, 0, value.spec, -1), Node.__slots__)
        case dict():  # in its order, which JSON would lose
            return [key if one is None else [key, picture(one)] for key, one in value.items()]
        case list() | tuple() | deque():
            return [picture(one) for one in value]
    if is_dataclass(value):
        return _changed_fields(value)
    raise TypeError(f"a {type(value).__name__} in the state has no canonical form")


_FIXED = frozenset({"closure", "dynamic", "graph", "number", "parameters", "scope", "spec"})
"""What follows from the workflow, the request or the place in the state's lists."""


def _changed(value: Any, beginning: Any, names: Iterable[str]) -> dict[str, Any]:
    return {
        name: picture(now)
        for name in names
        if name not in _FIXED and (now := getattr(value, name)) != getattr(beginning, name)
    }


def _changed_fields(value: Any) -> dict[str, Any]:
    told = {}
    for one in fields(value):
        now = getattr(value, one.name)
        usual = one.default if one.default_factory is MISSING else one.default_factory()
        if now != usual:
            told[one.name] = picture(now)
    return told
