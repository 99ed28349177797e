"""The tree of an execution's nodes, as far as it is open: a page of nodes and the unfolded ones' children.

Which rows are open stands in the address (`open=n0,n0-0-n1`; `-` for none), so a reload, a link and the
refresh of a running page all show the same. Without it, rows are opened as long as the page stays short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2

from sandbox.console import errors, gates, memory, phases, scopes, times, urls
from sandbox.console.client import Admin, Remembered
from sandbox.console.gates import Gate
from sandbox.console.memory import MemoryUse
from sandbox.console.phases import Phase
from sandbox.console.scopes import NodeKind, Scope
from sandbox.idl.identifiers import EntityId, ExecutionId

NOTHING_OPEN = "-"
AUTOMATIC_ROWS = 40
AUTOMATIC_LEVELS = 12
MAX_DEPTH = 12
CHILDREN_SHOWN = 50
REMEMBERED_ATTEMPTS = 4096
ERRORS_ASKED_FOR = 10

_CACHE_LABELS = {
    catalog_pb2.CACHE_HIT: ("From cache", "hit"),
    catalog_pb2.CACHE_POPULATED: ("Written to cache", "populated"),
    catalog_pb2.CACHE_MISS: ("Not in cache", "miss"),
    catalog_pb2.CACHE_LOOKUP_FAILURE: ("Cache lookup failed", "failure"),
    catalog_pb2.CACHE_PUT_FAILURE: ("Cache write failed", "failure"),
    catalog_pb2.CACHE_SKIPPED: ("Cache skipped", "miss"),
    catalog_pb2.CACHE_EVICTED: ("Evicted from cache", "miss"),
}


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """What a row says about a node's attempts."""

    count: int = 0
    memory: MemoryUse | None = None
    """Of the attempt that used most."""


@dataclass(frozen=True, slots=True)
class Row:
    """One node in the tree."""

    execution: ExecutionId
    id: str
    """Unique within its execution."""
    spec_id: str
    key: str
    """Names the row in `open`."""
    depth: int
    title: str
    kind: NodeKind
    entity: EntityId | None
    phase: Phase
    cache: str
    cache_tone: str
    started: datetime | None
    created: datetime | None
    duration: timedelta | None
    error: str
    child: ExecutionId | None
    """The execution that a launch-plan node started."""
    is_parent: bool
    is_open: bool = False
    more_children: bool = False
    attempts: AttemptSummary = field(default_factory=AttemptSummary)
    gate: Gate | None = None
    """What a gate node waits for."""

    @property
    def waits_for_a_person(self) -> bool:
        """Whether it is a gate that somebody has to answer."""
        return self.gate is not None and bool(self.gate.signal) and self.phase.name == "RUNNING"

    @property
    def href(self) -> str:
        return urls.node(self.execution, self.id)

    @property
    def child_href(self) -> str:
        return urls.execution(self.child) if self.child else ""


@dataclass(frozen=True, slots=True)
class Tree:
    """The rows in the order of the page, and where the list goes on."""

    rows: tuple[Row, ...]
    token: str
    """Of the next page of top-level nodes; empty at the end."""

    @property
    def open_keys(self) -> frozenset[str]:
        return frozenset(row.key for row in self.rows if row.is_open)

    def toggled(self, key: str) -> str:
        """What `open` must say so that this row is unfolded, or folded if it is open."""
        return ",".join(sorted(self.open_keys ^ {key})) or NOTHING_OPEN


def cache_label(status: int) -> tuple[str, str]:
    """What a person reads about a node's cache status, and its tone; both empty when caching is off."""
    return _CACHE_LABELS.get(status, ("", ""))


def scope_of(admin: Admin, execution_id: ExecutionId) -> Scope | None:
    """The compiled workflow that an execution runs; None where it is not registered any more."""
    reference = admin.execution(execution_id).closure.workflow_id
    return scope_of_workflow(admin, EntityId.from_proto(reference))


def scope_of_workflow(admin: Admin, workflow: EntityId) -> Scope | None:
    """The scope of a registered workflow; None where there is no such workflow."""
    if not workflow.name:
        return None
    try:
        registered = admin.workflow(workflow)
    except errors.NotFound:
        return None
    closure = registered.closure.compiled_workflow
    return Scope.of(closure) if closure.HasField("primary") else None


class Trees:
    """Loads trees. Keeps summaries of attempts that can't change any more; thread-safe."""

    def __init__(self, admin: Admin, page_size: int) -> None:
        self._admin = admin
        self._page_size = page_size
        self._finished: Remembered[AttemptSummary] = Remembered(REMEMBERED_ATTEMPTS)
        self._errors: Remembered[str] = Remembered(REMEMBERED_ATTEMPTS)

    def load(
        self,
        execution: ExecutionId,
        scope: Scope | None,
        *,
        open_keys: frozenset[str] | None,
        within: str = "",
        token: str = "",
        filters: str = "",
    ) -> Tree:
        """A page of the nodes below `within` (empty: the top) and the unfolded; `open_keys` None: any."""
        loading = _Loading(self._admin, execution, open_keys)
        top = loading.level(execution, within, scope, 0, limit=self._page_size, token=token, filters=filters)
        rows = loading.unfolded(top.rows, scope)
        return Tree(self._with_errors(self._with_attempts(rows)), top.token)

    def _with_errors(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        """Lists carry only the beginning of an error's message; what names the error stands at its end."""
        failed = [row for row in rows if row.error and row.phase.is_terminal][:ERRORS_ASKED_FOR]
        whole = {(row.execution, row.id): self._error(row) for row in failed}
        return tuple(replace(row, error=whole.get((row.execution, row.id), row.error)) for row in rows)

    def _error(self, row: Row) -> str:
        def ask() -> str:
            closure = self._admin.node_execution(row.execution, row.id).closure
            return brief_error(closure.error.message)

        return self._errors.get_or((row.execution, row.id), ask)

    def _with_attempts(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        """Ask for the attempts of all rows of tasks at once, of those that aren't known to be final."""
        summaries: dict[int, AttemptSummary] = {}
        wanted: list[int] = []
        for index, row in enumerate(rows):
            if row.is_parent or row.child or row.started is None or row.cache_tone == "hit":
                continue
            known = self._finished.get((row.execution, row.id)) if row.phase.is_terminal else None
            if known is None:
                wanted.append(index)
            else:
                summaries[index] = known
        for execution in {rows[index].execution for index in wanted}:
            mine = [index for index in wanted if rows[index].execution == execution]
            answers = self._admin.attempts_of(execution, [rows[index].id for index in mine])
            for index, attempts in zip(mine, answers, strict=True):
                summaries[index] = summarise(attempts)
                if rows[index].phase.is_terminal:
                    self._finished.put((execution, rows[index].id), summaries[index])
        return tuple(
            replace(row, attempts=summaries[index]) if index in summaries else row
            for index, row in enumerate(rows)
        )


@dataclass(frozen=True, slots=True)
class _Level:
    rows: list[Row]
    token: str


class _Loading:
    """One walk down the open rows."""

    def __init__(self, admin: Admin, root: ExecutionId, open_keys: frozenset[str] | None) -> None:
        self._admin = admin
        self._root = root
        self._open_keys = open_keys
        self._rows = 0
        self._levels = 0

    def level(
        self,
        execution: ExecutionId,
        parent: str,
        scope: Scope | None,
        depth: int,
        *,
        limit: int,
        token: str = "",
        filters: str = "",
    ) -> _Level:
        answer = self._admin.node_executions(
            execution, parent=parent, limit=limit, token=token, filters=filters
        )
        rows = [
            row_of(node, scope, depth, self._root)
            for node in answer.node_executions
            if spec_id_of(node) not in (scopes.START_NODE, scopes.END_NODE)
        ]
        self._rows += len(rows)
        self._levels += 1
        return _Level(rows, answer.token)

    def unfolded(self, rows: Sequence[Row], scope: Scope | None) -> list[Row]:
        """The rows with the children of the open ones after them."""
        result: list[Row] = []
        for row in rows:
            if not self._is_open(row):
                result.append(row)
                continue
            execution, parent, below = self._descend(row, scope)
            children = self.level(execution, parent, below, row.depth + 1, limit=CHILDREN_SHOWN)
            result.append(replace(row, is_open=True, more_children=bool(children.token)))
            result.extend(self.unfolded(children.rows, below))
        return result

    def _is_open(self, row: Row) -> bool:
        if not row.is_parent or row.depth >= MAX_DEPTH:
            return False
        if self._open_keys is not None:
            return row.key in self._open_keys
        return self._rows < AUTOMATIC_ROWS and self._levels < AUTOMATIC_LEVELS

    def _descend(self, row: Row, scope: Scope | None) -> tuple[ExecutionId, str, Scope | None]:
        """Where the children of a row are found, and what they are."""
        if row.child is not None:
            return row.child, "", scope_of(self._admin, row.child)
        if row.kind is scopes.DYNAMIC:
            return row.execution, row.id, dynamic_scope(self._admin, row.execution, row.id) or scope
        return row.execution, row.id, scope.below(row.spec_id) if scope else None


def dynamic_scope(admin: Admin, execution: ExecutionId, node: str) -> Scope | None:
    """The workflow that a dynamic node made while it ran; None as long as there is none."""
    data = admin.node_data(execution, node)
    closure = data.dynamic_workflow.compiled_workflow
    return Scope.of(closure) if closure.HasField("primary") else None


def spec_id_of(node: node_execution_pb2.NodeExecution) -> str:
    """The node's id in its workflow's source."""
    return str(node.metadata.spec_node_id or node.id.node_id)


def row_of(node: node_execution_pb2.NodeExecution, scope: Scope | None, depth: int, root: ExecutionId) -> Row:
    """A row from admin's message and the workflow it belongs to."""
    execution = ExecutionId.from_proto(node.id.execution_id)
    spec_id = spec_id_of(node)
    spec = scope.node(spec_id) if scope else None
    closure = node.closure
    cache, cache_tone = cache_label(closure.task_node_metadata.cache_status)
    phase = phases.of_node(closure.phase)
    child = _child_of(node)
    kind = kind_of(node, scope)
    return Row(
        execution=execution,
        id=node.id.node_id,
        spec_id=spec_id,
        key=node.id.node_id if execution == root else f"{execution.name}:{node.id.node_id}",
        depth=depth,
        title=scopes.title_of(spec, spec_id),
        kind=kind,
        entity=scopes.entity_of(spec),
        phase=phase,
        cache=cache,
        cache_tone=cache_tone,
        started=times.moment_of(closure, "started_at"),
        created=times.moment_of(closure, "created_at"),
        duration=times.length_of(closure, "duration") if phase.is_terminal else None,
        error=brief_error(closure.error.message) if closure.WhichOneof("output_result") == "error" else "",
        child=child,
        is_parent=_is_parent(node, kind, child, phase),
        gate=gates.of_node(spec),
    )


def kind_of(node: node_execution_pb2.NodeExecution, scope: Scope | None) -> NodeKind:
    """What the node is, by what it turned out to be and by its place in the workflow."""
    if node.metadata.is_dynamic:
        return scopes.DYNAMIC
    if node.metadata.is_array:
        return scopes.ARRAY
    kind = scopes.kind_of(scope.node(spec_id_of(node)) if scope else None)
    if kind is scopes.UNKNOWN and scope is None:
        return scopes.TASK
    return kind


def _is_parent(
    node: node_execution_pb2.NodeExecution, kind: NodeKind, child: ExecutionId | None, phase: Phase
) -> bool:
    """Flyte does not call branches parents, although their children name them as such."""
    if node.metadata.is_parent_node or child is not None:
        return True
    return kind is scopes.BRANCH and phase.name not in ("UNDEFINED", "QUEUED", "SKIPPED")


def _child_of(node: node_execution_pb2.NodeExecution) -> ExecutionId | None:
    if node.closure.WhichOneof("target_metadata") != "workflow_node_metadata":
        return None
    reference = node.closure.workflow_node_metadata.executionId
    return ExecutionId.from_proto(reference) if reference.name else None


def brief_error(message: str) -> str:
    """What a row has room for: of a traceback the last line, which names the error."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    if not lines:
        return ""
    is_traceback = any(line.startswith("Traceback") for line in lines[:5])
    chosen = lines[-1] if is_traceback else lines[0]
    return chosen if len(chosen) <= 200 else chosen[:199] + "…"


def summarise(attempts: Sequence[task_execution_pb2.TaskExecution]) -> AttemptSummary:
    """How many, and the most memory that one of them used."""
    used = [use for use in (memory.from_custom_info(a.closure.custom_info) for a in attempts) if use]
    return AttemptSummary(len(attempts), max(used, key=lambda use: use.peak, default=None))
