"""Every setting of the manifests, typed: what may be said in a values file or with `--set`.

In files and flags names are written as Kubernetes writes them (`objectStore.publicEndpoint`); here as Python
does (`object_store.public_endpoint`). A name that does not exist is an error, never ignored. `reading` makes
`Values` of files and flags, `defaults` knows what each profile begins with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sandbox

CONTROL_PLANE_IMAGE = f"flyte-sandbox/control-plane:{sandbox.__version__}"
TASK_IMAGE = f"flyte-sandbox/task:{sandbox.__version__}"
REGISTRY_IMAGE = f"flyte-sandbox/registry:{sandbox.__version__}"
MINIO_IMAGE = (
    "minio/minio:RELEASE.2025-04-22T22-12-26Z"
    "@sha256:a1ea29fa28355559ef137d71fc570e508a214ec84ff8083e39bc5428980b015e"
)
"""For who wants MinIO instead of the object store that the control plane's image has:
`--set objectStore.image=…`."""
DASHBOARD_IMAGE = (
    "kubernetesui/dashboard:v2.7.0@sha256:2e500d29e9d5f4a086b908eb8dfe7ecac57d2ab09d65b24f588b1d449841ef93"
)


@dataclass(frozen=True, slots=True)
class Amounts:
    """CPU (`500m`, `2`) and memory (`256Mi`) of one container; "" leaves one out."""

    cpu: str = ""
    memory: str = ""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a container is promised, and what it may take."""

    requests: Amounts = field(default_factory=Amounts)
    limits: Amounts = field(default_factory=Amounts)


def resources(request: str, limit: str) -> Resources:
    """`resources("50m 96Mi", "1 256Mi")`: CPU and memory of request and limit."""
    return Resources(Amounts(*request.split()), Amounts(*limit.split()))


@dataclass(frozen=True, slots=True)
class Component:
    """One of the control plane's roles."""

    replicas: int = 1
    resources: Resources = field(default_factory=lambda: resources("25m 64Mi", "1 256Mi"))
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Images:
    """Where the control plane's image comes from."""

    control_plane: str = CONTROL_PLANE_IMAGE
    """Every role, the copilot, and the built-in PostgreSQL and object store."""
    repository: str = ""
    """Put before images whose name starts with `flyte-sandbox/`: `registry.example.com/team`. A foreign
    cluster pulls them from there."""
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    """Names of Secrets of type dockerconfigjson in the namespace."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Where volumes come from."""

    class_name: str = ""
    """StorageClass; "": the cluster's default."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """The database: built in, from an image, or external."""

    external: bool = False
    """True: `host`, `port`, `user`, `password`, `database` and `ssl_mode` say where it is."""
    image: str = ""
    """A `postgres` image; "": the server in the control plane's image."""
    host: str = ""
    port: int = 5432
    database: str = "flyte"
    user: str = "postgres"
    password: str = "postgres"
    ssl_mode: str = ""
    """libpq's `sslmode`; "": not said."""
    size: str = "5Gi"
    resources: Resources = field(default_factory=lambda: resources("50m 64Mi", "2 512Mi"))


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The object store: built in, MinIO from an image, or any S3."""

    external: bool = False
    """True: `endpoint` is an S3 that exists."""
    image: str = ""
    """A MinIO image, or our own `flyte-sandbox/object-store:…`; "": the S3 server in the control plane's
    image."""
    endpoint: str = ""
    """As pods reach it; "": the Service `minio`."""
    public_endpoint: str = ""
    """As people and SDKs reach it: signed URLs carry it. "": what `expose` says, or `endpoint` if external.
    """
    bucket: str = "my-s3-bucket"
    region: str = "us-east-1"
    access_key: str = "minio"
    secret_key: str = "miniostorage"
    size: str = "20Gi"
    resources: Resources = field(default_factory=lambda: resources("50m 96Mi", "2 512Mi"))


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Secret with the database's URL and the object store's keys."""

    existing_secret: str = ""
    """A Secret in the namespace with the keys `database-url`, `s3-access-key` and `s3-secret-key`, made by
    somebody else; "": one is made from `postgres` and `objectStore`."""
    task_keys: bool = True
    """Whether tasks get the object store's keys as variables. False: their service account grants access."""


@dataclass(frozen=True, slots=True)
class NodePorts:
    """Ports of the node behind which Services are reached."""

    edge: int = 30080
    object_store: int = 30002
    postgres: int = 30001
    registry: int = 30000
    dashboard: int = 30081


@dataclass(frozen=True, slots=True)
class Ingress:
    """For `expose.type: Ingress`: the edge's HTTP and gRPC behind one host name."""

    host: str = ""
    class_name: str = ""
    tls_secret: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Such as what makes the controller speak HTTP/2 to the Service."""


@dataclass(frozen=True, slots=True)
class Expose:
    """How what is in the cluster is reached from outside."""

    type: str = "ClusterIP"
    """NodePort, ClusterIP, LoadBalancer or Ingress."""
    edge: str = "localhost:30080"
    """`host:port` that people and SDKs use for console and gRPC."""
    object_store: str = "http://localhost:30002"
    """The URL that people and SDKs use for objects."""
    node_ports: NodePorts = field(default_factory=NodePorts)
    ingress: Ingress = field(default_factory=Ingress)


@dataclass(frozen=True, slots=True)
class Registry:
    """An image registry, so that `docker push localhost:30000/…` and ImageSpec work."""

    enabled: bool = True
    image: str = REGISTRY_IMAGE
    size: str = "20Gi"
    host_port: int = 0
    """A port of the node's own, besides the node port: where people push to another port, pods pull by the
    same name. 0: none."""
    resources: Resources = field(default_factory=lambda: resources("25m 32Mi", "1 256Mi"))


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The Kubernetes dashboard, read-only."""

    enabled: bool = False
    image: str = DASHBOARD_IMAGE
    resources: Resources = field(default_factory=lambda: resources("25m 64Mi", "500m 256Mi"))


@dataclass(frozen=True, slots=True)
class Network:
    """Who may speak to whom."""

    policies: bool = True
    pod_cidr: str = "10.42.0.0/16"
    """The pods' addresses: from outside of it PostgreSQL's node port may be reached, from inside only by the
    control plane."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """What holds for the pods of tasks."""

    namespace: str = "{project}-{domain}"
    service_account: str = "default"
    image_pull_policy: str = "IfNotPresent"
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to every task's variables."""
    tolerations: tuple[Mapping[str, Any], ...] = ()
    interruptible_tolerations: tuple[Mapping[str, Any], ...] = ()
    interruptible_node_selector: Mapping[str, str] = field(default_factory=dict)
    gpu_resource: str = "nvidia.com/gpu"
    """What a container asks for that needs a GPU."""
    image_pull_grace: float = 180.0
    """Seconds that an image may fail to be pulled before the attempt fails."""
    create_grace: float = 180.0
    """Seconds that a container may fail to be created before the attempt fails."""
    keep: float = 3600.0
    """Seconds that pods are kept after their end."""
    plugins: Mapping[str, Any] = field(default_factory=dict)
    """Of custom resources, as `sandbox.executors.kubernetes.plugins.settings` has them: `operatorGrace`
    (seconds), `spark.historyServer`, `ray.serviceType`."""


@dataclass(frozen=True, slots=True)
class ClusterResources:
    """What every project-domain's namespace is given."""

    quota: Amounts = field(default_factory=Amounts)
    """Limits of all pods of a namespace together; "": none, unless an attribute sets one."""
    task_requests: Amounts = field(default_factory=lambda: Amounts("100m", "128Mi"))
    """Of a container that asks for nothing."""
    task_limits: Amounts = field(default_factory=lambda: Amounts("2", "1Gi"))
    """Of a container that says nothing of limits."""
    rules: tuple[Mapping[str, Any], ...] = ()
    """Rights that `syncresources` needs for further templates, as rules of a ClusterRole."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """File name → template, beside the built-in ones or in place of one of the same name."""


@dataclass(frozen=True, slots=True)
class Values:
    """All settings."""

    profile: str
    """demo, sandbox or cluster."""
    namespace: str = "flyte"
    instance: str = "sandbox"
    """The sandbox's name."""
    images: Images = field(default_factory=Images)
    storage: Storage = field(default_factory=Storage)
    postgres: Postgres = field(default_factory=Postgres)
    object_store: ObjectStore = field(default_factory=ObjectStore)
    credentials: Credentials = field(default_factory=Credentials)
    expose: Expose = field(default_factory=Expose)
    network: Network = field(default_factory=Network)
    tasks: Tasks = field(default_factory=Tasks)
    cluster_resources: ClusterResources = field(default_factory=ClusterResources)
    connectors: tuple[str, ...] = ()
    """`host:port` of connectors, in order of precedence."""
    ca_bundle: str = ""
    """PEM: additional certificate authorities that the control plane and tasks trust; "": none."""
    disruption_budgets: bool = True
    migrations: str = "init"
    """Who brings the database up to date: `init`, a container that runs before admin's; `job`, a job that has
    to be done before anything else is replaced."""
    flyte: Component = field(default_factory=lambda: Component(resources=resources("100m 192Mi", "2 768Mi")))
    """The demo's only pod of the control plane."""
    flyteadmin: Component = field(
        default_factory=lambda: Component(resources=resources("50m 96Mi", "2 512Mi"))
    )
    flytepropeller: Component = field(
        default_factory=lambda: Component(resources=resources("50m 96Mi", "2 512Mi"))
    )
    datacatalog: Component = field(default_factory=Component)
    flyteconsole: Component = field(default_factory=Component)
    flytescheduler: Component = field(default_factory=Component)
    flyte_pod_webhook: Component = field(default_factory=Component)
    syncresources: Component = field(default_factory=Component)
    migrate: Component = field(default_factory=Component)
    """The job that brings the database up to date; of it only `resources` and where it runs count."""
    registry: Registry = field(default_factory=Registry)
    dashboard: Dashboard = field(default_factory=Dashboard)

    def image(self, reference: str) -> str:
        """One of our own images, under the repository that a foreign cluster pulls from; others as they
        are."""
        if self.images.repository and reference.startswith("flyte-sandbox/"):
            return f"{self.images.repository.rstrip('/')}/{reference.removeprefix('flyte-sandbox/')}"
        return reference

    @property
    def database_url(self) -> str:
        """For psycopg2 and the `database-url` of the Secret."""
        from urllib.parse import quote  # noqa: PLC0415 - one of few uses

        where = self.postgres
        host = where.host or "postgres"
        account = f"{quote(where.user, safe='')}:{quote(where.password, safe='')}"
        suffix = f"?sslmode={where.ssl_mode}" if where.ssl_mode else ""
        return f"postgresql://{account}@{host}:{where.port}/{where.database}{suffix}"

    @property
    def endpoint(self) -> str:
        """The object store as pods reach it, from any namespace."""
        return self.object_store.endpoint or f"http://minio.{self.namespace}:9000"

    @property
    def public_endpoint(self) -> str:
        """The object store as signed URLs name it."""
        if self.object_store.public_endpoint:
            return self.object_store.public_endpoint
        return self.endpoint if self.object_store.external else self.expose.object_store
