"""Map tasks of old SDKs are read as array nodes."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core import tasks_pb2
from google.protobuf import json_format

from sandbox.propeller.core import graph
from sandbox.propeller.core.graph import NodeKind
from tests.unit.propeller import building


def map_task(custom: dict[str, Any]) -> tasks_pb2.TaskTemplate:
    template = building.task("mapper", type="container_array")
    json_format.ParseDict(custom, template.custom)
    return template


def node_of(template: tasks_pb2.TaskTemplate) -> graph.GraphNode:
    node = building.run("n0", template=template, retries=2)
    closure = building.compile(building.workflow("w", [node], "n0"), [template])
    built = graph.build(closure).workflows[0]
    return built.nodes[built.by_id["n0"]]


def test_the_task_node_of_an_old_map_task_is_an_array() -> None:
    node = node_of(map_task({"parallelism": "3", "minSuccessRatio": 0.5}))
    assert node.kind is NodeKind.ARRAY
    assert node.proto.array_node.parallelism == 3
    assert node.proto.array_node.min_success_ratio == 0.5
    assert node.element is not None
    assert node.element.max_attempts == 3
    assert not node.element.own_inputs


def test_an_old_map_task_may_say_how_many_must_succeed_or_nothing() -> None:
    assert node_of(map_task({"minSuccesses": "2"})).proto.array_node.min_successes == 2
    assert node_of(map_task({})).proto.array_node.WhichOneof("success_criteria") is None


def test_an_old_map_task_that_says_nonsense_is_refused() -> None:
    with pytest.raises(graph.BadGraph, match="mapper"):
        node_of(map_task({"parallelism": "many"}))
