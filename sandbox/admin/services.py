"""Puts Admin, DataProxy, Signal, Health and reflection on a gRPC server.

The tables below are the whole surface: which function answers which RPC, and why the others don't.
"""

from __future__ import annotations

import grpc
from flyteidl.service import admin_pb2, dataproxy_pb2, signal_pb2
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH_NAME
from grpc_reflection.v1alpha import reflection

from sandbox.admin import (
    attributes,
    dataproxy,
    descriptions,
    executions,
    launch_plans,
    metrics,
    named_entities,
    node_executions,
    projects,
    signals,
    task_executions,
    tasks,
    versions,
    workflows,
)
from sandbox.admin.context import AdminContext
from sandbox.admin.health import HealthService
from sandbox.admin.rpc import Service

_EVENTS = "the sandbox's engine writes what happens into its own database; nobody else reports events."

ADMIN = Service(
    admin_pb2.DESCRIPTOR.services_by_name["AdminService"],
    {
        "CreateTask": tasks.create,
        "GetTask": tasks.get,
        "ListTaskIds": tasks.list_ids,
        "ListTasks": tasks.list_,
        "CreateWorkflow": workflows.create,
        "GetWorkflow": workflows.get,
        "ListWorkflowIds": workflows.list_ids,
        "ListWorkflows": workflows.list_,
        "CreateLaunchPlan": launch_plans.create,
        "GetLaunchPlan": launch_plans.get,
        "GetActiveLaunchPlan": launch_plans.get_active,
        "ListActiveLaunchPlans": launch_plans.list_active,
        "ListLaunchPlanIds": launch_plans.list_ids,
        "ListLaunchPlans": launch_plans.list_,
        "UpdateLaunchPlan": launch_plans.update,
        "CreateExecution": executions.create,
        "RelaunchExecution": executions.relaunch,
        "RecoverExecution": executions.recover,
        "GetExecution": executions.get,
        "GetExecutionData": executions.get_data,
        "ListExecutions": executions.list_,
        "TerminateExecution": executions.terminate,
        "UpdateExecution": executions.update,
        "GetExecutionMetrics": metrics.get,
        "GetNodeExecution": node_executions.get,
        "GetNodeExecutionData": node_executions.get_data,
        "GetDynamicNodeWorkflow": node_executions.get_dynamic_workflow,
        "ListNodeExecutions": node_executions.list_,
        "ListNodeExecutionsForTask": node_executions.list_for_task,
        "GetTaskExecution": task_executions.get,
        "GetTaskExecutionData": task_executions.get_data,
        "ListTaskExecutions": task_executions.list_,
        "RegisterProject": projects.register,
        "UpdateProject": projects.update,
        "GetProject": projects.get,
        "ListProjects": projects.list_,
        "GetDomains": projects.domains,
        "ListNamedEntities": named_entities.list_,
        "GetNamedEntity": named_entities.get,
        "UpdateNamedEntity": named_entities.update,
        "GetDescriptionEntity": descriptions.get,
        "ListDescriptionEntities": descriptions.list_,
        "UpdateProjectAttributes": attributes.update_project,
        "GetProjectAttributes": attributes.get_project,
        "DeleteProjectAttributes": attributes.delete_project,
        "UpdateProjectDomainAttributes": attributes.update_project_domain,
        "GetProjectDomainAttributes": attributes.get_project_domain,
        "DeleteProjectDomainAttributes": attributes.delete_project_domain,
        "UpdateWorkflowAttributes": attributes.update_workflow,
        "GetWorkflowAttributes": attributes.get_workflow,
        "DeleteWorkflowAttributes": attributes.delete_workflow,
        "ListMatchableAttributes": attributes.list_,
        "GetVersion": versions.get,
    },
    {
        "CreateWorkflowEvent": _EVENTS,
        "CreateNodeEvent": _EVENTS,
        "CreateTaskEvent": _EVENTS,
    },
)

DATA_PROXY = Service(
    dataproxy_pb2.DESCRIPTOR.services_by_name["DataProxyService"],
    {
        "CreateUploadLocation": dataproxy.create_upload_location,
        "CreateDownloadLocation": dataproxy.create_download_location,
        "CreateDownloadLink": dataproxy.create_download_link,
        "GetData": dataproxy.get_data,
    },
    {},
)

SIGNAL = Service(
    signal_pb2.DESCRIPTOR.services_by_name["SignalService"],
    {
        "GetOrCreateSignal": signals.get_or_create,
        "ListSignals": signals.list_,
        "SetSignal": signals.set_,
    },
    {},
)

SERVICES = (ADMIN, DATA_PROXY, SIGNAL)


def add_to(server: grpc.Server, context: AdminContext) -> HealthService:
    """Register every service of this room. Call it before `server.start()`.

    Whoever knows that `context.troubles` came or went calls `refresh` on what is returned, for those who
    watch. Identity and AuthMetadata aren't registered, as in a Flyte without authentication: gRPC answers
    UNIMPLEMENTED.
    """
    for service in SERVICES:
        service.add_to(server, context)
    health = HealthService(("flyteadmin", *(service.name for service in SERVICES)), context.troubles)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    names = (*(service.name for service in SERVICES), HEALTH_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return health
