"""The first schema.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "datasets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
        sa.Column("partition_keys", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint(
            "project", "domain", "name", "version", name=op.f("uq_datasets_project_domain_name_version")
        ),
    )
    op.create_table(
        "description_entities",
        sa.Column("resource_type", sa.Integer(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("description", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint(
            "resource_type", "project", "domain", "name", "version", name=op.f("pk_description_entities")
        ),
    )
    op.create_table(
        "matchable_attributes",
        sa.Column("resource_type", sa.Integer(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("launch_plan", sa.Text(), nullable=False),
        sa.Column("attributes", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint(
            "resource_type",
            "project",
            "domain",
            "workflow",
            "launch_plan",
            name=op.f("pk_matchable_attributes"),
        ),
    )
    op.create_table(
        "named_entities",
        sa.Column("resource_type", sa.Integer(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("resource_type", "project", "domain", "name", name=op.f("pk_named_entities")),
    )
    op.create_table(
        "projects",
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("labels", sa.LargeBinary(), server_default="", nullable=False),
        sa.Column("state", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("identifier", name=op.f("pk_projects")),
    )
    op.create_table(
        "reservations",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("heartbeat_seconds", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "domain", "name", "version", "tag", name=op.f("pk_reservations")),
    )
    op.create_table(
        "artifacts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("dataset_id", sa.BigInteger(), nullable=False),
        sa.Column("artifact_id", sa.Text(), nullable=False),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
        sa.Column("partitions", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name=op.f("fk_artifacts_dataset_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifacts")),
        sa.UniqueConstraint("dataset_id", "artifact_id", name=op.f("uq_artifacts_dataset_id_artifact_id")),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("type", sa.Text(), server_default="", nullable=False),
        sa.Column("short_description", sa.Text(), server_default="", nullable=False),
        sa.Column("closure", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.identifier"], name=op.f("fk_tasks_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint(
            "project", "domain", "name", "version", name=op.f("uq_tasks_project_domain_name_version")
        ),
    )
    op.create_table(
        "workflows",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("short_description", sa.Text(), server_default="", nullable=False),
        sa.Column("typed_interface", sa.LargeBinary(), nullable=False),
        sa.Column("closure", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.identifier"], name=op.f("fk_workflows_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflows")),
        sa.UniqueConstraint(
            "project", "domain", "name", "version", name=op.f("uq_workflows_project_domain_name_version")
        ),
    )
    op.create_table(
        "artifact_tags",
        sa.Column("dataset_id", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("artifact_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], name=op.f("fk_artifact_tags_artifact_id")),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name=op.f("fk_artifact_tags_dataset_id")),
        sa.PrimaryKeyConstraint("dataset_id", "tag", name=op.f("pk_artifact_tags")),
    )
    op.create_index("ix_artifact_tags_artifact", "artifact_tags", ["artifact_id"], unique=False)
    op.create_table(
        "launch_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("spec", sa.LargeBinary(), nullable=False),
        sa.Column("closure", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Integer(), server_default="0", nullable=False),
        sa.Column("workflow_id", sa.BigInteger(), nullable=True),
        sa.Column("schedule_type", sa.Text(), server_default="NONE", nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.identifier"], name=op.f("fk_launch_plans_project")),
        sa.ForeignKeyConstraint(["workflow_id"], ["workflows.id"], name=op.f("fk_launch_plans_workflow_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_launch_plans")),
        sa.UniqueConstraint(
            "project", "domain", "name", "version", name=op.f("uq_launch_plans_project_domain_name_version")
        ),
    )
    op.create_index(
        "uq_launch_plans_active",
        "launch_plans",
        ["project", "domain", "name"],
        unique=True,
        postgresql_where=sa.text("state = 1"),
    )
    op.create_table(
        "executions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("execution_project", sa.Text(), nullable=False),
        sa.Column("execution_domain", sa.Text(), nullable=False),
        sa.Column("execution_name", sa.Text(), nullable=False),
        sa.Column("launch_plan_id", sa.BigInteger(), nullable=True),
        sa.Column("workflow_id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("mode", sa.Integer(), server_default="0", nullable=False),
        sa.Column("user", sa.Text(), server_default="", nullable=False),
        sa.Column("cluster", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Integer(), server_default="0", nullable=False),
        sa.Column("launch_entity", sa.Text(), server_default="LAUNCH_PLAN", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("spec", sa.LargeBinary(), nullable=False),
        sa.Column("inputs_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("user_inputs_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("outputs_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("source_execution_id", sa.BigInteger(), nullable=True),
        sa.Column("parent_node_execution_id", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.LargeBinary(), nullable=True),
        sa.Column("error_kind", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("abort_cause", sa.Text(), server_default="", nullable=False),
        sa.Column("abort_principal", sa.Text(), server_default="", nullable=False),
        sa.Column("abort_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "execution_created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "execution_updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration", sa.Float(), nullable=True),
        sa.Column("terminal", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["execution_project"], ["projects.identifier"], name=op.f("fk_executions_execution_project")
        ),
        sa.ForeignKeyConstraint(
            ["launch_plan_id"], ["launch_plans.id"], name=op.f("fk_executions_launch_plan_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_execution_id"], ["executions.id"], name=op.f("fk_executions_source_execution_id")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_executions_task_id")),
        sa.ForeignKeyConstraint(["workflow_id"], ["workflows.id"], name=op.f("fk_executions_workflow_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
        sa.UniqueConstraint(
            "execution_project",
            "execution_domain",
            "execution_name",
            name=op.f("uq_executions_execution_project_execution_domain_execution_name"),
        ),
    )
    op.create_index(
        "ix_executions_list",
        "executions",
        ["execution_project", "execution_domain", "execution_created_at", "id"],
        unique=False,
    )
    op.create_index("ix_executions_parent", "executions", ["parent_node_execution_id"], unique=False)
    op.create_index(
        "ix_executions_runnable",
        "executions",
        [sa.literal_column("priority DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("NOT terminal"),
    )
    op.create_table(
        "execution_events",
        sa.Column("execution_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_execution_events_execution_id")
        ),
        sa.PrimaryKeyConstraint("execution_id", "sequence", name=op.f("pk_execution_events")),
    )
    op.create_table(
        "execution_tags",
        sa.Column("execution_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_execution_tags_execution_id")
        ),
        sa.PrimaryKeyConstraint("execution_id", "key", "value", name=op.f("pk_execution_tags")),
    )
    op.create_table(
        "node_executions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("execution_id", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("input_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("closure", sa.LargeBinary(), nullable=False),
        sa.Column("node_execution_metadata", sa.LargeBinary(), nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("cache_status", sa.Text(), nullable=True),
        sa.Column("dynamic_workflow", sa.LargeBinary(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("node_execution_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("node_execution_updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_node_executions_execution_id")
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["node_executions.id"], name=op.f("fk_node_executions_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node_executions")),
        sa.UniqueConstraint("execution_id", "node_id", name=op.f("uq_node_executions_execution_id_node_id")),
    )
    op.create_index("ix_node_executions_parent", "node_executions", ["parent_id"], unique=False)
    op.create_table(
        "signals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("execution_id", sa.BigInteger(), nullable=False),
        sa.Column("signal_id", sa.Text(), nullable=False),
        sa.Column("type", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], name=op.f("fk_signals_execution_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
        sa.UniqueConstraint("execution_id", "signal_id", name=op.f("uq_signals_execution_id_signal_id")),
    )
    op.create_table(
        "task_executions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("node_execution_id", sa.BigInteger(), nullable=False),
        sa.Column("retry_attempt", sa.Integer(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("phase_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("input_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("closure", sa.LargeBinary(), nullable=False),
        sa.Column("peak_memory", sa.BigInteger(), nullable=True),
        sa.Column("memory_limit", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("task_execution_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("task_execution_updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["node_execution_id"], ["node_executions.id"], name=op.f("fk_task_executions_node_execution_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_executions")),
        sa.UniqueConstraint(
            "node_execution_id",
            "retry_attempt",
            name=op.f("uq_task_executions_node_execution_id_retry_attempt"),
        ),
    )


def downgrade() -> None:

    op.drop_table("task_executions")
    op.drop_table("signals")
    op.drop_index("ix_node_executions_parent", table_name="node_executions")
    op.drop_table("node_executions")
    op.drop_table("execution_tags")
    op.drop_table("execution_events")
    op.drop_index("ix_executions_runnable", table_name="executions", postgresql_where=sa.text("NOT terminal"))
    op.drop_index("ix_executions_parent", table_name="executions")
    op.drop_index("ix_executions_list", table_name="executions")
    op.drop_table("executions")
    op.drop_index("uq_launch_plans_active", table_name="launch_plans", postgresql_where=sa.text("state = 1"))
    op.drop_table("launch_plans")
    op.drop_index("ix_artifact_tags_artifact", table_name="artifact_tags")
    op.drop_table("artifact_tags")
    op.drop_table("workflows")
    op.drop_table("tasks")
    op.drop_table("artifacts")
    op.drop_table("reservations")
    op.drop_table("projects")
    op.drop_table("named_entities")
    op.drop_table("matchable_attributes")
    op.drop_table("description_entities")
    op.drop_table("datasets")
