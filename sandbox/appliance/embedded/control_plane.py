"""The control plane's process: how it is started, its configuration, and whether it answers."""

from __future__ import annotations

import http.client

import sandbox
from sandbox.appliance.embedded import components, postgres
from sandbox.appliance.embedded.components import CONTROL_PLANE, Component
from sandbox.appliance.embedded.postgres import Placement
from sandbox.appliance.endpoints import ACCESS_KEY, BUCKET, REGION, SECRET_KEY
from sandbox.appliance.ports import HOST, Ports
from sandbox.appliance.state import SandboxState
from sandbox.server.config import DatabaseConfig, EdgeConfig, ObjectsConfig, ServerConfig, TasksConfig

SYSTEM_PROJECT = "sandbox-system"
"""Where the canary lives; the console hides it."""


def component(state: SandboxState) -> Component:
    """The process as the supervisor runs it."""
    return Component(
        name=CONTROL_PLANE,
        title="Control plane",
        argv=[components.python(), "-m", "sandbox.server", "--config", str(state.config_path)],
        directory=str(state.root),
        log=str(state.log_path(CONTROL_PLANE)),
        record=str(state.record_path(CONTROL_PLANE)),
        env=components.python_environment(),
        stop_timeout=15.0,
    )


def configuration(
    state: SandboxState,
    where: Placement,
    *,
    ports: Ports,
    env: dict[str, str],
    enforce_limits: bool,
    offload_from: int,
    connectors: list[str],
) -> ServerConfig:
    """What the control plane of this sandbox is told."""
    return ServerConfig(
        name=state.name,
        run=str(state.sockets),
        edge=EdgeConfig(host=HOST, port=ports.edge),
        database=DatabaseConfig(url=postgres.url(where, port=ports.postgres)),
        objects=ObjectsConfig(
            bucket=BUCKET,
            endpoint=f"http://{HOST}:{ports.object_store}",
            public_endpoint=f"http://localhost:{ports.object_store}",
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            region=REGION,
            directory=str(state.objects),
        ),
        tasks=TasksConfig(
            root=str(state.tasks),
            images=str(state.images),
            secrets=str(state.secrets),
            canary_python=components.python(),
            env=env,
            enforce_limits=enforce_limits,
        ),
        metadata_prefix=f"s3://{BUCKET}/metadata",
        raw_data_prefix=f"s3://{BUCKET}/data",
        system_project=SYSTEM_PROJECT,
        offload_from=offload_from,
        connectors=connectors,
    )


def answers(*, port: int, timeout: float = 2.0) -> bool:
    """Whether it is ready: its edge port answers /healthcheck, behind which the admin service is asked."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", "/healthcheck")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def version() -> str:
    return sandbox.__version__
