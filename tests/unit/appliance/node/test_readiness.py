"""When a node counts as ready."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.appliance.node import readiness


def _node(ready: str, taints: list[str]) -> dict[str, Any]:
    return {
        "spec": {"taints": [{"key": key} for key in taints]},
        "status": {
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}]
        },
    }


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (_node("True", []), True),
        (_node("Unknown", []), False),
        (_node("False", []), False),
        (_node("True", ["node.kubernetes.io/not-ready"]), False),
        (_node("True", ["example.com/gpu"]), True),
        ({"spec": {}, "status": {}}, False),
    ],
)
def test_a_node_is_ready_when_pods_may_be_put_on_it(node: dict[str, Any], expected: bool) -> None:
    assert readiness.is_ready(node) is expected
