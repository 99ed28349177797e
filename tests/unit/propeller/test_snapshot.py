"""The canonical form of a state: nothing is missing from it, and what never changed is not in it."""

from __future__ import annotations

import json

import pytest

from sandbox.propeller.core import events, graph, machine
from sandbox.propeller.core.state import Attempt, Elements, Node, Parameters, Scope, State, picture, snapshot
from tests.unit.propeller import building
from tests.unit.propeller.world import EXECUTION


def _state() -> State:
    closure = graph.build(building.compile(building.workflow("wf", [building.run("n0")], "n0")))
    state = machine.fold(closure, Parameters(EXECUTION), [events.ExecutionStarted(at=1)])
    state.nodes[1].attempts.append(Attempt(0, 1))
    state.nodes[1].elements = Elements(9, 3, 3)
    return state


FIXED = {"closure", "dynamic", "graph", "number", "parameters", "scope", "spec"}


@pytest.mark.parametrize(
    ("part", "name"),
    [
        *(("state", name) for name in State.__slots__ if name not in FIXED | {"scopes", "nodes"}),
        *(("scope", name) for name in Scope.__slots__ if name not in FIXED),
        *(("node", name) for name in Node.__slots__ if name not in FIXED),
        *(("attempt", name) for name in Attempt.__slots__),
        *(("elements", name) for name in Elements.__slots__),
    ],
)
def test_every_field_of_the_state_shows_in_its_snapshot(part: str, name: str) -> None:
    state = _state()
    node = state.nodes[1]
    parts = {
        "state": state,
        "scope": state.scopes[0],
        "node": node,
        "attempt": node.attempt,
        "elements": node.elements,
    }
    before = snapshot(state)
    setattr(parts[part], name, "another value")
    assert snapshot(state) != before


def test_what_is_as_it_was_in_the_beginning_is_left_out() -> None:
    assert picture(State(_state().graph, Parameters(EXECUTION))) == {}
    document = json.loads(snapshot(_state()))
    assert document["nodes"][2] == {}  # the end node waits
    assert document["nodes"][1]["phase"] == "PREPARING"


def test_the_order_in_which_nodes_began_is_a_part_of_it() -> None:
    state = _state()
    state.scopes[0].live = {3: None, 1: None, 10: None}
    assert json.loads(snapshot(state))["scopes"][0]["live"] == [3, 1, 10]


def test_what_has_no_canonical_form_is_refused() -> None:
    state = _state()
    state.nodes[1].reason = object()  # type: ignore[assignment]
    with pytest.raises(TypeError, match="has no canonical form"):
        snapshot(state)
