"""An execution: its nodes as tree, graph or timeline, its inputs and outputs, a panel for one node."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox.console import (
    context,
    errors,
    gates,
    graphs,
    listing,
    phases,
    scopes,
    summaries,
    timelines,
    trees,
    urls,
    values,
)
from sandbox.console.context import Console
from sandbox.console.forms import Form
from sandbox.console.graphs import Drawing
from sandbox.console.pages import panels
from sandbox.console.phases import Phase
from sandbox.console.scopes import Scope
from sandbox.console.trees import Tree
from sandbox.idl.identifiers import ExecutionId

TABS = {"nodes": "Nodes", "graph": "Graph", "timeline": "Timeline", "io": "Inputs & outputs"}
GRAPH_PAGE = 500
GRAPH_PAGES = 20
BRANCHES_LOOKED_INTO = 20
WORK_TO_REST = 8
"""An open page may keep admin busy for one part in so many."""


@dataclass(frozen=True, slots=True)
class Crumb:
    """A step down into the tree."""

    title: str
    href: str


class Address:
    """The parameters of the page, and addresses that differ from it in some of them."""

    def __init__(self, request: Request) -> None:
        self._query = request.query_params
        self.execution = context.execution_id(request)
        self.node = str(request.path_params.get("node", ""))
        self.view = panels.view_named(request.path_params.get("view", ""))
        asked = self._query.get("tab", "nodes")
        self.tab = asked if asked in TABS else "nodes"
        self.within = tuple(part for part in self._query.get("within", "").split(",") if part)
        self.phase = self._query.get("phase", "")
        self.token = self._query.get("token", "")
        self.attempt = self._query.get("attempt", "")

    @property
    def open_keys(self) -> frozenset[str] | None:
        """The unfolded rows; None where the page may choose."""
        asked = self._query.get("open")
        if asked is None:
            return None
        return frozenset(asked.split(",")) - {trees.NOTHING_OPEN, ""}

    def href(self, *, node: str | None = None, view: str = "", **changes: str) -> str:
        """This page with another node's panel (empty: none), another tab, other unfolded rows."""
        chosen = self.node if node is None else node
        path = urls.node(self.execution, chosen, view or None) if chosen else urls.execution(self.execution)
        return urls.with_query(path, self._kept() | changes)

    def answer(self, node: str) -> str:
        """Where the answer to a gate is posted; this page comes after it."""
        return urls.with_query(urls.signal(self.execution, node), self._kept())

    def _kept(self) -> dict[str, str]:
        return {
            "tab": self.tab if self.tab != "nodes" else "",
            "within": ",".join(self.within),
            "phase": self.phase,
            "token": self.token,
            "open": self._query.get("open", ""),
        }

    def inside(self, node: str) -> str:
        """The same tab, one level further down."""
        return self.href(node="", within=",".join((*self.within, node)), token="", phase="", open="")

    def tab_href(self, tab: str) -> str:
        return self.href(tab=tab if tab != "nodes" else "", token="", attempt="")


def page(request: Request) -> Response:
    """`…/executions/:id` and `…/executions/:id/nodeId/:n[/view/:v]`."""
    return _show(request, panels.NO_ANSWER)


def answered_wrongly(request: Request, posted: Form, wrong: str) -> Response:
    """The page with a gate's panel, as it was filled in, and what is wrong with the answer."""
    return _show(request, panels.RefusedAnswer(posted.get(f"input.{gates.VALUE}", ""), wrong))


def _show(request: Request, answer: panels.RefusedAnswer) -> Response:
    began = time.monotonic()
    console = context.of(request)
    address = Address(request)
    summary = summaries.from_proto(console.admin.execution(address.execution))
    scope = trees.scope_of_workflow(console.admin, summary.workflow)
    below, crumbs = _descend(console, address, scope)
    now = datetime.now(UTC)
    tab = _tab(console, address, below, now)
    panel = panels.load(
        console,
        address.execution,
        address.node,
        address.view,
        address.attempt,
        tab.get("tree"),
        below,
        answer=answer,
    )
    return console.renderer.page(
        request,
        "execution.html",
        {
            "project": address.execution.project,
            "domain": address.execution.domain,
            "section": "executions",
            "address": address,
            "execution": summary,
            "tabs": TABS,
            "crumbs": crumbs,
            "tree": None,
            "drawing": None,
            "timeline": None,
            "inputs": [],
            "outputs": [],
            "filters": phases.NODE_FILTERS,
            "panel": panel,
            "refresh": _refresh(console, time.monotonic() - began) if summary.is_live else 0,
            **tab,
        },
        status=400 if answer.wrong else 200,
    )


def _refresh(console: Console, took: float) -> float:
    """Seconds until the page asks for news: a large execution is not asked about all the time."""
    return max(console.settings.refresh_seconds, round(took * WORK_TO_REST))


def _descend(console: Console, address: Address, scope: Scope | None) -> tuple[Scope | None, list[Crumb]]:
    """Follow `within` from the top; the scope there and the steps that lead to it."""
    if not address.within:
        return scope, []
    crumbs = [Crumb("All nodes", address.href(node="", within="", token="", phase="", open=""))]
    for depth, node in enumerate(address.within):
        message = console.admin.node_execution(address.execution, node)
        row = trees.row_of(message, scope, 0, address.execution)
        crumbs.append(Crumb(row.title, address.href(node="", within=",".join(address.within[: depth + 1]))))
        if row.kind is scopes.DYNAMIC:
            scope = trees.dynamic_scope(console.admin, address.execution, node)
        elif scope is not None:
            scope = scope.below(row.spec_id)
    return scope, crumbs


def _tab(console: Console, address: Address, scope: Scope | None, now: datetime) -> dict[str, Any]:
    if address.tab == "graph":
        return {"drawing": _drawing(console, address, scope)}
    if address.tab == "io":
        return _data(console, address.execution, scope)
    tree = _tree(console, address, scope)
    if address.tab == "timeline":
        return {"tree": tree, "timeline": timelines.build(tree.rows, now)}
    return {"tree": tree}


def _tree(console: Console, address: Address, scope: Scope | None) -> Tree:
    return console.trees.load(
        address.execution,
        scope,
        open_keys=address.open_keys,
        within=address.within[-1] if address.within else "",
        token=address.token,
        filters=listing.phase_in(address.phase, phases.NODE_FILTERS),
    )


def _data(console: Console, execution_id: ExecutionId, scope: Scope | None) -> dict[str, Any]:
    data = console.admin.execution_data(execution_id)
    declared_inputs, declared_outputs = {}, {}
    if scope is not None:
        interface = scope.workflow.template.interface
        declared_inputs, declared_outputs = (
            dict(interface.inputs.variables),
            dict(interface.outputs.variables),
        )
    return {
        "inputs": values.of_map(data.full_inputs, declared_inputs),
        "outputs": values.of_map(data.full_outputs, declared_outputs),
    }


def _drawing(console: Console, address: Address, scope: Scope | None) -> Drawing | None:
    """The graph with the phases that its nodes have reached."""
    if scope is None:
        return None
    parent = address.within[-1] if address.within else ""
    seen = _all_nodes(console, address.execution, parent)
    branches = [row for row in seen if _is_branch(scope, row[0])][:BRANCHES_LOOKED_INTO]
    for _, node, phase in branches:
        if phase.name not in ("UNDEFINED", "QUEUED", "SKIPPED"):
            seen.extend(_all_nodes(console, address.execution, node))
    phase_of: Mapping[str, Phase] = {spec: phase for spec, _, phase in seen}
    href_of = {spec: address.href(node=node) for spec, node, _ in seen}
    return graphs.draw(graphs.build(scope), phase_of, href_of)


def _is_branch(scope: Scope, spec_id: str) -> bool:
    """Whether the node chooses between cases, which are nodes of the same graph."""
    return scopes.kind_of(scope.node(spec_id)) is scopes.BRANCH


def _all_nodes(console: Console, execution_id: ExecutionId, parent: str) -> list[tuple[str, str, Phase]]:
    """Spec id, unique id and phase of every node on one level, up to a bound."""
    found: list[tuple[str, str, Phase]] = []
    token = ""
    for _ in range(GRAPH_PAGES):
        answer = console.admin.node_executions(execution_id, parent=parent, limit=GRAPH_PAGE, token=token)
        found.extend(
            (trees.spec_id_of(node), node.id.node_id, phases.of_node(node.closure.phase))
            for node in answer.node_executions
        )
        token = answer.token
        if not token:
            break
    return found


def terminate(request: Request, posted: Form) -> Response:
    """End an execution; the cause stays with it."""
    execution_id = context.execution_id(request)
    cause = posted.get("cause", "").strip()
    if not cause:
        raise errors.Refused("A cause is needed.", remedy="Say in a few words why the execution is ended.")
    context.of(request).admin.terminate(execution_id, cause)
    return RedirectResponse(urls.execution(execution_id), 303)


def relaunch(request: Request, posted: Form) -> Response:
    """Run the same again, with the same inputs."""
    console = context.of(request)
    overwrite = posted.get("overwrite_cache") == "yes"
    created = console.admin.relaunch(context.execution_id(request), overwrite_cache=overwrite)
    return RedirectResponse(urls.execution(created), 303)


def recover(request: Request, posted: Form) -> Response:
    """Go on from where an execution failed."""
    created = context.of(request).admin.recover(context.execution_id(request))
    return RedirectResponse(urls.execution(created), 303)
