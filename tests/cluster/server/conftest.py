"""A namespace of its own for each test, and a way for the API server to servers of this process."""

from __future__ import annotations

import socket
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from sandbox.executors.kubernetes.client import Client
from tests.integration.conftest import database, database_url, postgres_server

__all__ = ["database", "database_url", "postgres_server"]


@pytest.fixture
def namespace(client: Client) -> Iterator[str]:
    """A fresh one, gone afterwards."""
    name = f"r-test-{uuid.uuid4().hex[:8]}"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    client.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def here() -> str:
    """This machine's address as containers of its Docker engine reach it."""
    shown = subprocess.run(
        ["docker", "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}"],
        check=True,
        capture_output=True,
        text=True,
    )
    address = shown.stdout.strip()
    with socket.socket() as probe:
        probe.bind((address, 0))
    return address
