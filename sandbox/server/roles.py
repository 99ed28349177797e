"""Puts the rooms together: one process with every role, behind one port.

`ControlPlane.start` brings the roles up in dependency order and `stop` takes them down in reverse. Nothing
listens on the edge port before everything behind it works.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import grpc

import sandbox
from sandbox.admin import services as admin_services
from sandbox.admin.context import AdminContext
from sandbox.admin.health import HealthService
from sandbox.admin.settings import AdminSettings
from sandbox.catalog import service as catalog_service
from sandbox.console import app as console_app
from sandbox.console.settings import ConsoleSettings
from sandbox.executors.agent.executor import ConnectorExecutor
from sandbox.executors.agent.settings import ConnectorSettings
from sandbox.executors.docker.executor import DockerExecutor
from sandbox.executors.echo import EchoExecutor
from sandbox.executors.process import orders
from sandbox.executors.process.executor import ProcessExecutor
from sandbox.executors.process.settings import ProcessSettings
from sandbox.propeller.engine import Engine
from sandbox.propeller.registry import ExecutorRegistry
from sandbox.propeller.settings import EngineSettings, OffloadingSettings
from sandbox.scheduler.scheduler import Scheduler
from sandbox.server import grpc_server
from sandbox.server.config import ServerConfig
from sandbox.server.edge import Edge
from sandbox.server.health import Health
from sandbox.server.http_server import HttpServer
from sandbox.server.logs import AttemptLogs
from sandbox.store import migrate, projects
from sandbox.store.database import Database, DatabaseSettings
from sandbox.store.errors import DatabaseUnavailable
from sandbox.store.objects import DirectoryObjectStore, ObjectStore, Presigner, S3ObjectStore, S3Settings

log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.02
_DEFAULT_NAME = "sandbox"
"""The sandbox that commands mean when no name is given."""


class ControlPlane:
    """Every role of the embedded control plane in this process."""

    def __init__(self, config: ServerConfig) -> None:
        """Binds the edge port, so that a taken one is found before anything else happens."""
        self._config = config
        run = Path(config.run)
        self._grpc_socket = run / "grpc.sock"
        self._http_socket = run / "http.sock"
        self._edge = Edge(
            host=config.edge.host,
            port=config.edge.port,
            grpc_socket=self._grpc_socket,
            http_socket=self._http_socket,
            sniff_timeout=config.edge.sniff_timeout,
        )
        self._database = Database(
            DatabaseSettings(url=config.database.url, pool_size=config.database.pool_size)
        )
        self._objects = object_store(config)
        self._processes = ProcessExecutor(process_settings(config))
        self._containers = DockerExecutor(process_settings(config), self._objects)
        self._engine = Engine(
            engine_settings(config),
            self._database,
            self._objects,
            ExecutorRegistry(
                ConnectorExecutor(connector_settings(config), self._objects, behind=self._processes),
                {"echo": EchoExecutor(self._objects), "raw-container": self._containers},
            ),
        )
        self._scheduler = Scheduler(self._database, f"unix:{self._grpc_socket}")
        self._health = Health(self._database, self._engine.is_alive)
        self._grpc, self._health_service = self._create_grpc()
        self._http = HttpServer(
            console_app.create(
                f"unix:{self._grpc_socket}",
                AttemptLogs(Path(config.processes().root)),
                ConsoleSettings(
                    version=sandbox.__version__,
                    sandbox_name=config.name,
                    hidden_projects=(config.system_project,),
                ),
            ),
            self._http_socket,
        )

    def start(self, stop: threading.Event) -> bool:
        """Wait for the database, bring it up to date, then start every role; raises DatabaseUnavailable.

        False when `stop` was set meanwhile: then nothing was started.
        """
        began = time.monotonic()
        if not self._prepare_database(stop):
            self._database.close()
            return False
        prepared = time.monotonic()
        # The first workflow of every start is the canary.
        self._processes.warm(self._config.processes().canary_image)
        self._engine.start()
        self._health.start(self._health_service.refresh)
        self._grpc.start()
        self._http.start()
        self._edge.start()
        self._scheduler.start()
        self.warm()
        log.info(
            "ready on port %d: database %.0f ms, roles %.0f ms",
            self._edge.port,
            1000 * (prepared - began),
            1000 * (time.monotonic() - prepared),
        )
        return True

    def warm(self) -> None:
        """Have the project's own environment ready before its first task comes."""
        tasks = self._config.processes()
        if (Path(tasks.images) / tasks.default_image / "environment.json").is_file():
            self._processes.warm(tasks.default_image)

    def stop(self) -> None:
        """Finish the calls under way, then let go of everything. Tasks go on in their runners."""
        self._scheduler.stop()
        self._edge.stop()
        self._grpc.stop(self._config.drain_timeout).wait()
        self._http.stop()
        self._edge.close()
        self._health.stop()
        self._engine.stop()
        self._processes.close()
        self._containers.close()
        self._database.close()
        for socket in (self._grpc_socket, self._http_socket):
            socket.unlink(missing_ok=True)
        log.info("stopped")

    def _create_grpc(self) -> tuple[grpc.Server, HealthService]:
        config = self._config
        server = grpc_server.create(max_message_size=config.max_message_size, threads=config.grpc_threads)
        health = admin_services.add_to(
            server,
            AdminContext(
                database=self._database,
                objects=self._objects,
                presigner=Presigner(s3_settings(config, config.objects.public_endpoint)),
                settings=AdminSettings(
                    version=sandbox.__version__,
                    metadata_prefix=config.metadata_prefix,
                    upload_prefix=f"s3://{config.objects.bucket}",
                    max_message_size=config.max_message_size,
                ),
                troubles=self._health.troubles,
            ),
        )
        catalog_service.add_to(server, self._database)
        grpc_server.bind(server, self._grpc_socket)
        return server, health

    def _prepare_database(self, stop: threading.Event) -> bool:
        deadline = time.monotonic() + self._config.database.startup_timeout
        told = ""
        while True:
            try:
                migrate.upgrade(self._config.database.url)
                break
            except DatabaseUnavailable as exc:
                if time.monotonic() > deadline:
                    raise
                if str(exc) != told:
                    log.info("waiting for the database: %s", told := str(exc))
                if stop.wait(_RETRY_SECONDS):
                    return False
        with self._database.transaction() as connection:
            projects.seed(connection)
            projects.seed(connection, (self._config.system_project,))
        return True


def s3_settings(config: ServerConfig, endpoint: str) -> S3Settings:
    """The object store, reached by one of its endpoints."""
    return S3Settings(
        endpoint=endpoint,
        access_key=config.objects.access_key,
        secret_key=config.objects.secret_key,
        region=config.objects.region,
    )


def object_store(config: ServerConfig) -> ObjectStore:
    """How the control plane itself reads and writes: the store's directory where it lies on this machine,
    else S3."""
    if config.objects.directory is not None:
        return DirectoryObjectStore(Path(config.objects.directory), sidecars=False)
    return S3ObjectStore(s3_settings(config, config.objects.endpoint))


def engine_settings(config: ServerConfig) -> EngineSettings:
    """What the engine is told."""
    return EngineSettings(
        owner=config.name,
        metadata_prefix=config.metadata_prefix,
        raw_data_prefix=config.raw_data_prefix,
        offloading=OffloadingSettings(bool(config.offload_from), config.offload_from),
    )


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


def connector_settings(config: ServerConfig) -> ConnectorSettings:
    """What the connector executor is told."""
    return ConnectorSettings(
        endpoints=tuple(config.connectors),
        notes_prefix=f"{config.metadata_prefix}/connectors",
        env=orders.services(process_settings(config)),
    )
