"""What the engine would have written about an execution, written by the engine's own projections."""

from __future__ import annotations

import re
import time

from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import execution_pb2

from sandbox.idl.identifiers import ExecutionId
from sandbox.store import executions, projections
from sandbox.store.database import Database
from tests.integration.admin import builders


class History:
    """Tells what happened to one execution."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        with database.reading() as connection:
            key = ExecutionId(builders.PROJECT, builders.DOMAIN, name)
            self.execution_id = executions.row_id(connection, key)

    def execution(
        self,
        phase: str,
        *,
        outputs_uri: str = "",
        error: execution_pb2.ExecutionError | None = None,
        terminal: bool = False,
        abort_cause: str = "",
    ) -> None:
        """The execution came into a phase."""
        now = time.time_ns() // 1000
        row = projections.ExecutionRow(
            id=self.execution_id,
            phase=phase,
            started_at=now - 2_000_000,
            updated_at=now,
            duration=2.0 if terminal else None,
            outputs_uri=outputs_uri,
            error=None if error is None else error.SerializeToString(),
            error_kind=None,
            error_code=None if error is None else error.code,
            abort_cause=abort_cause,
            terminal=terminal,
        )
        with self._database.transaction() as connection:
            projections.write_executions(connection, [row])

    def node(
        self,
        node: str,
        phase: str = "SUCCEEDED",
        *,
        parent: int | None = None,
        input_uri: str = "",
        closure: node_execution_pb2.NodeExecutionClosure | None = None,
        is_parent: bool = False,
    ) -> int:
        """A node ran; its row id."""
        now = time.time_ns() // 1000
        metadata = node_execution_pb2.NodeExecutionMetaData(
            spec_node_id=re.split(r"-\d+-", node)[-1], is_parent_node=is_parent
        )
        closure = closure or node_execution_pb2.NodeExecutionClosure()
        closure.phase = execution_pb2.NodeExecution.Phase.Value(phase)
        with self._database.transaction() as connection:
            (number,) = projections.node_numbers(connection, 1)
            row = projections.NodeRow(
                id=number,
                execution_id=self.execution_id,
                node_id=node,
                parent_id=parent,
                phase=phase,
                input_uri=input_uri,
                closure=closure.SerializeToString(),
                metadata=metadata.SerializeToString(),
                error_kind=None,
                error_code=None,
                cache_status=None,
                started_at=now - 1_000_000,
                created_at=now - 1_500_000,
                updated_at=now,
                duration=1.0,
            )
            projections.write_nodes(connection, [row])
        return number

    def attempt(
        self,
        node: int,
        number: int = 0,
        phase: str = "SUCCEEDED",
        *,
        input_uri: str = "",
        closure: task_execution_pb2.TaskExecutionClosure | None = None,
    ) -> None:
        """A task was tried."""
        now = time.time_ns() // 1000
        closure = closure or task_execution_pb2.TaskExecutionClosure()
        closure.phase = execution_pb2.TaskExecution.Phase.Value(phase)
        row = projections.TaskRow(
            node_execution_id=node,
            retry_attempt=number,
            project=builders.PROJECT,
            domain=builders.DOMAIN,
            name="increment",
            version="v1",
            phase=phase,
            phase_version=0,
            input_uri=input_uri,
            closure=closure.SerializeToString(),
            peak_memory=None,
            memory_limit=None,
            started_at=now - 900_000,
            created_at=now - 1_000_000,
            updated_at=now - 100_000,
            duration=0.8,
        )
        with self._database.transaction() as connection:
            projections.write_tasks(connection, [row])
