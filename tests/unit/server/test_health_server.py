"""What a cluster is told about a process."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import parser

from sandbox.server import health_server
from sandbox.server.errors import PortUnavailable
from sandbox.server.health_server import HealthServer, Report

WELL = Report("admin", alive=True, counters={"flyte_sandbox_things": 3})
ILL = Report("admin", alive=True, troubles=("The database is away.", "So is the moon."))
DEAD = Report("propeller", alive=False, troubles=("The engine has ended.",))


def test_ready_means_that_nothing_is_wrong() -> None:
    assert health_server.answer("/readyz", WELL)[::2] == (200, "ok\n")
    assert health_server.answer("/readyz?verbose", ILL)[::2] == (
        503,
        "The database is away.\nSo is the moon.\n",
    )


def test_alive_means_that_a_restart_would_not_help() -> None:
    assert health_server.answer("/livez", ILL)[0] == 200
    assert health_server.answer("/livez", DEAD)[::2] == (503, "propeller has ended\n")


def test_metrics_are_prometheus_text() -> None:
    found = {
        sample.name: (sample.labels, sample.value)
        for family in parser.text_string_to_metric_families(health_server.answer("/metrics", WELL)[2])
        for sample in family.samples
    }
    assert found["flyte_sandbox_things"] == ({"role": "admin"}, 3.0)
    assert found["flyte_sandbox_ready"] == ({"role": "admin"}, 1.0)
    assert found["process_resident_memory_max_bytes"][1] > 1e6
    assert 'flyte_sandbox_ready{role="admin"} 0' in health_server.answer("/metrics", ILL)[2]


def test_another_path_says_what_there_is() -> None:
    assert health_server.answer("/", WELL)[::2] == (404, "there is /livez, /readyz and /metrics\n")


@pytest.fixture
def server() -> Iterator[HealthServer]:
    made = HealthServer("127.0.0.1", 0, lambda: ILL)
    made.start()
    yield made
    made.stop()


def test_it_answers_over_http(server: HealthServer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz", timeout=5)
    with refused.value as error:
        assert b"moon" in error.read()


def test_who_hangs_up_leaves_no_trace(server: HealthServer, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as asking:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            asking.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
    urllib.request.urlopen(f"http://127.0.0.1:{server.port}/livez", timeout=5).close()
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_named(server: HealthServer) -> None:
    with pytest.raises(PortUnavailable, match=str(server.port)):
        HealthServer("127.0.0.1", server.port, lambda: WELL)
