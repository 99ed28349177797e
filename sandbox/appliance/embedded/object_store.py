"""nanio, the S3 server: how it is started, and whether it answers."""

from __future__ import annotations

import http.client

from sandbox.appliance.embedded import components
from sandbox.appliance.embedded.components import OBJECT_STORE, Component
from sandbox.appliance.embedded.postgres import Placement
from sandbox.appliance.endpoints import ACCESS_KEY, BUCKET, REGION, SECRET_KEY
from sandbox.appliance.ports import HOST
from sandbox.appliance.state import SandboxState


def component(state: SandboxState, where: Placement, *, port: int) -> Component:
    """The server as the supervisor runs it.

    On a first start it waits for the database's cluster to be made: that takes a processor for half a
    second, and the control plane's imports take another.
    """
    arguments = ["--data-dir", str(state.objects), "--host", HOST, "--port", str(port), "--region", REGION]
    return Component(
        name=OBJECT_STORE,
        title="object store",
        argv=[
            components.python(),
            "-m",
            "nanio",
            "serve",
            *arguments,
            "--log-level",
            "warning",
            "--no-access-log",
        ],
        directory=str(state.root),
        log=str(state.log_path(OBJECT_STORE)),
        record=str(state.record_path(OBJECT_STORE)),
        env={
            **components.python_environment(),
            "NANIO_ACCESS_KEY": ACCESS_KEY,
            "NANIO_SECRET_KEY": SECRET_KEY,
        },
        needs=str(where.version_file),
    )


def create_bucket(state: SandboxState) -> None:
    """A bucket is a folder to nanio."""
    (state.objects / BUCKET).mkdir(exist_ok=True)


def answers(*, port: int, timeout: float = 1.0) -> bool:
    """Whether S3 answers: an unsigned request is refused, in S3's own words."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", f"/{BUCKET}")
        response = connection.getresponse()
        return response.status == 403 and b"<Error>" in response.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def version() -> str:
    import importlib.metadata  # noqa: PLC0415 - a tenth of the time that `start` takes to import everything

    return importlib.metadata.version("nanio")
