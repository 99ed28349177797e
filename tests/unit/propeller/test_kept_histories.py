"""The core folds every history that is kept into the state that was recorded with it, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.propeller import histories
from sandbox.propeller.core.graph import NodeKind
from sandbox.propeller.core.state import NodePhase
from tests.histories import files
from tests.histories.stories import STORIES
from tests.unit.propeller import invariants


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_a_kept_history_leads_to_the_recorded_state(path: Path) -> None:
    history = histories.from_json(path.read_text())
    assert histories.verify(history) == []
    invariants.check_end(histories.fold(history))


def test_every_story_is_recorded() -> None:
    assert set(STORIES) <= {path.stem for path in files()}


def test_every_kind_of_node_and_every_end_is_in_a_kept_history() -> None:
    kinds, phases = set(), set()
    for path in files():
        for node in histories.fold(histories.from_json(path.read_text())).nodes:
            if node.created_at:
                kinds.add(node.spec.kind)
                phases.add(node.phase)
    assert kinds == set(NodeKind)
    assert {phase for phase in NodePhase if phase.is_terminal} <= phases
