"""What the pods of the control plane are told: the server's configuration made of values."""

from __future__ import annotations

from typing import Any

from sandbox.appliance import assets
from sandbox.appliance.manifests import defaults
from sandbox.appliance.manifests.values import Values
from sandbox.server.config import DatabaseConfig, EdgeConfig, ObjectsConfig, ServerConfig
from sandbox.server.kubernetes_config import (
    ClusterResourcesConfig,
    KubernetesConfig,
    ListenConfig,
    PodsConfig,
    WebhookConfig,
)

SYSTEM_PROJECT = "sandbox-system"
"""The project that the canary runs in."""
EDGE_PORT = 8088
GRPC_PORT = 8089
CONSOLE_PORT = 8080
HEALTH_PORT = 10254
WEBHOOK_PORT = 9443
RUN = "/run/flyte-sandbox"
CA_CONFIG_MAP = "flyte-ca-bundle"
CA_FILE = "/etc/flyte-sandbox/ca/ca-bundle.pem"
"""Where pods of the control plane have `ca_bundle`."""
CONFIG_MAP = "flyte-sandbox-config"
CREDENTIALS_SECRET = "flyte-sandbox-credentials"
CREDENTIALS = "/etc/flyte-sandbox/credentials"
TEMPLATES_CONFIG_MAP = "flyte-cluster-resources"
TEMPLATES = "/etc/flyte-sandbox/cluster-resources"


def server(values: Values) -> dict[str, Any]:
    """The `server` section of `sandbox.json`."""
    bucket = values.object_store.bucket
    split = values.profile != defaults.DEMO
    return ServerConfig(
        name=values.instance,
        run=RUN,
        edge=EdgeConfig(
            host="0.0.0.0",
            port=EDGE_PORT,
            public=values.expose.edge,
            http=f"flyteconsole:{CONSOLE_PORT}" if split else "",
        ),
        database=DatabaseConfig(startup_timeout=300.0),
        objects=ObjectsConfig(
            bucket=bucket,
            endpoint=values.endpoint,
            public_endpoint=values.public_endpoint,
            region=values.object_store.region,
        ),
        tasks=None,
        metadata_prefix=f"s3://{bucket}/metadata",
        raw_data_prefix=f"s3://{bucket}/data",
        system_project=SYSTEM_PROJECT,
        connectors=list(values.connectors),
        kubernetes=_kubernetes(values),
    ).to_json()


def _kubernetes(values: Values) -> KubernetesConfig:
    tasks = values.tasks
    return KubernetesConfig(
        namespace=values.namespace,
        admin=f"flyteadmin:{GRPC_PORT}",
        listen=ListenConfig(grpc=GRPC_PORT, http=CONSOLE_PORT, health=HEALTH_PORT, webhook=WEBHOOK_PORT),
        pods=PodsConfig(
            namespace=tasks.namespace,
            owner=owner(values.namespace),
            service_account=tasks.service_account,
            image_pull_policy=tasks.image_pull_policy,
            copilot_image=values.image(values.images.control_plane),
            platform=f"flyteadmin.{values.namespace}:{GRPC_PORT}",
            env=dict(tasks.env),
            tolerations=[dict(each) for each in tasks.tolerations],
            interruptible_tolerations=[dict(each) for each in tasks.interruptible_tolerations],
            interruptible_node_selector=dict(tasks.interruptible_node_selector),
            gpu_resource=tasks.gpu_resource,
            image_pull_grace=tasks.image_pull_grace,
            create_grace=tasks.create_grace,
            keep=tasks.keep,
            plugins=dict(tasks.plugins),
        ),
        webhook=WebhookConfig(configuration=cluster_name(values, "flyte-pod-webhook")),
        cluster_resources=ClusterResourcesConfig(
            templates=TEMPLATES, defaults=_cluster_resource_defaults(values)
        ),
    )


def owner(namespace: str) -> str:
    """Whose pods of tasks are those of the control plane in a namespace, where several share a cluster."""
    return namespace if namespace.startswith("flyte") else f"flyte-{namespace}"


def cluster_name(values: Values, name: str) -> str:
    """Of objects that no namespace holds."""
    return f"{values.namespace}-{name.removeprefix(values.namespace + '-')}"


def cluster_templates(values: Values) -> dict[str, str]:
    """File name → template of what a project-domain's namespace gets: the built-in ones and those of the
    values."""
    found = {
        path.name: path.read_text("utf-8")
        for path in sorted((assets.manifests() / "cluster-resources").glob("*.yaml"))
    }
    return {**found, **values.cluster_resources.templates}


def _cluster_resource_defaults(values: Values) -> dict[str, str]:
    """What built-in templates use; attributes of projects and domains win over it."""
    resources = values.cluster_resources
    found = {"serviceAccount": values.tasks.service_account, "projectQuotaTasks": ""}
    for prefix, amounts in (
        ("projectQuota", resources.quota),
        ("defaultRequest", resources.task_requests),
        ("defaultLimit", resources.task_limits),
    ):
        found[f"{prefix}Cpu"] = amounts.cpu
        found[f"{prefix}Memory"] = amounts.memory
    return found
