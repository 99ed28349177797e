"""A workflow as a graph that fits on a page.

Nodes that are alike – same layer, same task, same neighbours – are drawn as one stack when they are many, so
that a fan-out of five thousand is one box with counts. Branches show their cases.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from flyteidl.core import workflow_pb2

from sandbox.console import layout, phases, scopes
from sandbox.console.phases import Phase
from sandbox.console.scopes import NodeKind, Scope

STACK_FROM = 8
"""That many alike nodes become one box."""
MAX_BOXES = 600
"""More boxes than this are not drawn."""
REFINEMENTS = 2
MAX_TITLE = 24
MAX_CAPTION = 25
END_WIDTH = 84.0

_URGENCY = ("bad", "stopped", "busy", "wait", "good", "quiet")


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node, or a stack of alike ones."""

    id: str
    title: str
    entity: str
    """What it runs, in full."""
    kind: NodeKind
    members: tuple[str, ...]
    """The spec ids of the nodes in it."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges, before they are placed."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[layout.Edge, ...]
    choices: frozenset[layout.Edge]
    """Edges from a branch to one of its cases."""


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A box with everything that the template writes into it."""

    box: layout.Box
    node: GraphNode
    phase: Phase
    caption: str
    href: str

    @property
    def title(self) -> str:
        """The title, cut so that it fits into the box."""
        title, room = self.node.title, MAX_TITLE - (len(self.stack_size) if self.is_stack else 0)
        return title if len(title) <= room else title[: room - 1] + "…"

    @property
    def stack_size(self) -> str:
        """How many nodes the box stands for."""
        return f" × {len(self.node.members):,}" if self.is_stack else ""

    @property
    def is_end(self) -> bool:
        return self.node.kind in (scopes.START, scopes.END)

    @property
    def is_stack(self) -> bool:
        return len(self.node.members) > 1


@dataclass(frozen=True, slots=True)
class Drawing:
    """The whole picture."""

    nodes: tuple[DrawnNode, ...]
    lines: tuple[tuple[layout.Line, bool], ...]
    """Each with whether it is a branch's choice."""
    width: float
    height: float


def build(scope: Scope) -> Graph:
    """The graph of a workflow template."""
    nodes: dict[str, GraphNode] = {}
    case_of: dict[str, list[str]] = {}
    for node in scope.workflow.template.nodes:
        _add(nodes, case_of, node)
    edges: dict[layout.Edge, None] = {}
    choices = {(branch, case) for branch, cases in case_of.items() for case in cases}
    for source, targets in sorted(scope.workflow.connections.downstream.items()):
        for target in targets.ids:
            _add_edge(edges, nodes, case_of, source, target)
    edges.update(dict.fromkeys(sorted(choices)))
    return _stacked(list(nodes.values()), list(edges), frozenset(choices))


def _add(nodes: dict[str, GraphNode], case_of: dict[str, list[str]], node: workflow_pb2.Node) -> None:
    nodes[node.id] = _graph_node(node)
    if node.WhichOneof("target") == "branch_node":
        case_of[node.id] = []
        for case in scopes.cases(node.branch_node):
            case_of[node.id].append(case.id)
            _add(nodes, case_of, case)


def _graph_node(node: workflow_pb2.Node) -> GraphNode:
    kind = scopes.kind_of(node)
    entity = scopes.entity_of(node)
    title = kind.label if kind in (scopes.START, scopes.END) else scopes.title_of(node, node.id)
    return GraphNode(node.id, title, entity.name if entity else "", kind, (node.id,))


def _add_edge(
    edges: dict[layout.Edge, None],
    nodes: Mapping[str, GraphNode],
    case_of: Mapping[str, list[str]],
    source: str,
    target: str,
) -> None:
    """What follows a branch is drawn below its cases."""
    if source not in nodes or target not in nodes or target in case_of.get(source, ()):
        return
    for case in case_of.get(source, ()):
        _add_edge(edges, nodes, case_of, case, target)
    if not case_of.get(source):
        edges[source, target] = None


def _stacked(nodes: list[GraphNode], edges: list[layout.Edge], choices: frozenset[layout.Edge]) -> Graph:
    groups = _alike(nodes, edges)
    by_id = {node.id: node for node in nodes}
    stack_of: dict[str, str] = {}
    drawn: list[GraphNode] = []
    for members in groups:
        first = by_id[members[0]]
        if len(members) < STACK_FROM:
            drawn.extend(by_id[member] for member in members)
            stack_of.update({member: member for member in members})
        else:
            title = _common_title([by_id[member] for member in members])
            drawn.append(GraphNode(first.id, title, first.entity, first.kind, tuple(members)))
            stack_of.update(dict.fromkeys(members, first.id))
    merged = dict.fromkeys((stack_of[source], stack_of[target]) for source, target in edges)
    merged_choices = frozenset((stack_of[source], stack_of[target]) for source, target in choices)
    return Graph(tuple(drawn), tuple(merged), merged_choices)


def _common_title(nodes: Sequence[GraphNode]) -> str:
    """What the nodes of a stack are called: their name if they share it, else what they run."""
    first = nodes[0]
    if all(node.title == first.title for node in nodes):
        return first.title
    return scopes.short(first.entity) or first.kind.label


def _alike(nodes: Sequence[GraphNode], edges: Sequence[layout.Edge]) -> list[list[str]]:
    """Partition by layer and entity, refined by the neighbours' parts; so the stacks are acyclic, too."""
    depth = layout.layers([node.id for node in nodes], edges)
    part: dict[str, Hashable] = {node.id: (depth[node.id], node.kind.name, node.entity) for node in nodes}
    above: dict[str, list[str]] = defaultdict(list)
    below: dict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        below[source].append(target)
        above[target].append(source)
    for _ in range(REFINEMENTS):
        part = _numbered(
            {
                node: (
                    own,
                    frozenset(part[other] for other in above[node]),
                    frozenset(part[other] for other in below[node]),
                )
                for node, own in part.items()
            }
        )
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for node in nodes:
        groups[part[node.id]].append(node.id)
    return list(groups.values())


def _numbered(parts: Mapping[str, Hashable]) -> dict[str, Hashable]:
    """The same partition with small numbers for names."""
    numbers: dict[Hashable, int] = {}
    return {node: numbers.setdefault(part, len(numbers)) for node, part in parts.items()}


def draw(graph: Graph, phase_of: Mapping[str, Phase] | None, href_of: Mapping[str, str]) -> Drawing | None:
    """Place the graph and colour it; None when it is too large. Without phases it is a plain plan."""
    if len(graph.nodes) > MAX_BOXES:
        return None
    widths = {node.id: END_WIDTH for node in graph.nodes if node.kind in (scopes.START, scopes.END)}
    placed = layout.place([node.id for node in graph.nodes], graph.edges, widths)
    nodes = tuple(
        DrawnNode(
            placed.boxes[node.id],
            node,
            _phase(node, phase_of),
            _caption(node, phase_of),
            href_of.get(node.id, "") if len(node.members) == 1 else "",
        )
        for node in graph.nodes
    )
    lines = tuple((line, (line.source, line.target) in graph.choices) for line in placed.lines)
    return Drawing(nodes, lines, placed.width, placed.height)


_PLAN = Phase("", "", "", "plain", False)
_END = Phase("", "", "", "quiet", False)


def _phase(node: GraphNode, phase_of: Mapping[str, Phase] | None) -> Phase:
    """The phase of a node; of a stack the one that most wants attention."""
    if node.kind in (scopes.START, scopes.END):
        return _END
    if phase_of is None:
        return _PLAN
    seen = [phase_of.get(member, phases.NOT_STARTED) for member in node.members]
    return min(seen, key=_urgency)


def _urgency(phase: Phase) -> int:
    return _URGENCY.index(phase.tone)


def _caption(node: GraphNode, phase_of: Mapping[str, Phase] | None) -> str:
    if len(node.members) == 1:
        label = _phase(node, phase_of).label
        return f"{node.kind.label} · {label}" if label else node.kind.label
    if phase_of is None:
        return f"{node.kind.label} × {len(node.members):,}"
    counts = Counter(phase_of.get(member, phases.NOT_STARTED) for member in node.members)
    caption = ""
    for phase in sorted(counts, key=_urgency):
        part = f"{counts[phase]:,} {phase.label.lower()}"
        if caption and len(caption) + len(part) > MAX_CAPTION:
            return caption + ", …"
        caption += f", {part}" if caption else part
    return caption
