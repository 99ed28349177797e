"""How an execution is run when several have a say: labels, parallelism, envs, where raw data goes …

The request wins over the launch plan, that over the most specific attributes of the workflow's scope, those
over the project's, and the platform's own come last (getExecutionConfig in
`flyteadmin/pkg/manager/impl/execution_manager.go`). What results is stored in the execution's spec: the
engine reads it there, and so do people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from flyteidl.admin import (
    common_pb2,
    execution_pb2,
    launch_plan_pb2,
    matchable_resource_pb2,
    workflow_pb2,
)
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import security_pb2

from sandbox.admin import errors
from sandbox.admin.settings import AdminSettings
from sandbox.idl import quality
from sandbox.store import attributes, workflows
from sandbox.store.database import Connection

Config: TypeAlias = (
    execution_pb2.ExecutionSpec
    | launch_plan_pb2.LaunchPlanSpec
    | matchable_resource_pb2.WorkflowExecutionConfig
)
"""They have the same fields for what is merged here."""

WORKFLOW_EXECUTION_CONFIG = matchable_resource_pb2.WORKFLOW_EXECUTION_CONFIG
QUALITY_OF_SERVICE = matchable_resource_pb2.QUALITY_OF_SERVICE_SPECIFICATION


def settle(
    connection: Connection,
    settings: AdminSettings,
    spec: execution_pb2.ExecutionSpec,
    *,
    plan: launch_plan_pb2.LaunchPlanSpec,
    workflow_id: int,
    scope: attributes.Scope,
    project_labels: common_pb2.Labels,
) -> None:
    """Fill in whatever the request left open."""
    _use_auth_role(spec, plan)
    rows = attributes.list_all(connection, WORKFLOW_EXECUTION_CONFIG, QUALITY_OF_SERVICE)
    for lower in (plan, *_matching(rows, scope)):
        merge(spec, lower)
    _settle_quality(connection, spec, plan, workflow_id, _matching_quality(rows, scope))
    if not spec.max_parallelism:
        spec.max_parallelism = settings.max_parallelism
    spec.security_context.run_as.SetInParent()
    for key, value in project_labels.values.items():
        if key not in spec.labels.values:
            spec.labels.values[key] = value
    _check_size("labels", len(spec.labels.values), settings.max_label_entries)
    _check_size("annotations", len(spec.annotations.values), settings.max_label_entries)


def merge(upper: Config, lower: Config) -> None:
    """Take from `lower` what `upper` doesn't say; an empty value says nothing."""
    if not upper.max_parallelism:
        upper.max_parallelism = lower.max_parallelism
    if not upper.overwrite_cache:
        upper.overwrite_cache = lower.overwrite_cache
    if lower.HasField("interruptible") and not upper.HasField("interruptible"):
        upper.interruptible.CopyFrom(lower.interruptible)
    if _names_someone(lower.security_context) and not _names_someone(upper.security_context):
        upper.security_context.run_as.CopyFrom(lower.security_context.run_as)
    known = {secret.SerializeToString(deterministic=True) for secret in upper.security_context.secrets}
    for secret in lower.security_context.secrets:
        if secret.SerializeToString(deterministic=True) not in known:
            upper.security_context.secrets.add().CopyFrom(secret)
    raw_output = lower.raw_output_data_config
    if raw_output.output_location_prefix and not upper.raw_output_data_config.output_location_prefix:
        upper.raw_output_data_config.CopyFrom(raw_output)
    if lower.labels.values and not upper.labels.values:
        upper.labels.CopyFrom(lower.labels)
    if lower.annotations.values and not upper.annotations.values:
        upper.annotations.CopyFrom(lower.annotations)
    if lower.envs.values and not upper.envs.values:
        upper.envs.CopyFrom(lower.envs)
    if lower.execution_env_assignments and not upper.execution_env_assignments:
        upper.execution_env_assignments.extend(lower.execution_env_assignments)


def platform_default(settings: AdminSettings) -> matchable_resource_pb2.WorkflowExecutionConfig:
    """What holds where nobody has said anything."""
    return matchable_resource_pb2.WorkflowExecutionConfig(max_parallelism=settings.max_parallelism)


def _settle_quality(
    connection: Connection,
    spec: execution_pb2.ExecutionSpec,
    plan: launch_plan_pb2.LaunchPlanSpec,
    workflow_id: int,
    matching: core_execution_pb2.QualityOfService | None,
) -> None:
    """The request's, else the launch plan's, else the workflow's own (which the engine knows), else what was
    set for its scope.
    """
    if quality.is_said(spec.quality_of_service):
        return
    if quality.is_said(plan.quality_of_service):
        spec.quality_of_service.CopyFrom(plan.quality_of_service)
    elif matching is not None:
        closure = workflow_pb2.WorkflowClosure.FromString(
            workflows.get_by_id(connection, workflow_id).closure
        )
        own = closure.compiled_workflow.primary.template.metadata.quality_of_service
        spec.quality_of_service.CopyFrom(own if quality.is_said(own) else matching)


def _matching_quality(
    rows: Sequence[attributes.Attributes], scope: attributes.Scope
) -> core_execution_pb2.QualityOfService | None:
    found = _around(rows, QUALITY_OF_SERVICE, scope)
    if not found:
        return None
    return matchable_resource_pb2.MatchingAttributes.FromString(found[0].attributes).quality_of_service


def _around(
    rows: Sequence[attributes.Attributes], resource_type: int, scope: attributes.Scope
) -> list[attributes.Attributes]:
    """Those that hold in the scope, the most specific first."""
    around = [
        row for row in rows if row.resource_type == resource_type and attributes.covers(row.scope, scope)
    ]
    return sorted(around, key=lambda row: attributes.weight(row.scope), reverse=True)


def _matching(
    rows: Sequence[attributes.Attributes], scope: attributes.Scope
) -> Sequence[matchable_resource_pb2.WorkflowExecutionConfig]:
    """The attributes set for the scope: the most specific ones, then the project's."""
    around = _around(rows, WORKFLOW_EXECUTION_CONFIG, scope)
    of_project = attributes.Scope(scope.project)
    chosen = around[:1] + [row for row in around[1:] if row.scope == of_project]
    return [
        matchable_resource_pb2.MatchingAttributes.FromString(row.attributes).workflow_execution_config
        for row in chosen
    ]


def _names_someone(context: security_pb2.SecurityContext) -> bool:
    who = context.run_as
    return bool(who.k8s_service_account or who.iam_role or who.execution_identity)


def _use_auth_role(spec: execution_pb2.ExecutionSpec, plan: launch_plan_pb2.LaunchPlanSpec) -> None:
    """Older clients name the service account in `auth_role`, still older ones in `auth` or `role`."""
    if _names_someone(spec.security_context) or _names_someone(plan.security_context):
        return
    role = spec.auth_role
    if not spec.HasField("auth_role"):
        role = plan.auth_role
        if not plan.HasField("auth_role"):
            role = common_pb2.AuthRole(
                assumable_iam_role=plan.auth.assumable_iam_role or plan.role,
                kubernetes_service_account=plan.auth.kubernetes_service_account,
            )
    if role.assumable_iam_role or role.kubernetes_service_account:
        spec.security_context.run_as.iam_role = role.assumable_iam_role
        spec.security_context.run_as.k8s_service_account = role.kubernetes_service_account


def _check_size(what: str, entries: int, limit: int) -> None:
    if limit and entries > limit:
        raise errors.InvalidRequest(f"{what} has too many entries [{entries} > {limit}]")
