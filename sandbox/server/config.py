"""The control plane's configuration: the `server` section of `sandbox.json`, as frozen dataclasses.

The appliance writes it, the server reads it; nothing else is configured anywhere, and no process reads the
environment at import.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """PostgreSQL."""

    url: str
    """`postgresql://user:password@/database?host=…&port=…`"""
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
    access_key: str
    secret_key: str
    region: str
    directory: str | None = None
    """Where the object store keeps its buckets on this machine; None: reach it through S3 only."""


@dataclass(frozen=True, slots=True)
class TasksConfig:
    """Where and how tasks run."""

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
    tasks: TasksConfig
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

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ServerConfig:
        """Raises ConfigError."""
        try:
            return cls(
                **{
                    **data,
                    "edge": EdgeConfig(**data["edge"]),
                    "database": DatabaseConfig(**data["database"]),
                    "objects": ObjectsConfig(**data["objects"]),
                    "tasks": TasksConfig(**data["tasks"]),
                }
            )
        except (KeyError, TypeError) as exc:
            raise ConfigError(
                f"the server's configuration is incomplete or has an unknown field: {exc}"
            ) from exc


def read(path: Path) -> ServerConfig:
    """The `server` section of a `sandbox.json`; raises ConfigError."""
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"there is no {path}: start the sandbox with `sandbox start`") from None
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path} can't be read: {exc}") from exc
    if not isinstance(data, dict) or not isinstance(data.get("server"), dict):
        raise ConfigError(f"{path} has no server section: tear the sandbox down and start it again")
    return ServerConfig.from_json(data["server"])
