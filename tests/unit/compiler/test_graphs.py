"""Any graph without a cycle compiles; any with one does not, and the cycle is named."""

from __future__ import annotations

import itertools

import pytest
from flyteidl.core import workflow_pb2
from hypothesis import given
from hypothesis import strategies as st

from sandbox.compiler.errors import CompilationFailed, ErrorCode
from tests.unit.compiler import build
from tests.unit.compiler.build import node, workflow
from tests.unit.idl.kinds import promise

Graph = list[tuple[int, int]]
"""Edges from a lower to a higher node."""


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, Graph]:
    size = draw(st.integers(2, 12))
    pairs = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(
        lambda pair: pair[0] < pair[1]
    )
    return size, draw(st.lists(pairs, unique=True, max_size=30))


def _nodes(size: int, edges: Graph, by_promise: bool) -> list[workflow_pb2.Node]:
    """Nodes in reverse, so that none can rely on the order in which they are listed."""
    made = []
    for number in reversed(range(size)):
        before = [f"n{source}" for source, target in edges if target == number]
        if by_promise:
            made.append(node(f"n{number}", "sum", {"items": [promise(source) for source in before]}))
        else:
            made.append(node(f"n{number}", "nothing", after=before))
    return made


SUM = build.task("sum", {"items": build.LiteralType(collection_type=build.INTEGER)}, {"o0": build.INTEGER})
TASKS = (SUM, build.NOTHING)


@given(graphs(), st.booleans())
def test_a_graph_without_cycles_compiles_and_keeps_its_edges(
    graph: tuple[int, Graph], by_promise: bool
) -> None:
    size, edges = graph
    closure = build.compile(workflow(_nodes(size, edges, by_promise)), tasks=TASKS)
    downstream, upstream = closure.primary.connections.downstream, closure.primary.connections.upstream
    for number in range(size):
        name = f"n{number}"
        before = sorted(f"n{source}" for source, target in edges if target == number)
        after = sorted(f"n{target}" for source, target in edges if source == number)
        assert list(upstream[name].ids) == (before or ["start-node"])
        assert list(downstream[name].ids) == (after or ["end-node"])


@given(graphs(), st.data())
def test_an_edge_back_is_a_cycle_that_is_named(graph: tuple[int, Graph], data: st.DataObject) -> None:
    size, edges = graph
    first = data.draw(st.integers(0, size - 2))
    last = data.draw(st.integers(first + 1, size - 1))
    path = [(number, number + 1) for number in range(first, last)]
    nodes = _nodes(size, [*edges, *path, (last, first)], False)
    with pytest.raises(CompilationFailed) as caught:
        build.compile(workflow(nodes), tasks=TASKS)
    (error,) = caught.value.errors
    assert error.code == ErrorCode.CYCLE_DETECTED
    cycle = error.description.rpartition("[")[2].partition("]")[0].split(">")
    assert cycle[0] == cycle[-1]
    known = {(f"n{a}", f"n{b}") for a, b in [*edges, *path, (last, first)]}
    assert all(edge in known for edge in itertools.pairwise(cycle))


def test_a_chain_longer_than_pythons_stack_compiles() -> None:
    edges = [(number, number + 1) for number in range(2999)]
    closure = build.compile(workflow(_nodes(3000, edges, False)), tasks=TASKS)
    assert len(closure.primary.template.nodes) == 3002
    with pytest.raises(CompilationFailed, match="A cycle has been detected"):
        build.compile(workflow(_nodes(3000, [*edges, (2999, 0)], False)), tasks=TASKS)
