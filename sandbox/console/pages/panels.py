"""The panel of one node: its attempts, inputs and outputs, log, deck and task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flyteidl.admin import task_execution_pb2
from flyteidl.core import identifier_pb2, interface_pb2

from sandbox.console import attempts, errors, gates, scopes, summaries, trees, urls, values
from sandbox.console.attempts import Attempt
from sandbox.console.context import Console
from sandbox.console.inputs import Field
from sandbox.console.logs import LogChunk
from sandbox.console.scopes import Scope
from sandbox.console.summaries import Failure
from sandbox.console.trees import Row, Tree
from sandbox.console.values import NamedValue
from sandbox.idl.identifiers import AttemptKey, EntityId, ExecutionId, UniqueNodeId

FIRST_LOG_BYTES = 64 * 1024

VIEWS = {"executions": "Attempts", "io": "Inputs & outputs", "logs": "Log", "flytedecks": "Deck"}
_OTHER_NAMES = {
    "": "executions",
    "resources": "executions",
    "inputs": "io",
    "outputs": "io",
    "deck": "flytedecks",
}


@dataclass(frozen=True, slots=True)
class Log:
    """The end of an attempt's log, to be followed from `end`."""

    attempt: int
    text: str
    offset: int
    end: int
    href: str
    is_there: bool


@dataclass(frozen=True, slots=True)
class RefusedAnswer:
    """What was given to a gate, and why it was not taken; without a reason, nothing was given."""

    text: str = ""
    wrong: str = ""


NO_ANSWER = RefusedAnswer()


@dataclass(frozen=True, slots=True)
class Panel:
    """Everything the panel shows in one of its views."""

    row: Row
    view: str
    entity: EntityId | None
    failure: Failure | None
    attempts: tuple[Attempt, ...] = ()
    inputs: list[NamedValue] = field(default_factory=list)
    outputs: list[NamedValue] = field(default_factory=list)
    log: Log | None = None
    has_deck: bool = False
    answer: Field | None = None
    """The field for the value that a gate waits for."""
    wrong: str = ""
    """Why an answer was not taken."""

    @property
    def is_told_by_an_attempt(self) -> bool:
        """Whether the view at hand shows the failure already, as that of an attempt."""
        if self.view != "executions" or self.failure is None:
            return False
        return any(each.failure and each.failure.message == self.failure.message for each in self.attempts)

    @property
    def views(self) -> Mapping[str, str]:
        """The views that make sense for this node."""
        left_out = set()
        if not self.has_deck:
            left_out.add("flytedecks")
        if not self.attempts:
            left_out.add("logs")
        names = VIEWS | {"executions": "Gate"} if self.row.kind is scopes.GATE else VIEWS
        return {key: label for key, label in names.items() if key not in left_out or key == self.view}


def view_named(name: str) -> str:
    """One of our views, by any of the names that Flyte's console has for it."""
    name = _OTHER_NAMES.get(name, name)
    return name if name in VIEWS else "executions"


def load(
    console: Console,
    execution_id: ExecutionId,
    node: str,
    view: str,
    attempt: str,
    tree: Tree | None,
    scope: Scope | None,
    *,
    answer: RefusedAnswer = NO_ANSWER,
) -> Panel | None:
    """The panel of a node; None where no node is chosen. Raises NotFound for a node that isn't there."""
    if not node:
        return None
    message = console.admin.node_execution(execution_id, node)
    row = _row(tree, execution_id, node) or trees.row_of(message, _own_scope(scope, node), 0, execution_id)
    tried = () if row.child else console.admin.attempts(execution_id, node)
    shown = tuple(attempts.from_proto(each) for each in tried)
    entity = _entity(row, tried)
    waits = row.waits_for_a_person
    inputs, outputs = (
        _data(console, execution_id, node, entity)
        if view == "io" or (waits and view == "executions")
        else ([], [])
    )
    closure = message.closure
    return Panel(
        row=row,
        view=view,
        entity=entity,
        failure=summaries.failure_of(closure.error)
        if closure.WhichOneof("output_result") == "error"
        else None,
        attempts=shown,
        inputs=inputs,
        outputs=outputs,
        log=_log(console, execution_id, node, _chosen(shown, attempt)) if view == "logs" and shown else None,
        has_deck=bool(closure.deck_uri),
        answer=gates.field(row.gate, answer.text, answer.wrong) if row.gate and waits else None,
        wrong=answer.wrong,
    )


def _entity(row: Row, tried: Sequence[task_execution_pb2.TaskExecution]) -> EntityId | None:
    """What the node ran: a task as its attempts name it, unless it is known to be something else."""
    is_plan = row.entity is not None and row.entity.resource_type == identifier_pb2.LAUNCH_PLAN
    if is_plan or not (tried and tried[-1].id.task_id.name):
        return row.entity
    return EntityId.from_proto(tried[-1].id.task_id)


def _row(tree: Tree | None, execution_id: ExecutionId, node: str) -> Row | None:
    rows: Sequence[Row] = tree.rows if tree else ()
    return next((row for row in rows if row.id == node and row.execution == execution_id), None)


def _own_scope(scope: Scope | None, node: str) -> Scope | None:
    """The scope at hand describes the node only when it is one of this level's."""
    return scope if scope is not None and scope.node(node) is not None else None


def _chosen(shown: Sequence[Attempt], asked: str) -> Attempt:
    """The attempt in the address, else the last one."""
    return next((each for each in shown if str(each.number) == asked), shown[-1])


def _data(
    console: Console, execution_id: ExecutionId, node: str, entity: EntityId | None
) -> tuple[list[NamedValue], list[NamedValue]]:
    data = console.admin.node_data(execution_id, node)
    interface = _interface(console, entity)
    return (
        values.of_map(data.full_inputs, interface.inputs.variables),
        values.of_map(data.full_outputs, interface.outputs.variables),
    )


def _interface(console: Console, entity: EntityId | None) -> interface_pb2.TypedInterface:
    """The declared interface of a node's task; an empty one where it can't be told."""
    if entity is None or entity.resource_type not in urls.SINGULAR:
        return interface_pb2.TypedInterface()
    try:
        if urls.SINGULAR[entity.resource_type] == "task":
            return console.admin.task(entity).closure.compiled_task.template.interface
        if urls.SINGULAR[entity.resource_type] == "workflow":
            return console.admin.workflow(entity).closure.compiled_workflow.primary.template.interface
    except errors.NotFound:
        return interface_pb2.TypedInterface()
    return interface_pb2.TypedInterface()


def _log(console: Console, execution_id: ExecutionId, node: str, attempt: Attempt) -> Log:
    key = AttemptKey(execution_id, UniqueNodeId(node), attempt.number)
    chunk = console.logs.read(key, -FIRST_LOG_BYTES, FIRST_LOG_BYTES)
    href = urls.log(execution_id, node, attempt.number)
    if chunk is None:
        return Log(attempt.number, "", 0, 0, href, False)
    text, offset, end = _whole_lines(chunk)
    return Log(attempt.number, text, offset, end, href, True)


def _whole_lines(chunk: LogChunk) -> tuple[str, int, int]:
    """The text from the first whole line to the last whole character, with its offsets."""
    data, offset = chunk.data, chunk.offset
    if offset:
        skipped = data.find(b"\n") + 1
        data, offset = data[skipped:], offset + skipped
    complete = _complete_length(data)
    return data[:complete].decode(errors="replace"), offset, offset + complete


def _complete_length(data: bytes) -> int:
    """The length without a UTF-8 character that is only begun at the end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if needed > back else len(data)
    return len(data)
