"""Which ports a sandbox takes, and who holds one that is taken."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from sandbox.appliance import ports
from sandbox.appliance.ports import Ports, PortWishes


@pytest.fixture
def held() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def test_ports_survive_json() -> None:
    chosen = Ports(edge=1, object_store=2, postgres=3)
    assert Ports.from_json(chosen.to_json()) == chosen


def test_a_wish_goes_over_what_was_there() -> None:
    assert PortWishes(edge=5).over(Ports(1, 2, 3)) == Ports(5, 2, 3)


def test_a_taken_port_is_told_with_its_purpose_and_its_holder(held: int) -> None:
    found = ports.taken(Ports(edge=_free(), object_store=held, postgres=_free()))
    assert [(port.port, port.purpose) for port in found] == [(held, "object_store")]
    assert found[0].holder.startswith(f"pid {os.getpid()} (")
    assert "python" in found[0].holder


def test_a_port_that_was_closed_a_moment_ago_is_free() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listener.accept()
            accepted.close()
            client.recv(1)
    assert ports.is_free(port)


def test_a_second_sandbox_leaves_the_known_ports_to_the_first() -> None:
    chosen = ports.free(PortWishes(), Ports)
    numbers = {chosen.edge, chosen.object_store, chosen.postgres}
    assert len(numbers) == 3
    assert not numbers & {Ports().edge, Ports().object_store, Ports().postgres}
    assert ports.is_free(chosen.edge)


def test_a_port_that_was_asked_for_is_never_exchanged(held: int) -> None:
    chosen = ports.free(PortWishes(edge=held), Ports)
    assert chosen.edge == held
