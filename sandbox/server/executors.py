"""Which executors the engine has: processes and containers of this machine, or pods of a cluster.

Only the ones that are used are imported: a control plane on a laptop has no use for Kubernetes, nor one in a
cluster for runners.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.executors.agent.executor import ConnectorExecutor
from sandbox.executors.agent.settings import ConnectorSettings
from sandbox.executors.echo import EchoExecutor
from sandbox.executors.process import orders
from sandbox.executors.process.settings import ProcessSettings
from sandbox.propeller.registry import ExecutorRegistry
from sandbox.server import cluster
from sandbox.server.config import ServerConfig
from sandbox.store.objects import ObjectStore

_DEFAULT_NAME = "sandbox"
"""The sandbox that commands mean when no name is given."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Executors:
    """By task type, and what there is to do besides."""

    registry: ExecutorRegistry
    warm_canary: Callable[[], None] = _nothing
    """The first workflow of every start is the canary: have its environment ready."""
    warm: Callable[[], None] = _nothing
    """Have the project's own environment ready before its first task comes."""
    trouble: Callable[[], str] = str
    """Why attempts can't be followed at present; empty: they are."""
    close: Callable[[], None] = _nothing
    """Let go of what the executors share, once they are closed."""


def of(config: ServerConfig, objects: ObjectStore) -> Executors:
    """Those that the configuration asks for."""
    return _on_this_machine(config, objects) if config.kubernetes is None else _in_a_cluster(config, objects)


def _on_this_machine(config: ServerConfig, objects: ObjectStore) -> Executors:
    from sandbox.executors.docker.executor import DockerExecutor  # noqa: PLC0415 (see the module's docstring)
    from sandbox.executors.process.executor import ProcessExecutor  # noqa: PLC0415

    tasks, settings = config.processes(), process_settings(config)
    processes = ProcessExecutor(settings)

    def warm() -> None:
        if (Path(tasks.images) / tasks.default_image / "environment.json").is_file():
            processes.warm(tasks.default_image)

    registry = ExecutorRegistry(
        ConnectorExecutor(connector_settings(config, orders.services(settings)), objects, behind=processes),
        {"echo": EchoExecutor(objects), "raw-container": DockerExecutor(settings, objects)},
    )
    return Executors(registry, lambda: processes.warm(tasks.canary_image), warm)


def _in_a_cluster(config: ServerConfig, objects: ObjectStore) -> Executors:
    from sandbox.executors.kubernetes.executor import KubernetesExecutor  # noqa: PLC0415
    from sandbox.executors.kubernetes.plugins import task_types  # noqa: PLC0415

    settings = cluster.pods(config)
    client = cluster.client(cluster.of(config))
    pods = KubernetesExecutor(settings, client, objects, kinds=task_types.KINDS)
    registry = ExecutorRegistry(
        ConnectorExecutor(connector_settings(config, dict(settings.env)), objects, behind=pods),
        {"echo": EchoExecutor(objects)},
    )
    return Executors(registry, trouble=lambda: pods.trouble, close=client.close)


def process_settings(config: ServerConfig) -> ProcessSettings:
    """What the process executor is told."""
    edge = f"localhost:{config.edge.port}"
    tasks = config.processes()
    return ProcessSettings(
        tasks_root=Path(tasks.root),
        images_root=Path(tasks.images),
        objects_root=Path(config.objects.directory) if config.objects.directory else None,
        s3_endpoint=config.objects.endpoint,
        s3_access_key=config.objects.access_key,
        s3_secret_key=config.objects.secret_key,
        platform_endpoint=edge,
        log_url_prefix=f"http://{edge}/logs",
        secrets_root=Path(tasks.secrets) if tasks.secrets else None,
        sandbox_flags="" if config.name == _DEFAULT_NAME else f" --name {config.name}",
        canary_python=Path(tasks.canary_python) if tasks.canary_python else None,
        enforce_limits=tasks.enforce_limits,
        max_running=tasks.slots,
        env=tasks.env,
    )


def connector_settings(config: ServerConfig, env: dict[str, str]) -> ConnectorSettings:
    """What the connector executor is told. `env`: where the sandbox's services are."""
    return ConnectorSettings(
        endpoints=tuple(config.connectors),
        notes_prefix=f"{config.metadata_prefix}/connectors",
        env=env,
    )
