"""The control plane as in a cluster, without one: each role a process of its own, on loopback.

What they do with pods is a matter of `tests/cluster`: here nothing listens where the API server should be.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandbox.server.config import DatabaseConfig, EdgeConfig, ObjectsConfig, ServerConfig
from sandbox.server.kubernetes_config import KubernetesConfig, ListenConfig
from tests.integration import servers
from tests.waiting import eventually

HOST = "127.0.0.1"


@dataclass
class Role:
    """One process."""

    name: str
    instance: str
    listen: ListenConfig
    edge: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, path: str) -> tuple[int, str]:
        """Status and text of an answer to a health check; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.listen.health}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, OSError):
            return 0, ""

    def wait_until(self, path: str, status: int = 200, timeout: float = 60) -> str:
        """The text of the first answer with this status."""

        def answered() -> str:
            ended = self.process.poll()
            if ended is not None:
                raise RuntimeError(f"{self.name} ended with {ended}: {self.log.read_text()[-3000:]}")
            found, text = self.ask(path)
            return text if found == status else ""

        return eventually(answered, timeout, interval=0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, and its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@dataclass
class ControlPlane:
    """Starts roles that belong together."""

    folder: Path
    database_url: str
    s3: servers.NanioServer
    admin_port: int = field(default_factory=servers.free_port)
    console_port: int = field(default_factory=servers.free_port)
    roles: list[Role] = field(default_factory=list)

    def start(self, name: str, instance: str = "", *, wait: bool = True) -> Role:
        """A role, ready unless it isn't waited for."""
        instance = instance or name
        ports = {
            "admin": ListenConfig(HOST, grpc=self.admin_port, health=servers.free_port()),
            "console": ListenConfig(HOST, http=self.console_port, health=servers.free_port()),
        }
        listen = ports.get(name, ListenConfig(HOST, grpc=servers.free_port(), health=servers.free_port()))
        edge = servers.free_port()
        folder = self.folder / f"{instance}-{len(self.roles)}"
        folder.mkdir()
        config = folder / "sandbox.json"
        config.write_text(json.dumps({"server": self._config(listen, edge, folder).to_json()}))
        environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        log = folder / "log"
        with log.open("wb") as output:
            argv = [sys.executable, "-m", "sandbox.server", "--config", str(config), "--role", name]
            process = subprocess.Popen(
                [*argv, "--credentials", str(self._credentials()), "--instance", instance],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environ,
            )
        role = Role(name, instance, listen, edge, process, log)
        self.roles.append(role)
        if wait:
            role.wait_until("/readyz")
        return role

    def migrate(self) -> None:
        """Bring the database up to date, as a job."""
        job = self.start("migrate", wait=False)
        assert job.process.wait(timeout=60) == 0, job.log.read_text()

    def close(self) -> None:
        """End what still runs."""
        for role in self.roles:
            if role.process.poll() is None:
                role.process.kill()
                role.process.wait(timeout=10)

    def _credentials(self) -> Path:
        directory = self.folder / "credentials"
        directory.mkdir(exist_ok=True)
        (directory / "database-url").write_text(self.database_url)
        (directory / "s3-access-key").write_text(self.s3.settings.access_key)
        (directory / "s3-secret-key").write_text(self.s3.settings.secret_key)
        return directory

    def _config(self, listen: ListenConfig, edge: int, folder: Path) -> ServerConfig:
        endpoint = self.s3.settings.endpoint
        return ServerConfig(
            name="split",
            run=str(folder),
            edge=EdgeConfig(HOST, edge, http=f"{HOST}:{self.console_port}"),
            database=DatabaseConfig(pool_size=4),
            objects=ObjectsConfig(bucket=servers.BUCKET, endpoint=endpoint, public_endpoint=endpoint),
            tasks=None,
            metadata_prefix=f"s3://{servers.BUCKET}/{self.folder.name}/metadata",
            raw_data_prefix=f"s3://{servers.BUCKET}/{self.folder.name}/data",
            system_project="sandbox-system",
            drain_timeout=1.0,
            kubernetes=KubernetesConfig(
                admin=f"{HOST}:{self.admin_port}",
                kubeconfig=str(self._kubeconfig()),
                lease_seconds=4.0,
                heartbeat_seconds=1.0,
                listen=replace(listen, webhook=servers.free_port()),
            ),
        )

    def _kubeconfig(self) -> Path:
        path = self.folder / "kubeconfig"
        nowhere = {"server": f"http://{HOST}:{servers.free_port()}"}
        document = {
            "current-context": "none",
            "contexts": [{"name": "none", "context": {"cluster": "none"}}],
            "clusters": [{"name": "none", "cluster": nowhere}],
        }
        path.write_text(json.dumps(document))
        return path


@contextmanager
def control_plane(folder: Path, database_url: str, s3: servers.NanioServer) -> Iterator[ControlPlane]:
    """Nothing runs at first; whatever runs at the end is ended."""
    made = ControlPlane(folder, database_url, s3)
    try:
        yield made
    finally:
        made.close()
