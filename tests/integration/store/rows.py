"""Rows that tests need before they can begin: a workflow, its launch plan, an execution and what it ran."""

from __future__ import annotations

from datetime import UTC, datetime

from flyteidl.admin import execution_pb2
from flyteidl.core import identifier_pb2

from sandbox.idl.identifiers import EntityId, ExecutionId
from sandbox.store import executions, launch_plans, tables, tasks, workflows
from sandbox.store.database import Connection

PROJECT, DOMAIN = "flytesnacks", "development"


def entity(resource_type: int, name: str, version: str = "v1") -> EntityId:
    """A version in the usual project and domain."""
    return EntityId(resource_type, PROJECT, DOMAIN, name, version)


def add_task(connection: Connection, name: str, version: str = "v1") -> tasks.Task:
    """A registered task."""
    return tasks.create(
        connection,
        entity(identifier_pb2.TASK, name, version),
        digest=b"d",
        closure=b"c",
        type="python-task",
    )


def add_workflow(connection: Connection, name: str, version: str = "v1") -> workflows.Workflow:
    """A registered workflow."""
    return workflows.create(
        connection,
        entity(identifier_pb2.WORKFLOW, name, version),
        digest=b"d",
        typed_interface=b"i",
        closure=b"c",
    )


def add_launch_plan(
    connection: Connection, workflow: workflows.Workflow, name: str = "", version: str = "v1"
) -> launch_plans.LaunchPlan:
    """A registered launch plan of a workflow, by default of the same name."""
    return launch_plans.create(
        connection,
        entity(identifier_pb2.LAUNCH_PLAN, name or workflow.entity.name, version),
        digest=b"d",
        spec=b"s",
        closure=b"c",
        workflow_id=workflow.id,
    )


def add_execution(
    connection: Connection, workflow: workflows.Workflow, name: str, **fields: object
) -> executions.Execution:
    """An execution of a workflow."""
    new = executions.NewExecution(
        execution=ExecutionId(PROJECT, DOMAIN, name),
        workflow_id=workflow.id,
        spec=execution_pb2.ExecutionSpec().SerializeToString(),
        inputs_uri=f"s3://my-s3-bucket/metadata/{name}/inputs.pb",
        **({"launch_plan_id": None} | fields),  # type: ignore[arg-type]
    )
    return executions.create(connection, new)


def add_node_execution(
    connection: Connection,
    execution_id: int,
    node: str,
    *,
    parent_id: int | None = None,
    phase: str = "SUCCEEDED",
) -> int:
    """A node execution; returns its row id."""
    now = datetime.now(UTC)
    statement = tables.node_executions.insert().values(
        execution_id=execution_id,
        node_id=node,
        parent_id=parent_id,
        phase=phase,
        closure=b"closure",
        node_execution_metadata=b"metadata",
        node_execution_created_at=now,
        node_execution_updated_at=now,
        duration=1.5,
    )
    return int(connection.execute(statement.returning(tables.node_executions.c.id)).scalar_one())


def add_task_execution(connection: Connection, node_execution_id: int, attempt: int, task: EntityId) -> int:
    """An attempt; returns its row id."""
    now = datetime.now(UTC)
    statement = tables.task_executions.insert().values(
        node_execution_id=node_execution_id,
        retry_attempt=attempt,
        project=task.project,
        domain=task.domain,
        name=task.name,
        version=task.version,
        phase="FAILED",
        closure=b"closure",
        task_execution_created_at=now,
        task_execution_updated_at=now,
    )
    return int(connection.execute(statement.returning(tables.task_executions.c.id)).scalar_one())
