"""Where a running sandbox can be reached from this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol

ACCESS_KEY = "minio"
SECRET_KEY = "miniostorage"
BUCKET = "my-s3-bucket"
REGION = "us-east-1"
DATABASE = "flyte"
DATABASE_USER = "postgres"
DATABASE_PASSWORD = "postgres"


class PublishedPorts(Protocol):
    """Of any sandbox."""

    @property
    def edge(self) -> int: ...
    @property
    def object_store(self) -> int: ...
    @property
    def postgres(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses and the sandbox's well-known credentials (Flyte's own: they protect nothing but a loopback
    port)."""

    grpc: str
    """For flytekit and flytectl: `dns:///localhost:30080`."""
    target: str
    """The same for a gRPC channel: `127.0.0.1:30080`."""
    console: str
    object_store: str
    """S3's base URL."""
    bucket: str
    access_key: str
    secret_key: str
    region: str
    postgres: str
    """A URL that psql takes."""

    @classmethod
    def of(cls, ports: PublishedPorts) -> Endpoints:
        return cls(
            grpc=f"dns:///localhost:{ports.edge}",
            target=f"127.0.0.1:{ports.edge}",
            console=f"http://localhost:{ports.edge}/console",
            object_store=f"http://localhost:{ports.object_store}",
            bucket=BUCKET,
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            region=REGION,
            postgres=(
                f"postgresql://{DATABASE_USER}:{DATABASE_PASSWORD}@localhost:{ports.postgres}/{DATABASE}"
            ),
        )

    def to_json(self) -> dict[str, str]:
        return asdict(self)
