"""Questions to Docker without its client, against a daemon that answers as Docker does."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from sandbox.appliance import docker_socket, found
from sandbox.appliance.errors import UsageError

_ANSWERS: dict[str, object] = {
    "/_ping": "OK",
    "/images/node%3A1/json": {"Id": "sha256:1"},
    "/containers/flyte-sandbox-mine/json": {
        "Config": {"Labels": {"flyte-sandbox.name": "mine", "flyte-sandbox.profile": "demo"}}
    },
    "/containers/flyte-sandbox-foreign/json": {"Config": {"Labels": {"some": "thing"}}},
    "/volumes/flyte-sandbox-kept": {
        "Labels": {"flyte-sandbox.name": "kept", "flyte-sandbox.profile": "sandbox"}
    },
    "/volumes/flyte-sandbox-bare": {"Labels": None},
}


class _Daemon(BaseHTTPRequestHandler):
    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        answer = _ANSWERS.get(self.path)
        body = json.dumps(answer if answer is not None else {"message": "no such thing"}).encode()
        self.send_response(200 if answer is not None else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(autouse=True)
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    path = str(tmp_path / "docker.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path / "home"))
    with socketserver.ThreadingUnixStreamServer(path, _Daemon) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_a_daemon_that_answers_is_reachable_and_knows_its_images() -> None:
    assert docker_socket.reachable()
    assert docker_socket.has_image("node:1")
    assert not docker_socket.has_image("node:2")


@pytest.mark.parametrize("host", ["unix:///no/such.sock", "ssh://somewhere", "tcp://127.0.0.1:1", "nonsense"])
def test_where_nobody_answers_there_is_no_docker(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert not docker_socket.reachable()
    assert not docker_socket.has_image("node:1")
    assert docker_socket.container("flyte-sandbox-mine") is None


def test_a_sandbox_in_a_container_is_known_by_its_labels() -> None:
    assert found.is_boxed("mine")
    assert found.profile("mine") == "demo"


def test_a_volume_that_a_teardown_kept_tells_the_profile() -> None:
    assert found.profile("kept") == "sandbox"
    assert not found.is_boxed("kept")


@pytest.mark.parametrize("name", ["foreign", "bare", "unknown"])
def test_what_is_no_sandbox_is_not_taken_for_one(name: str) -> None:
    assert found.profile(name) is None
    assert not found.is_boxed(name)


def test_an_impossible_name_is_refused() -> None:
    with pytest.raises(UsageError):
        found.profile("No Name!")


def test_the_default_sandbox_has_the_short_name() -> None:
    assert found.resource("sandbox") == "flyte-sandbox"
    assert found.resource("other") == "flyte-sandbox-other"
