"""PostgreSQL as the process of a pod: made, prepared, stopped, killed, started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from tests.waiting import eventually

ROOT = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True)
class Pod:
    """What a pod of it would have: a volume, credentials, and an account that is not root."""

    volume: Path
    credentials: Path
    sockets: Path
    port: int
    health: int

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            [
                *_as_somebody(),
                *(sys.executable, "-m", "sandbox.server.postgres"),
                *(f"--data={self.volume}", f"--credentials={self.credentials}", f"--sockets={self.sockets}"),
                *("--host=127.0.0.1", f"--port={self.port}"),
                *("--health-host=127.0.0.1", f"--health-port={self.health}"),
            ],
            cwd="/",
            env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
            stderr=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)
            assert process.stderr is not None
            process.stderr.close()

    def answers(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def wait_until_ready(self) -> None:
        eventually(lambda: self.answers("/readyz")[0] == 200, 30)

    def ask(
        self, statement: str, password: str = "first", database: str = "flyte"
    ) -> list[tuple[object, ...]]:
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user="postgres", password=password, dbname=database
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


def _as_somebody() -> list[str]:
    """PostgreSQL refuses to be root; in a user namespace root is somebody else who still reaches files."""
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.getuid() == 0 else []


@pytest.fixture
def pod() -> Iterator[Pod]:
    if subprocess.run([*_as_somebody(), "true"], capture_output=True).returncode != 0:
        pytest.skip("root may not make a user namespace here; tests/cluster runs it in a pod")
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pg") as folder:
        root = Path(folder)
        credentials, volume, sockets = root / "credentials", root / "volume", root / "run"
        for path in (credentials, volume, sockets):
            path.mkdir()
        (credentials / "postgres-password").write_text("first\n")
        yield Pod(volume, credentials, sockets, free_port(), free_port())


def test_a_fresh_volume_becomes_a_database_that_asks_for_the_password(pod: Pod) -> None:
    with pod.running() as process:
        pod.wait_until_ready()
        assert pod.ask("select current_database()") == [("flyte",)]
        with pytest.raises(psycopg2.OperationalError, match="password"):
            pod.ask("select 1", password="wrong")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_data_outlive_a_stop_and_a_kill_of_everything(pod: Pod) -> None:
    with pod.running() as process:
        pod.wait_until_ready()
        pod.ask("create table t as select 1 as a")
        process.kill()
        process.wait(10)
        for pid in _servers(pod):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not _servers(pod), 10)
    with pod.running():
        pod.wait_until_ready()
        assert pod.ask("select a from t") == [(1,)]


def test_a_new_password_holds_from_the_next_start_on(pod: Pod) -> None:
    with pod.running():
        pod.wait_until_ready()
    (pod.credentials / "postgres-password").write_text("it's \\ new")
    with pod.running():
        pod.wait_until_ready()
        assert pod.ask("select 1", password="it's \\ new") == [(1,)]
        with pytest.raises(psycopg2.OperationalError):
            pod.ask("select 1", password="first")


def test_the_process_ends_with_its_server_so_that_the_pod_is_restarted(pod: Pod) -> None:
    with pod.running() as process:
        pod.wait_until_ready()
        postmaster = int((pod.volume / "cluster" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGKILL)
        assert process.wait(10) != 0


def test_it_is_alive_but_not_ready_while_it_is_silent(pod: Pod) -> None:
    with pod.running():
        pod.wait_until_ready()
        postmaster = int((pod.volume / "cluster" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGSTOP)
        try:
            assert pod.answers("/readyz")[0] == 503
            assert pod.answers("/livez")[0] == 200
        finally:
            os.kill(postmaster, signal.SIGCONT)


def test_without_a_password_it_says_so(pod: Pod) -> None:
    (pod.credentials / "postgres-password").unlink()
    with pod.running() as process:
        assert process.wait(20) == 1
        assert process.stderr is not None
        assert b"postgres-password" in process.stderr.read()


def _servers(pod: Pod) -> list[int]:
    """The processes that run on the volume."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "cwd").startswith(str(pod.volume)):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
