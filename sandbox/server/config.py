"""The control plane's configuration: the `server` section of `sandbox.json`, as frozen dataclasses.

The appliance writes it, the server reads it; nothing else is configured anywhere, and no process reads the
environment at import. What nobody but the server may read can lie in files of its own, in a directory of
credentials: there it takes the place of what the document says.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sandbox.server.kubernetes_config import KubernetesConfig

MEBIBYTE = 1024 * 1024


class ConfigError(Exception):
    """The configuration file is missing, not JSON, or lacks a field."""


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """The one port that people and SDKs talk to."""

    host: str
    port: int
    sniff_timeout: float = 30.0
    """Seconds that a new connection may take to show which protocol it speaks."""
    public: str = ""
    """`host:port` under which people and their tools reach it; empty: `localhost` and the port."""
    http: str = ""
    """`host:port` of the console where that is a process of its own; empty: it is in this one."""

    @property
    def address(self) -> str:
        """`host:port` as people know it."""
        return self.public or f"localhost:{self.port}"


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """PostgreSQL."""

    url: str = ""
    """`postgresql://user:password@/database?host=…&port=…`; empty: among the credentials."""
    pool_size: int = 8
    startup_timeout: float = 60.0
    """Seconds to wait for the database to take connections."""


@dataclass(frozen=True, slots=True)
class ObjectsConfig:
    """The object store, as the control plane, tasks and the host see it."""

    bucket: str
    endpoint: str
    """S3's URL for tasks and for the control plane."""
    public_endpoint: str
    """S3's URL for the host: signed URLs carry this one."""
    access_key: str = ""
    """Empty: among the credentials, as the secret one."""
    secret_key: str = ""
    region: str = "us-east-1"
    directory: str | None = None
    """Where the object store keeps its buckets on this machine; None: reach it through S3 only."""


@dataclass(frozen=True, slots=True)
class TasksConfig:
    """Where and how tasks run as processes of this machine."""

    root: str
    """The process executor's directory: attempts, logs, code, runners' sockets."""
    images: str
    """`<quoted tag>/environment.json`"""
    default_image: str = "default"
    canary_image: str = "sandbox-canary"
    canary_python: str = ""
    """The interpreter behind `canary_image`."""
    env: dict[str, str] = field(default_factory=dict)
    """Added to the environment of every task."""
    secrets: str | None = None
    """The directory of the sandbox's secrets."""
    enforce_limits: bool = False
    slots: int | None = None
    """How many tasks run at once; None: what the number of processors suggests."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Everything that the control plane needs to know."""

    name: str
    """The sandbox's."""
    run: str
    """Directory for this process's unix sockets."""
    edge: EdgeConfig
    database: DatabaseConfig
    objects: ObjectsConfig
    tasks: TasksConfig | None
    """None where tasks run as pods."""
    metadata_prefix: str
    """`s3://my-s3-bucket/metadata`: literals and the engine's files."""
    raw_data_prefix: str
    """`s3://my-s3-bucket/data`: what tasks offload."""
    system_project: str
    """The project that the canary runs in; the console hides it."""
    connectors: list[str] = field(default_factory=list)
    """`host:port` of the connectors that tasks may go to, in order of precedence."""
    offload_from: int = 0
    """MiB: literals of this size and more are kept in files of their own (Flyte's
    `literal-offloading-config`). 0: none."""
    max_message_size: int = 16 * MEBIBYTE
    """Bytes: the largest gRPC request that is taken."""
    grpc_threads: int = 16
    drain_timeout: float = 5.0
    """Seconds that calls under way may take to finish once the process was told to stop."""
    kubernetes: KubernetesConfig | None = None
    """Set where the roles and their tasks are pods of a cluster."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ServerConfig:
        """Raises ConfigError."""
        try:
            tasks, kubernetes = data.get("tasks"), data.get("kubernetes")
            return cls(
                **{
                    **data,
                    "edge": EdgeConfig(**data["edge"]),
                    "database": DatabaseConfig(**data.get("database", {})),
                    "objects": ObjectsConfig(**data["objects"]),
                    "tasks": None if tasks is None else TasksConfig(**tasks),
                    "kubernetes": None if kubernetes is None else KubernetesConfig.from_json(kubernetes),
                }
            )
        except (KeyError, TypeError) as exc:
            raise ConfigError(
                f"the server's configuration is incomplete or has an unknown field: {exc}"
            ) from exc

    def processes(self) -> TasksConfig:
        """How tasks run as processes; ConfigError where they are pods."""
        if self.tasks is None:
            raise ConfigError("the tasks of this sandbox are pods, not processes of this machine")
        return self.tasks

    def with_credentials(self, directory: Path) -> ServerConfig:
        """With what the files there say, as far as they exist. Raises ConfigError."""
        url = _credential(directory / "database-url")
        access = _credential(directory / "s3-access-key")
        secret = _credential(directory / "s3-secret-key")
        database = replace(self.database, url=url or self.database.url)
        objects = replace(
            self.objects,
            access_key=access or self.objects.access_key,
            secret_key=secret or self.objects.secret_key,
        )
        return replace(self, database=database, objects=objects)


def read(path: Path, credentials: Path | None = None) -> ServerConfig:
    """The `server` section of a `sandbox.json`, completed by credentials; raises ConfigError."""
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"there is no {path}: start the sandbox with `sandbox start`") from None
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path} can't be read: {exc}") from exc
    if not isinstance(data, dict) or not isinstance(data.get("server"), dict):
        raise ConfigError(f"{path} has no server section: tear the sandbox down and start it again")
    config = ServerConfig.from_json(data["server"])
    if credentials is not None:
        config = config.with_credentials(credentials)
    nowhere = "and no directory of credentials was given" if credentials is None else f"nor in {credentials}"
    for value, what in (
        (config.database.url, "the database's URL (database-url)"),
        (config.objects.access_key, "the object store's access key (s3-access-key)"),
        (config.objects.secret_key, "the object store's secret key (s3-secret-key)"),
    ):
        if not value:
            raise ConfigError(f"{what} is not in {path}, {nowhere}")
    if (config.tasks is None) == (config.kubernetes is None):
        raise ConfigError(f"{path} must say where tasks run: it needs one of `tasks` and `kubernetes`")
    return config


def _credential(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} can't be read: {exc}") from exc
