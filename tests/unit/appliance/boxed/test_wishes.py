"""What starts are told of the manifests, over one another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.appliance.boxed import valuing, wishes
from sandbox.appliance.boxed.wishes import Wish
from sandbox.appliance.manifests.errors import ValuesInvalid
from sandbox.appliance.node.specification import NodePorts, NodeSpec
from sandbox.appliance.options import ConnectorWishes, StartOptions

_SPEC = NodeSpec(name="s", profile="sandbox", distribution="debian", version="1")


def _asked(*settings: str, values: tuple[Path, ...] = (), env: dict[str, str] | None = None) -> list[Wish]:
    return list(wishes.asked(StartOptions(settings=settings, values=values, env=env or {})))


def test_later_starts_hold_to_what_earlier_ones_were_told(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("flytepropeller: {replicas: 2}\nregistry: {enabled: false}\n")
    first = _asked("postgres.password=007", values=(file,), env={"A": "1", "B": "2"})
    both = wishes.together(first, _asked("registry.enabled=true", env={"B": "3"}))
    found = valuing.values(_SPEC, both, {})
    assert found.postgres.password == "007"
    assert (found.flytepropeller.replicas, found.registry.enabled) == (2, True)
    assert found.tasks.env == {"A": "1", "B": "3"}


def test_in_one_start_flags_are_over_files(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("tasks: {env: {A: file}, keep: 5}\n")
    told = _asked("tasks.env.A=set", values=(file,), env={"A": "env", "C": "env"})
    found = valuing.values(_SPEC, told, {}).tasks
    assert (dict(found.env), found.keep) == ({"A": "set", "C": "env"}, 5)


def test_what_is_said_again_is_kept_once_and_counts_now() -> None:
    told = _asked("flytepropeller.replicas=2")
    for _ in range(5):
        told = list(wishes.together(told, _asked("flytepropeller.replicas=3", env={"A": "1"})))
    told = list(wishes.together(told, _asked("flytepropeller.replicas=2")))
    assert len(told) == 2
    assert valuing.values(_SPEC, told, {}).flytepropeller.replicas == 2


def test_no_connectors_is_a_wish_too() -> None:
    some = wishes.asked(StartOptions(connectors=ConnectorWishes(elsewhere=("there:8000",))))
    none = wishes.asked(StartOptions(connectors=ConnectorWishes(elsewhere=())))
    assert valuing.values(_SPEC, some, {}).connectors == ("there:8000",)
    assert valuing.values(_SPEC, wishes.together(some, none), {}).connectors == ()


def test_a_registry_on_another_port_is_there_in_the_node_too() -> None:
    assert valuing.values(_SPEC, (), {}).registry.host_port == 0
    elsewhere = replace(_SPEC, ports=NodePorts(registry=31000))
    assert valuing.values(elsewhere, (), {}).registry.host_port == 31000


def test_a_value_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValuesInvalid, match="replikas"):
        valuing.values(_SPEC, _asked("flytepropeller.replikas=2"), {})
