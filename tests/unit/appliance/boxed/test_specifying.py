"""What a sandbox's node is to be: what it was, with what is asked for now."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.appliance import docker_socket, ports, profiles
from sandbox.appliance.boxed import specifying
from sandbox.appliance.errors import UsageError
from sandbox.appliance.node import specification
from sandbox.appliance.node.container import Node
from sandbox.appliance.node.specification import NodePorts, NodeSpec
from sandbox.appliance.options import StartOptions
from sandbox.appliance.ports import PortWishes

_WAS = NodeSpec(
    name="mine",
    profile="sandbox",
    distribution="debian",
    version="0.0.9",
    source=Path("/project"),
    ports=NodePorts(1, 2, 3, 4, 5, 6),
    ca_bundle=Path("/bundle.pem"),
)


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def _node(status: str) -> Node:
    return Node(
        spec=_WAS,
        id="1",
        status=status,
        exit_code=0,
        out_of_memory=False,
        started_at="",
        address="",
        image="sha256:1",
    )


def _specify(options: StartOptions, before: Node | None = None) -> NodeSpec:
    return specifying.specify(options, profiles.SANDBOX, before)


def test_a_volume_that_was_kept_keeps_the_ports_too(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ports.free(PortWishes(), NodePorts)
    labels = specification.labels(replace(_WAS, ports=kept))
    monkeypatch.setattr(docker_socket, "volume", lambda name: {"Labels": labels})
    assert _specify(StartOptions(name="mine")).ports == kept
    assert _specify(StartOptions(name="mine", ports=PortWishes(edge=7443))).ports == replace(kept, edge=7443)
    with socket.socket() as held:
        held.bind(("127.0.0.1", kept.edge))
        held.listen()
        assert _specify(StartOptions(name="mine")).ports.edge != kept.edge


def test_the_default_sandbox_has_the_ports_that_flyte_users_know() -> None:
    assert _specify(StartOptions()).ports == NodePorts()


def test_another_one_has_free_ports_and_those_asked_for() -> None:
    found = _specify(StartOptions(name="mine", ports=PortWishes(kubernetes=7443)))
    assert found.ports.kubernetes == 7443
    assert found.ports.edge not in (30080, 7443)


def test_what_is_not_asked_for_is_as_it_was() -> None:
    found = _specify(StartOptions(name="mine"), _node("exited"))
    assert found == _WAS


@pytest.mark.parametrize("status", ["running", "paused"])
@pytest.mark.parametrize(
    "options",
    [
        StartOptions(name="mine", ports=PortWishes(edge=99)),
        StartOptions(name="mine", source=Path("/other")),
        StartOptions(name="mine", gpus=True),
    ],
)
def test_a_running_node_is_not_changed(status: str, options: StartOptions) -> None:
    with pytest.raises(UsageError, match="sandbox stop --name mine"):
        _specify(options, _node(status))


def test_a_stopped_one_may_become_another_container_on_the_same_volume() -> None:
    found = _specify(StartOptions(name="mine", source=Path("/other")), _node("exited"))
    assert found.source == Path("/other")
    assert found.volume == _WAS.volume
    assert specifying.differences(_WAS, found) == ["its source is /project"]


def test_its_distribution_stays() -> None:
    with pytest.raises(UsageError, match="debian"):
        _specify(StartOptions(name="mine", distribution="k3s"), _node("exited"))


def test_the_certificates_of_this_machines_programs_are_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    assert _specify(StartOptions()).ca_bundle == bundle


def test_a_bundle_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no CA bundle"):
        _specify(StartOptions(ca_bundle=Path("/no/bundle.pem")))


@pytest.mark.parametrize("port", [0, 70000, 30002])
def test_ports_that_can_not_be_used_are_refused(port: int) -> None:
    with pytest.raises(UsageError, match="ports"):
        _specify(StartOptions(ports=PortWishes(edge=port)))


def test_nothing_differs_from_itself() -> None:
    assert specifying.differences(_WAS, replace(_WAS)) == []
