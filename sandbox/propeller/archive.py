"""The archive: histories read from the stores, of executions that run or are over, and what may be held
against them.

Nothing is claimed or changed, so it can be asked beside an engine that works on an execution, or without any.
`audit` compares what people see, the rows that the engine wrote as it went, with what the history says now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any

from flyteidl.admin import execution_pb2, node_execution_pb2, task_execution_pb2, workflow_pb2

from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller import histories, loading, rows
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.state import Node
from sandbox.propeller.histories import History
from sandbox.propeller.running import Running
from sandbox.propeller.settings import EngineSettings
from sandbox.store import events as stored_events
from sandbox.store import leases, projected, workflows
from sandbox.store.database import Connection, Database
from sandbox.store.objects import ObjectStore
from sandbox.store.projections import ExecutionRow


class Archive:
    """Reads what an engine with these settings wrote."""

    def __init__(self, settings: EngineSettings, database: Database, objects: ObjectStore) -> None:
        self.database = database
        self._settings = settings
        self._objects = objects

    def ended(self) -> list[ExecutionId]:
        """All executions that are over, oldest first. Raises Unavailable."""
        with self.database.reading() as connection:
            return leases.ended(connection)

    def history(self, execution: ExecutionId) -> History:
        """An execution's history as it is now. Raises NotFound, Unavailable, BadHistory."""
        with self.database.transaction() as connection:
            return self._history(connection, leases.look_at(connection, execution))

    def audit(self, execution: ExecutionId) -> list[str]:
        """How the rows that people see differ from what the history says: a sentence for each, none if all is
        well. Raises NotFound, Unavailable, BadHistory.

        Of an execution that runs, rows of arrays may be a moment behind.
        """
        with self.database.transaction() as connection:
            projected.hold_still(connection)
            leased = leases.look_at(connection, execution)
            history = self._history(connection, leased)
            written = projected.rows(connection, leased.id)
        state = histories.fold(history)
        spec = execution_pb2.ExecutionSpec.FromString(leased.spec)
        numbers = {row.node_id: row.id for row in written.nodes}
        running = Running(
            leased,
            state,
            self._settings.metadata_prefix,
            spec=spec,
            node_rows=numbers,
            raw_data=loading.raw_data(self._settings, spec),
        )
        return list(_differences(running, written))

    def _history(self, connection: Connection, leased: leases.Leased) -> History:
        payloads = stored_events.load(connection, leased.id)
        row = workflows.get_by_id(connection, leased.workflow_id)
        closure = workflow_pb2.WorkflowClosure.FromString(row.closure).compiled_workflow
        spec = execution_pb2.ExecutionSpec.FromString(leased.spec)
        made = [uri for uri in map(histories.unfolded_by, payloads) if uri]
        return histories.record(
            loading.parameters(self._settings, leased, spec),
            closure.SerializeToString(deterministic=True),
            {uri: self._objects.get(uri) for uri in made},
            payloads,
        )


def _differences(running: Running, written: projected.Rows) -> Iterable[str]:
    state, numbers = running.state, running.node_rows
    yield from _differing("the execution", rows.execution_row(running, 0), written.execution, _EXECUTION)
    shown = {node.unique_id: node for node in state.nodes if _is_shown(node)}
    rowed = {row.node_id: row for row in written.nodes}
    for missing in sorted(set(shown) - set(rowed)):
        yield f"node {missing} has no row"
    for other in sorted(set(rowed) - set(shown)):
        yield f"the row of node {other} is of no node that began"
    for name, node in shown.items():
        if name in rowed:
            parent = numbers.get(state.nodes[node.owner].unique_id) if node.owner >= 0 else None
            row = replace(rowed[name], dynamic_workflow=None)
            yield from _differing(
                f"node {name}", rows.node_row(running, node, numbers[name], parent), row, _NODE
            )
    yield from _differing_tasks(running, shown, written)


def _differing_tasks(running: Running, shown: dict[Any, Node], written: projected.Rows) -> Iterable[str]:
    numbers = running.node_rows
    rowed = {(row.node_execution_id, row.retry_attempt): row for row in written.tasks}
    for name, node in shown.items():
        if node.spec.kind not in (NodeKind.TASK, NodeKind.ARRAY) or name not in numbers:
            continue
        for attempt in node.attempts:
            row = rowed.pop((numbers[name], attempt.number), None)
            place = f"attempt {attempt.number} of node {name}"
            if row is None:
                yield f"{place} has no row"
                continue
            due = rows.task_row(running, node, attempt, numbers[name])
            yield from _differing(place, replace(due, execution_id=0), row, _TASK)
    for number, attempt_number in rowed:
        yield f"there is a row of an attempt {attempt_number} that never was, of the node in row {number}"


def _is_shown(node: Node) -> bool:
    """Whether it has a row: it began or was skipped, and is neither an end nor an element of an array."""
    return bool(node.created_at) and node.spec.kind is not NodeKind.END and node.index < 0


_Reader = Callable[[bytes], Any]
_NODE: dict[str, _Reader] = {
    "closure": node_execution_pb2.NodeExecutionClosure.FromString,
    "metadata": node_execution_pb2.NodeExecutionMetaData.FromString,
}
_TASK: dict[str, _Reader] = {"closure": task_execution_pb2.TaskExecutionClosure.FromString}
_EXECUTION: dict[str, _Reader] = {}


def _differing(place: str, due: Any, row: Any, messages: dict[str, _Reader]) -> Iterable[str]:
    """Field by field; protobufs as what they say, since equal ones may be different bytes."""
    for one in fields(due):
        wanted, found = getattr(due, one.name), getattr(row, one.name)
        if one.name in messages and wanted != found:
            wanted, found = messages[one.name](wanted), messages[one.name](found)
        if wanted != found and not _is_passing(place, one.name, row):
            yield f"{place}: {one.name} is {found!r} in its row, {wanted!r} in its history"


def _is_passing(place: str, name: str, row: Any) -> bool:
    """What the history does not decide: a wish to abort, and when a row of what still runs was written."""
    if not isinstance(row, ExecutionRow):
        return False
    if name == "abort_cause":
        return row.phase != "ABORTED"
    return not row.terminal and name in ("updated_at", "phase")
