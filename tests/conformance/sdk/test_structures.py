"""Ways to put a workflow together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.backends import Backend
from tests.conformance.cells import case
from tests.conformance.seen import Node, run


@case()
@pytest.mark.parametrize(
    ("workflow", "inputs", "expected"),
    [
        ("nested_conditions", {"x": 1, "y": 11}, [12]),
        ("nested_conditions", {"x": 3, "y": 4}, [4]),
        ("nested_conditions", {"x": -1, "y": 4}, [8]),
        ("partials", {"xs": [1, 2, 3], "weight": 10}, [[12, 22, 32]]),
        ("maps_of_lists", {"x": 3}, [[14, 3], [6, 8, 6, 8]]),
        ("passed_through", {"x": 3, "xs": [1, 2]}, [3, [1, 2], 4]),
        ("nested_bindings", {"a": 1}, [5]),
    ],
)
def test_it_gives_what_python_would(
    backend: Backend, workflow: str, inputs: dict[str, Any], expected: list[Any]
) -> None:
    seen = run(backend, f"structures.{workflow}", **inputs)
    kinds = [list[int] if isinstance(value, list) else int for value in expected]
    assert [seen.output(f"o{n}", kind=kind) for n, kind in enumerate(kinds)] == expected


@case()
def test_a_nested_condition_without_a_case_fails_with_the_authors_words(backend: Backend) -> None:
    seen = run(backend, "structures.nested_conditions", x=1, y=4)
    assert (seen.phase, seen.error.code, seen.error.message) == ("FAILED", "UserProvidedError", "neither")


@case()
def test_tasks_without_outputs_run_in_the_order_of_the_arrows(backend: Backend) -> None:
    seen = run(backend, "structures.chained")
    assert seen.phase == "SUCCEEDED", seen.error

    def began(node: Node) -> tuple[int, int]:
        return (node.proto.closure.started_at.seconds, node.proto.closure.started_at.nanos)

    order = [node.spec_id for node in sorted(seen.nodes(), key=began)]
    assert order == ["n2", "n1", "first-node"]


@case()
def test_a_lenient_failure_policy_lets_the_others_finish(backend: Backend) -> None:
    seen = run(backend, "structures.after_the_others", b=0)
    assert seen.phase == "FAILED"
    assert "ZeroDivisionError" in seen.error.message
    assert [node.phase for node in sorted(seen.nodes(), key=lambda node: node.spec_id)] == [
        "FAILED",
        "SUCCEEDED",
        "SUCCEEDED",
    ]
