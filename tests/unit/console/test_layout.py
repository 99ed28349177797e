from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.console import layout


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[layout.Edge]]:
    """A random acyclic graph: edges go from smaller to larger numbers."""
    count = draw(st.integers(1, 14))
    pairs = [(f"n{a}", f"n{b}") for a, b in combinations(range(count), 2)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=30)) if pairs else []
    return [f"n{i}" for i in range(count)], edges


@given(graphs())
def test_no_two_boxes_overlap(graph: tuple[list[str], list[layout.Edge]]) -> None:
    placed = layout.place(*graph)
    for one, other in combinations(placed.boxes.values(), 2):
        assert one.y != other.y or abs(one.middle - other.middle) >= layout.BOX_WIDTH + layout.GAP_X - 0.2


@given(graphs())
def test_every_edge_goes_down_and_every_box_is_on_the_paper(
    graph: tuple[list[str], list[layout.Edge]],
) -> None:
    placed = layout.place(*graph)
    assert {(line.source, line.target) for line in placed.lines} == set(graph[1])
    for source, target in graph[1]:
        assert placed.boxes[source].y < placed.boxes[target].y
    for box in placed.boxes.values():
        assert box.x >= 0
        assert box.x + box.width <= placed.width
        assert box.y + box.height <= placed.height


def test_a_chain_is_a_straight_line() -> None:
    placed = layout.place(["a", "b", "c"], [("a", "b"), ("b", "c")])
    assert len({box.middle for box in placed.boxes.values()}) == 1


def test_a_cycle_does_no_harm() -> None:
    assert set(layout.place(["a", "b"], [("a", "b"), ("b", "a")]).boxes) == {"a", "b"}


def test_an_empty_graph_is_an_empty_paper() -> None:
    assert layout.place([], []).boxes == {}
