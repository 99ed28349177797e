"""What a container's labels say is what it was made of; how Docker is asked for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.appliance.errors import UsageError
from sandbox.appliance.node import container, distributions, flags, specification
from sandbox.appliance.node.specification import NodePorts, NodeSpec

SPEC = NodeSpec(name="sandbox", profile="demo", distribution="debian", version="1")


@given(
    name=st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True),
    source=st.none() | st.just(Path("/home/ada/a b")),
    ports=st.builds(NodePorts, *[st.integers(1, 65535)] * 6),
    bundle=st.none() | st.just(Path("/etc/ca.pem")),
    gpus=st.booleans(),
    number=st.integers(0, 9),
)
def test_labels_tell_the_whole_specification(
    name: str, source: Path | None, ports: NodePorts, bundle: Path | None, gpus: bool, number: int
) -> None:
    spec = NodeSpec(name, "sandbox", "k3s", "1.2", source, ports, bundle, gpus, number)
    assert specification.from_labels(specification.labels(spec)) == spec


def test_containers_of_others_are_none_of_ours() -> None:
    assert specification.from_labels({"com.example": "x"}) is None


def test_labels_of_another_version_are_understood_as_far_as_they_go() -> None:
    found = specification.from_labels(
        {"flyte-sandbox.name": "a", "flyte-sandbox.ports": '{"edge": 1, "new": 2}'}
    )
    assert found is not None
    assert found.ports == NodePorts(edge=1)


def test_the_default_sandbox_has_the_plain_name() -> None:
    assert SPEC.container == SPEC.volume == SPEC.network == "flyte-sandbox"
    other = NodeSpec(name="b", profile="", distribution="", version="", number=2)
    assert (other.container, other.volume, other.network) == (
        "flyte-sandbox-b-node-2",
        "flyte-sandbox-b-node-2",
        "flyte-sandbox-b",
    )


@pytest.mark.parametrize("way", flags.WAYS)
def test_every_way_has_its_own_control_groups_and_binds_to_this_machine_alone(way: dict[str, Any]) -> None:
    given = container.arguments(SPEC, way)
    assert given["cgroupns"] == "private"
    assert given["port_bindings"][30080] == ("127.0.0.1", 30080)
    assert {host for host, _ in given["port_bindings"].values()} == {"127.0.0.1"}
    assert "flyte-sandbox:/var/lib/flyte-sandbox" in given["binds"]
    assert "device_requests" not in given


def test_what_was_asked_for_is_handed_on() -> None:
    spec = NodeSpec(
        name="sandbox",
        profile="",
        distribution="k3s",
        version="",
        source=Path("/work"),
        ca_bundle=Path("/etc/ca.pem"),
        gpus=True,
        ports=NodePorts(kubernetes=7443),
    )
    given = container.arguments(spec, flags.PRIVILEGED, has_modules=False)
    assert given["binds"][1:] == ["/work:/source", "/etc/ca.pem:/etc/flyte-sandbox/ca-bundle.pem:ro"]
    assert given["device_requests"] == [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]
    assert given["port_bindings"][6443] == ("127.0.0.1", 7443)
    assert container.environment(spec)["NODE_CA_BUNDLE"] == "/etc/flyte-sandbox/ca-bundle.pem"


def test_a_node_that_joins_publishes_nothing_and_knows_the_first() -> None:
    second = NodeSpec(name="b", profile="", distribution="debian", version="", number=1)
    assert container.arguments(second, flags.PIECEMEAL)["port_bindings"] == {}
    assert container.environment(second)["NODE_SERVER"] == "flyte-sandbox-b"
    assert container.environment(second)["NODE_NAME"] == "flyte-sandbox-b-node-1"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("OCI runtime create failed: unable to apply caps: operation not permitted", True),
        ("driver failed programming external connectivity: port is already allocated", False),
    ],
)
def test_only_missing_rights_lead_to_another_way(message: str, expected: bool) -> None:
    assert flags.is_about_rights(message) is expected


def test_an_unknown_distribution_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="k3s and debian"):
        distributions.get("kind")
