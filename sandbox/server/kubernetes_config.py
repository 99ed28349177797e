"""What the server is told where its roles and their tasks are pods: the `kubernetes` section."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ListenConfig:
    """Where roles listen, each in a pod of its own."""

    host: str = "0.0.0.0"
    grpc: int = 8089
    """Admin, and the data catalog."""
    http: int = 8080
    """The console."""
    health: int = 10254
    """`/livez`, `/readyz` and `/metrics` of every role."""
    webhook: int = 9443


@dataclass(frozen=True, slots=True)
class PodsConfig:
    """How attempts become pods."""

    namespace: str = "{project}-{domain}"
    """Of an execution's pods."""
    owner: str = "flyte-sandbox"
    """Value of the label `managed-by` of all pods that the engines start."""
    service_account: str = "default"
    image_pull_policy: str = "IfNotPresent"
    copilot_image: str = ""
    """The control plane's own; needed for containers that know nothing of Flyte."""
    platform: str = "flyteadmin.flyte:8089"
    """Admin's gRPC address as tasks reach it (FLYTE_PLATFORM_URL)."""
    env: dict[str, str] = field(default_factory=dict)
    """Added to the environment of every task."""
    default_requests: dict[str, str] = field(default_factory=dict)
    """What a task gets that asks for nothing: `{"cpu": "500m", "memory": "1Gi"}`."""
    tolerations: list[dict[str, Any]] = field(default_factory=list)
    interruptible_tolerations: list[dict[str, Any]] = field(default_factory=list)
    interruptible_node_selector: dict[str, str] = field(default_factory=dict)
    gpu_resource: str = "nvidia.com/gpu"
    """What a container asks for that needs a GPU."""
    image_pull_grace: float = 180.0
    """Seconds that an image may fail to be pulled before the attempt fails."""
    create_grace: float = 180.0
    """Seconds that a container may fail to be created before the attempt fails."""
    keep: float = 3600.0
    """Seconds that pods are kept after their end."""
    plugins: dict[str, Any] = field(default_factory=dict)
    """Of custom resources: `{"operatorGrace": 300, "spark": {"historyServer": …}, "ray": {…}}`."""


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """The pod webhook's own objects in the cluster."""

    service: str = "flyte-pod-webhook"
    """The Service that the API server calls; its name is in the certificate."""
    secret: str = "flyte-pod-webhook"
    """The Secret in which the certificate is kept, so that replicas share it."""
    configuration: str = "flyte-pod-webhook"
    """The MutatingWebhookConfiguration that is told whom to trust."""


@dataclass(frozen=True, slots=True)
class ClusterResourcesConfig:
    """What every project and domain has in the cluster."""

    templates: str = "/etc/flyte-sandbox/cluster-resources"
    """Directory of YAML templates (`{{ namespace }}`, `{{ projectQuotaCpu }}`, …)."""
    every: float = 3.0
    """Seconds between looks at projects and attributes."""
    correct_every: float = 60.0
    """Seconds after which everything is written again, changed or not."""
    defaults: dict[str, str] = field(default_factory=dict)
    """Values of the templates' variables where no attribute sets them."""
    domain_defaults: dict[str, dict[str, str]] = field(default_factory=dict)
    """The same for single domains: they win over `defaults`."""


@dataclass(frozen=True, slots=True)
class KubernetesConfig:
    """The cluster around the roles."""

    namespace: str = "flyte"
    """The control plane's own."""
    admin: str = "flyteadmin:8089"
    """Admin's gRPC address for the roles that ask it and are processes of their own."""
    kubeconfig: str = ""
    """A file; empty: as a pod of the cluster."""
    context: str = ""
    """In the kubeconfig; empty: its current one."""
    lease_seconds: float = 12.0
    """How long an engine that is no longer heard of keeps its executions."""
    heartbeat_seconds: float = 3.0
    """Between renewals of leases."""
    listen: ListenConfig = field(default_factory=ListenConfig)
    pods: PodsConfig = field(default_factory=PodsConfig)
    webhook: WebhookConfig = field(default_factory=WebhookConfig)
    cluster_resources: ClusterResourcesConfig = field(default_factory=ClusterResourcesConfig)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> KubernetesConfig:
        """Raises TypeError for an unknown field."""
        sections = {
            "listen": ListenConfig,
            "pods": PodsConfig,
            "webhook": WebhookConfig,
            "cluster_resources": ClusterResourcesConfig,
        }
        return cls(**{**data, **{name: kind(**data.get(name, {})) for name, kind in sections.items()}})
