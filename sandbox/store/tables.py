"""Every table of the control plane, as SQLAlchemy Core declarations.

Protobuf messages are stored as bytes beside the columns that are filtered and sorted on. Column names follow
Flyte's own database where clients may filter by them (`flyteadmin/pkg/repositories/models`), so that a filter
field *is* a column name; `filters.py` knows the few aliases.

Times are `timestamptz`; durations are float seconds; phases are Flyte's enum names ("SUCCEEDED").

The engine is event-sourced: `execution_events` is the truth of a running execution, and `executions`,
`node_executions` and `task_executions` are its projections, written in the same transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _created() -> sa.Column[datetime]:
    return sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def _updated() -> sa.Column[datetime]:
    return sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


projects = sa.Table(
    "projects",
    metadata,
    sa.Column("identifier", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("labels", sa.LargeBinary, nullable=False, server_default=""),  # admin.Labels
    sa.Column("state", sa.Integer, nullable=False, server_default="0"),  # admin.Project.ProjectState
    _created(),
    _updated(),
)


def _entity(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """A versioned, registered thing: project, domain, name and version identify it; `digest` is its
    content's.
    """
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("project", sa.Text, sa.ForeignKey("projects.identifier"), nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        _created(),
        _updated(),
        *columns,
        sa.UniqueConstraint("project", "domain", "name", "version"),
    )


tasks = _entity(
    "tasks",
    sa.Column("type", sa.Text, nullable=False, server_default=""),
    sa.Column("short_description", sa.Text, nullable=False, server_default=""),
    sa.Column("closure", sa.LargeBinary, nullable=False),  # admin.TaskClosure
)

workflows = _entity(
    "workflows",
    sa.Column("short_description", sa.Text, nullable=False, server_default=""),
    sa.Column("typed_interface", sa.LargeBinary, nullable=False),  # core.TypedInterface
    sa.Column("closure", sa.LargeBinary, nullable=False),  # admin.WorkflowClosure
)

launch_plans = _entity(
    "launch_plans",
    sa.Column("spec", sa.LargeBinary, nullable=False),  # admin.LaunchPlanSpec
    sa.Column("closure", sa.LargeBinary, nullable=False),  # admin.LaunchPlanClosure without state and times
    sa.Column("state", sa.Integer, nullable=False, server_default="0"),  # admin.LaunchPlanState
    sa.Column("workflow_id", sa.BigInteger, sa.ForeignKey("workflows.id")),  # None: a single task's plan
    sa.Column("schedule_type", sa.Text, nullable=False, server_default="NONE"),  # NONE, CRON, RATE
    sa.Column("scheduled_until", sa.DateTime(timezone=True)),  # all that was due up to then was launched
)
sa.Index(
    "uq_launch_plans_active",
    launch_plans.c.project,
    launch_plans.c.domain,
    launch_plans.c.name,
    unique=True,
    postgresql_where=launch_plans.c.state == 1,
)

named_entities = sa.Table(
    "named_entities",
    metadata,
    sa.Column("resource_type", sa.Integer, primary_key=True),  # core.ResourceType
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("domain", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("state", sa.Integer, nullable=False, server_default="0"),  # admin.NamedEntityState
    _created(),
    _updated(),
)

executions = sa.Table(
    "executions",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("execution_project", sa.Text, sa.ForeignKey("projects.identifier"), nullable=False),
    sa.Column("execution_domain", sa.Text, nullable=False),
    sa.Column("execution_name", sa.Text, nullable=False),
    sa.Column("launch_plan_id", sa.BigInteger, sa.ForeignKey("launch_plans.id")),
    sa.Column("workflow_id", sa.BigInteger, sa.ForeignKey("workflows.id"), nullable=False),
    sa.Column("task_id", sa.BigInteger, sa.ForeignKey("tasks.id")),  # single-task executions only
    sa.Column("phase", sa.Text, nullable=False),  # core.WorkflowExecution.Phase name
    sa.Column(
        "mode", sa.Integer, nullable=False, server_default="0"
    ),  # admin.ExecutionMetadata.ExecutionMode
    sa.Column("user", sa.Text, nullable=False, server_default=""),
    sa.Column("cluster", sa.Text, nullable=False, server_default=""),
    sa.Column("state", sa.Integer, nullable=False, server_default="0"),  # admin.ExecutionState
    sa.Column("launch_entity", sa.Text, nullable=False, server_default="LAUNCH_PLAN"),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    # The request as it was resolved: admin.ExecutionSpec (inputs removed) and where the inputs are.
    sa.Column("spec", sa.LargeBinary, nullable=False),
    sa.Column(
        "inputs_uri", sa.Text, nullable=False, server_default=""
    ),  # resolved: fixed and defaults included
    sa.Column("user_inputs_uri", sa.Text, nullable=False, server_default=""),  # as the user gave them
    sa.Column("outputs_uri", sa.Text, nullable=False, server_default=""),
    # Relations.
    sa.Column("source_execution_id", sa.BigInteger, sa.ForeignKey("executions.id")),  # relaunch, recover
    sa.Column("parent_node_execution_id", sa.BigInteger),  # node_executions.id of the launching node
    # The end, or the wish for it.
    sa.Column("error", sa.LargeBinary),  # core.ExecutionError
    sa.Column("error_kind", sa.Text),  # USER, SYSTEM
    sa.Column("error_code", sa.Text),
    sa.Column("abort_cause", sa.Text, nullable=False, server_default=""),
    sa.Column("abort_principal", sa.Text, nullable=False, server_default=""),
    sa.Column("abort_requested_at", sa.DateTime(timezone=True)),
    sa.Column(
        "execution_created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    sa.Column(
        "execution_updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    sa.Column("started_at", sa.DateTime(timezone=True)),
    sa.Column("duration", sa.Float),  # seconds
    # The engine's: who works on it until when. terminal=True takes the row out of every scan.
    sa.Column("terminal", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_expires_at", sa.DateTime(timezone=True)),
    sa.UniqueConstraint("execution_project", "execution_domain", "execution_name"),
)
sa.Index(
    "ix_executions_runnable",
    executions.c.priority.desc(),
    executions.c.id,
    postgresql_where=sa.not_(executions.c.terminal),
)
sa.Index(
    "ix_executions_list",
    executions.c.execution_project,
    executions.c.execution_domain,
    executions.c.execution_created_at,
    executions.c.id,
)
sa.Index("ix_executions_parent", executions.c.parent_node_execution_id)

execution_tags = sa.Table(
    "execution_tags",
    metadata,
    sa.Column("execution_id", sa.BigInteger, sa.ForeignKey("executions.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
)

execution_events = sa.Table(
    "execution_events",
    metadata,
    sa.Column("execution_id", sa.BigInteger, sa.ForeignKey("executions.id"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),  # 0-based, gapless
    sa.Column(
        "payload", sa.LargeBinary, nullable=False
    ),  # the engine's own encoding (propeller/core/events.py)
)

node_executions = sa.Table(
    "node_executions",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("execution_id", sa.BigInteger, sa.ForeignKey("executions.id"), nullable=False),
    sa.Column("node_id", sa.Text, nullable=False),  # unique within the execution: n0-0-n1
    sa.Column("parent_id", sa.BigInteger, sa.ForeignKey("node_executions.id")),
    sa.Column("phase", sa.Text, nullable=False),  # core.NodeExecution.Phase name
    sa.Column("input_uri", sa.Text, nullable=False, server_default=""),
    sa.Column("closure", sa.LargeBinary, nullable=False),  # admin.NodeExecutionClosure
    sa.Column("node_execution_metadata", sa.LargeBinary, nullable=False),  # admin.NodeExecutionMetaData
    sa.Column("error_kind", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("cache_status", sa.Text),  # core.CatalogCacheStatus name
    sa.Column("dynamic_workflow", sa.LargeBinary),  # admin.DynamicWorkflowNodeMetadata
    sa.Column("started_at", sa.DateTime(timezone=True)),
    sa.Column("node_execution_created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("node_execution_updated_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("duration", sa.Float),  # seconds
    sa.UniqueConstraint("execution_id", "node_id"),
)
sa.Index("ix_node_executions_parent", node_executions.c.parent_id)

task_executions = sa.Table(
    "task_executions",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("node_execution_id", sa.BigInteger, sa.ForeignKey("node_executions.id"), nullable=False),
    sa.Column("retry_attempt", sa.Integer, nullable=False),
    sa.Column("project", sa.Text, nullable=False),  # of the task: core.Identifier
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),  # core.TaskExecution.Phase name
    sa.Column("phase_version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("input_uri", sa.Text, nullable=False, server_default=""),
    sa.Column("closure", sa.LargeBinary, nullable=False),  # admin.TaskExecutionClosure
    sa.Column("peak_memory", sa.BigInteger),  # bytes, of the largest moment of the attempt
    sa.Column("memory_limit", sa.BigInteger),  # bytes
    sa.Column("started_at", sa.DateTime(timezone=True)),
    sa.Column("task_execution_created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("task_execution_updated_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("duration", sa.Float),  # seconds
    sa.UniqueConstraint("node_execution_id", "retry_attempt"),
)

signals = sa.Table(
    "signals",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("execution_id", sa.BigInteger, sa.ForeignKey("executions.id"), nullable=False),
    sa.Column("signal_id", sa.Text, nullable=False),
    sa.Column("type", sa.LargeBinary, nullable=False),  # core.LiteralType
    sa.Column("value", sa.LargeBinary),  # core.Literal
    _created(),
    _updated(),
    sa.UniqueConstraint("execution_id", "signal_id"),
)

datasets = sa.Table(
    "datasets",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("metadata", sa.LargeBinary, nullable=False),  # datacatalog.Metadata
    sa.Column("partition_keys", pg.ARRAY(sa.Text), nullable=False, server_default="{}"),
    _created(),
    sa.UniqueConstraint("project", "domain", "name", "version"),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("dataset_id", sa.BigInteger, sa.ForeignKey("datasets.id"), nullable=False),
    sa.Column("artifact_id", sa.Text, nullable=False),
    sa.Column("metadata", sa.LargeBinary, nullable=False),  # datacatalog.Metadata: the source execution's ids
    sa.Column("partitions", pg.JSONB, nullable=False, server_default="{}"),
    sa.Column("data", sa.LargeBinary, nullable=False),  # core.LiteralMap: name to value
    _created(),
    _updated(),
    sa.UniqueConstraint("dataset_id", "artifact_id"),
)

artifact_tags = sa.Table(
    "artifact_tags",
    metadata,
    sa.Column("dataset_id", sa.BigInteger, sa.ForeignKey("datasets.id"), primary_key=True),
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Column("artifact_id", sa.BigInteger, sa.ForeignKey("artifacts.id"), nullable=False),
    _created(),
)

sa.Index("ix_artifact_tags_artifact", artifact_tags.c.artifact_id)

reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("domain", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),  # of the dataset
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("heartbeat_seconds", sa.Float, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
)

matchable_attributes = sa.Table(
    "matchable_attributes",
    metadata,
    sa.Column("resource_type", sa.Integer, primary_key=True),  # admin.MatchableResource
    sa.Column("project", sa.Text, primary_key=True),  # "" is any
    sa.Column("domain", sa.Text, primary_key=True),
    sa.Column("workflow", sa.Text, primary_key=True),
    sa.Column("launch_plan", sa.Text, primary_key=True),
    sa.Column("attributes", sa.LargeBinary, nullable=False),  # admin.MatchingAttributes
    _updated(),
)

description_entities = sa.Table(
    "description_entities",
    metadata,
    sa.Column("resource_type", sa.Integer, primary_key=True),
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("domain", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("description", sa.LargeBinary, nullable=False),  # admin.DescriptionEntity
    _created(),
)
