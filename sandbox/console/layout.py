"""Where the boxes of a directed acyclic graph go: layers from top to bottom, few crossings, smooth edges.

The classic four steps, each kept small: longest-path layers, stand-ins where an edge spans several layers, a
few barycentre sweeps for the order within layers, and coordinates pulled towards the neighbours' middle.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

N = TypeVar("N", bound=Hashable)

BOX_WIDTH = 216.0
BOX_HEIGHT = 52.0
GAP_X = 28.0
GAP_Y = 48.0
STAND_IN_WIDTH = 12.0
MARGIN = 16.0
ORDER_SWEEPS = 6
COORDINATE_SWEEPS = 10
MAX_STAND_INS = 4000

Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Box:
    """A placed node; `x` and `y` are its top left corner."""

    id: str
    x: float
    y: float
    width: float = BOX_WIDTH
    height: float = BOX_HEIGHT

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Line:
    """A placed edge: an SVG path."""

    source: str
    target: str
    path: str


@dataclass(frozen=True, slots=True)
class Placement:
    """A drawing: boxes by id, lines, and its size in pixels."""

    boxes: dict[str, Box]
    lines: list[Line]
    width: float
    height: float


@dataclass
class _Cell:
    """A place in a layer: a node, or a stand-in for an edge that passes through."""

    id: str
    layer: int
    width: float
    above: list[_Cell] = field(default_factory=list)
    below: list[_Cell] = field(default_factory=list)
    x: float = 0.0
    """Its middle."""


def layers(nodes: Sequence[N], edges: Sequence[tuple[N, N]]) -> dict[N, int]:
    """The longest way from a source to each node; nodes on a cycle keep what they got."""
    following: dict[N, list[N]] = defaultdict(list)
    waiting: dict[N, int] = dict.fromkeys(nodes, 0)
    for source, target in edges:
        following[source].append(target)
        waiting[target] += 1
    depth = dict.fromkeys(nodes, 0)
    ready = deque(node for node in nodes if not waiting[node])
    while ready:
        node = ready.popleft()
        for target in following[node]:
            depth[target] = max(depth[target], depth[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return depth


def place(
    nodes: Sequence[str], edges: Sequence[Edge], widths: Mapping[str, float] | None = None
) -> Placement:
    """Place the nodes; every edge must join two of them."""
    depth = layers(nodes, edges)
    cells = {node: _Cell(node, depth[node], (widths or {}).get(node, BOX_WIDTH)) for node in nodes}
    rows: list[list[_Cell]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        rows[depth[node]].append(cells[node])
    routes = _connect(cells, edges, rows)
    _order(rows)
    _spread(rows)
    return _drawn(cells, routes, rows)


def _connect(
    cells: Mapping[str, _Cell], edges: Sequence[Edge], rows: list[list[_Cell]]
) -> list[tuple[Edge, list[_Cell]]]:
    """Link neighbouring layers, with stand-ins where an edge is longer; the cells that each edge passes."""
    routes: list[tuple[Edge, list[_Cell]]] = []
    stand_ins = 0
    for source, target in edges:
        route = [cells[source]]
        span = cells[target].layer - cells[source].layer
        if span > 1 and stand_ins + span <= MAX_STAND_INS:
            for layer in range(cells[source].layer + 1, cells[target].layer):
                cell = _Cell(f"{source}→{target}@{layer}", layer, STAND_IN_WIDTH)
                rows[layer].append(cell)
                route.append(cell)
            stand_ins += span - 1
        route.append(cells[target])
        for upper, lower in itertools.pairwise(route):
            upper.below.append(lower)
            lower.above.append(upper)
        routes.append(((source, target), route))
    return routes


def _order(rows: list[list[_Cell]]) -> None:
    """Sort each layer by the mean place of its neighbours, downwards and upwards in turn."""
    place_of: dict[int, float] = {}

    def remember(row: list[_Cell]) -> None:
        for index, cell in enumerate(row):
            place_of[id(cell)] = (index + 0.5) / len(row)

    for row in rows:
        remember(row)
    for sweep in range(ORDER_SWEEPS):
        downwards = sweep % 2 == 0
        for row in rows if downwards else reversed(rows):
            means = {id(cell): _mean_place(cell, place_of, downwards) for cell in row}
            row.sort(key=lambda cell: means[id(cell)])
            remember(row)


def _mean_place(cell: _Cell, place_of: Mapping[int, float], downwards: bool) -> float:
    neighbours = cell.above if downwards else cell.below
    if not neighbours:
        return place_of[id(cell)]
    return sum(place_of[id(each)] for each in neighbours) / len(neighbours)


def _spread(rows: list[list[_Cell]]) -> None:
    """Give each cell its x: packed and centred first, then pulled towards its neighbours without overlaps."""
    for row in rows:
        _pack(row)
    for sweep in range(COORDINATE_SWEEPS):
        downwards = sweep % 2 == 0
        for row in rows if downwards else reversed(rows):
            _pull(row, downwards)


def _pack(row: list[_Cell]) -> None:
    total = sum(cell.width for cell in row) + GAP_X * (len(row) - 1)
    x = -total / 2
    for cell in row:
        cell.x = x + cell.width / 2
        x += cell.width + GAP_X


def _pull(row: list[_Cell], downwards: bool) -> None:
    """Move towards the wishes: the mean of a left- and a right-packed solution has no overlaps either."""
    wishes = [_wish(cell, downwards) for cell in row]
    from_left = list(wishes)
    for i in range(1, len(row)):
        from_left[i] = max(wishes[i], from_left[i - 1] + _apart(row[i - 1], row[i]))
    from_right = list(wishes)
    for i in range(len(row) - 2, -1, -1):
        from_right[i] = min(wishes[i], from_right[i + 1] - _apart(row[i], row[i + 1]))
    for cell, left, right in zip(row, from_left, from_right, strict=True):
        cell.x = (left + right) / 2


def _wish(cell: _Cell, downwards: bool) -> float:
    neighbours = (cell.above if downwards else cell.below) or cell.above or cell.below
    if not neighbours:
        return cell.x
    return sum(each.x for each in neighbours) / len(neighbours)


def _apart(left: _Cell, right: _Cell) -> float:
    return (left.width + right.width) / 2 + GAP_X


def _drawn(
    cells: Mapping[str, _Cell], routes: list[tuple[Edge, list[_Cell]]], rows: list[list[_Cell]]
) -> Placement:
    every = [cell for row in rows for cell in row]
    left = min((cell.x - cell.width / 2 for cell in every), default=0.0)
    right = max((cell.x + cell.width / 2 for cell in every), default=0.0)
    shift = MARGIN - left
    boxes = {
        node: Box(node, round(cell.x + shift - cell.width / 2, 1), _top(cell.layer), cell.width)
        for node, cell in cells.items()
    }
    lines = [Line(edge[0], edge[1], _path(route, shift)) for edge, route in routes]
    height = MARGIN * 2 + len(rows) * BOX_HEIGHT + max(len(rows) - 1, 0) * GAP_Y
    return Placement(boxes, lines, round(right - left + 2 * MARGIN, 1), height)


def _top(layer: int) -> float:
    return MARGIN + layer * (BOX_HEIGHT + GAP_Y)


def _path(route: list[_Cell], shift: float) -> str:
    """Curves through the gaps, straight lines past the boxes of layers in between."""
    first = route[0]
    x, y = first.x + shift, _top(first.layer) + BOX_HEIGHT
    parts = [f"M{x:.1f},{y:.1f}"]
    for index, cell in enumerate(route[1:], start=1):
        to_x, to_y = cell.x + shift, _top(cell.layer)
        bend = (to_y - y) / 2
        parts.append(f"C{x:.1f},{y + bend:.1f} {to_x:.1f},{to_y - bend:.1f} {to_x:.1f},{to_y:.1f}")
        x, y = to_x, to_y
        if index < len(route) - 1:
            y += BOX_HEIGHT
            parts.append(f"V{y:.1f}")
    return "".join(parts)
