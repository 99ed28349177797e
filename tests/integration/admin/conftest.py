"""The admin services on a port of their own, and stubs for them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass

import grpc
import pytest
from flyteidl.service.admin_pb2_grpc import AdminServiceStub
from flyteidl.service.dataproxy_pb2_grpc import DataProxyServiceStub
from flyteidl.service.signal_pb2_grpc import SignalServiceStub

from sandbox.admin import services
from sandbox.admin.context import AdminContext
from sandbox.admin.health import HealthService
from sandbox.admin.settings import AdminSettings
from sandbox.store.database import Database
from sandbox.store.objects import DirectoryObjectStore, ObjectStore, Presigner, S3Settings
from tests.integration import servers

SETTINGS = AdminSettings(version="0.0.0-test")


@dataclass(frozen=True)
class Admin:
    """A running server, and how to talk to it."""

    target: str
    context: AdminContext
    channel: grpc.Channel
    admin: AdminServiceStub
    data: DataProxyServiceStub
    signals: SignalServiceStub
    health: HealthService


def serve(context: AdminContext) -> Iterator[Admin]:
    """Serve until the test is over."""
    limit = context.settings.max_message_size
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", limit)])
    health = services.add_to(server, context)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    target = f"127.0.0.1:{port}"
    with grpc.insecure_channel(target) as channel:
        yield Admin(
            target,
            context,
            channel,
            AdminServiceStub(channel),
            DataProxyServiceStub(channel),
            SignalServiceStub(channel),
            health,
        )
    server.stop(None).wait()


def presigner(endpoint: str = "http://127.0.0.1:30002") -> Presigner:
    """Signs without asking the network."""
    return Presigner(S3Settings(endpoint=endpoint, access_key="minio", secret_key="miniostorage"))


@pytest.fixture
def admin(database: Database, objects: DirectoryObjectStore) -> Iterator[Admin]:
    """The services over a fresh database and a directory of objects."""
    yield from serve(AdminContext(database, objects, presigner(), SETTINGS))


@pytest.fixture
def admin_with_s3(database: Database, s3: servers.NanioServer) -> Iterator[Admin]:
    """The services over a fresh database and a real S3, so that clients can upload."""
    objects: ObjectStore = s3.directory
    yield from serve(AdminContext(database, objects, presigner(s3.settings.endpoint), SETTINGS))
