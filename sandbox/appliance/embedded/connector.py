"""flytekit's own connector server, run in the source project's environment: how, and whether it answers."""

from __future__ import annotations

import socket
from pathlib import Path

from sandbox.appliance.connectors import Connectors
from sandbox.appliance.embedded.components import CONNECTOR, Component
from sandbox.appliance.endpoints import ACCESS_KEY, REGION, SECRET_KEY
from sandbox.appliance.environments import Environment
from sandbox.appliance.ports import HOST, Ports
from sandbox.appliance.state import SandboxState
from sandbox.executors.agent.stock import SERVE

TITLE = "Connector"
UNFIT = ("exited with 3", "exited with 4")
"""How `serve.py` ends where the environment can't serve connectors: another start changes nothing."""


def component(
    state: SandboxState,
    connectors: Connectors,
    environment: Environment,
    *,
    ports: Ports,
    env: dict[str, str],
    source: Path,
) -> Component:
    """The server as the supervisor runs it."""
    services = {
        "FLYTE_AWS_ENDPOINT": f"http://{HOST}:{ports.object_store}",
        "FLYTE_AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "FLYTE_AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL": f"http://{HOST}:{ports.object_store}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "FLYTE_PLATFORM_URL": f"localhost:{ports.edge}",
        "FLYTE_PLATFORM_INSECURE": "true",
        "SANDBOX_SECRETS": str(state.secrets),
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
    }
    return Component(
        name=CONNECTOR,
        title=TITLE,
        argv=[str(environment.python), str(SERVE), str(connectors.port), *connectors.modules],
        directory=str(source),
        log=str(state.log_path(CONNECTOR)),
        record=str(state.record_path(CONNECTOR)),
        env={**services, **env, **environment.env},
    )


def answers(*, port: int, timeout: float = 2.0) -> bool:
    """Whether it serves, by gRPC's health protocol; servers of old flytekits lack that, and list agents."""
    try:
        # gRPC remembers a refusal for seconds, and a server that starts is asked all the time.
        socket.create_connection((HOST, port), timeout).close()
    except OSError:
        return False
    # gRPC takes a tenth of a second to import, and most sandboxes have no connector.
    import grpc  # noqa: PLC0415
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    with grpc.insecure_channel(f"{HOST}:{port}", options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError:
            return serves(f"{HOST}:{port}", timeout=timeout) is not None
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def serves(address: str, *, timeout: float = 2.0) -> tuple[str, ...] | None:
    """The task types that a connector serves; None if it does not answer."""
    from sandbox.executors.agent import client, directory, errors, settings  # noqa: PLC0415 - as above

    chosen = settings.ConnectorSettings(look_timeout=timeout)
    connector = client.Connector(address, chosen)
    try:
        return tuple(sorted({name for name, _ in directory.categories(connector.list_agents())}))
    except errors.ConnectorError:
        return None
    finally:
        connector.close(0.0)
