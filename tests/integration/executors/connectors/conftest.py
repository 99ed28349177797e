"""flytekit's own connector server beside the tests, and executors that speak to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from flyteidl.admin import agent_pb2
from flyteidl.service import agent_pb2_grpc

from sandbox.executors.agent import stock
from sandbox.store.objects import DirectoryObjectStore
from tests.integration.executors.connectors.desk import Desk
from tests.waiting import eventually

SERVE = Path(stock.__file__).with_name("serve.py")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def stock_connector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a `pyflyte serve connector` with the connectors of `tests/workflows/connectors.py`."""
    port = free_port()
    log = tmp_path_factory.mktemp("connector") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(SERVE), str(port), "workflows.connectors"],
            cwd=Path(__file__).parents[3],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
        )
    try:
        eventually(lambda: process.poll() is None and answers(port), 60, interval=0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int) -> bool:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = agent_pb2_grpc.AgentMetadataServiceStub(channel)
        try:
            return bool(stub.ListAgents(agent_pb2.ListAgentsRequest(), timeout=2).agents)
        except grpc.RpcError:
            return False


@pytest.fixture
def objects(tmp_path: Path) -> DirectoryObjectStore:
    return DirectoryObjectStore(tmp_path / "objects")


@pytest.fixture
def desk(objects: DirectoryObjectStore, tmp_path: Path, stock_connector: str) -> Iterator[Desk]:
    """An executor whose only connector is flytekit's."""
    desk = Desk(objects, tmp_path, (stock_connector,))
    yield desk
    desk.close()
