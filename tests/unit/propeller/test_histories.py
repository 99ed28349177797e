"""Histories as documents: what goes in comes out, what was changed is noticed, time can be travelled."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from sandbox.propeller import histories, moments
from sandbox.propeller.core import events
from sandbox.propeller.core.failures import Failure
from sandbox.propeller.core.graph import build
from sandbox.propeller.core.state import NodePhase, Parameters
from sandbox.propeller.histories import BadHistory, History
from tests.unit.propeller import building
from tests.unit.propeller.world import EXECUTION, World, flaky

CLOSURE = building.compile(
    building.workflow("wf", [building.run("n0"), building.run("n1", "n0", retries=1)], "n1")
)


def history() -> History:
    world = World(build(CLOSURE), random.Random(3), flaky(5, 0.0))
    world.run()
    return histories.record(world.parameters, CLOSURE.SerializeToString(), {}, world.stored)


def test_a_document_gives_the_same_history_again() -> None:
    one = history()
    assert histories.from_json(histories.to_json(one)) == one
    assert histories.verify(one) == []


def test_text_that_is_no_unicode_survives() -> None:
    message = "half a \ud83d pair, a \0 and “quotes”"
    stored = [
        events.encode(events.ExecutionStarted(1)),
        events.encode(events.ExecutionFailed(2, Failure("Code", message))),
    ]
    one = histories.record(Parameters(EXECUTION), CLOSURE.SerializeToString(), {}, stored)
    again = histories.from_json(histories.to_json(one).encode().decode())
    assert again == one
    assert histories.verify(again) == []


def test_another_outcome_than_the_recorded_one_is_told_in_words() -> None:
    one = history()
    first = events.decode(one.events[1])
    assert isinstance(first, events.NodePrepared)
    other = replace(
        one, events=(one.events[0], events.encode(replace(first, at=first.at + 1)), *one.events[2:])
    )
    told = histories.verify(other)
    assert told
    assert all(" → " in line for line in told)


@pytest.mark.parametrize("field", ["parameters", "workflow", "events", "state", "appliance", "dynamic"])
def test_a_document_that_lacks_something_is_refused(field: str) -> None:
    document = json.loads(histories.to_json(history()))
    del document[field]
    with pytest.raises(BadHistory):
        histories.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 2}', "\x00"])
def test_what_is_no_history_is_refused(text: str) -> None:
    with pytest.raises(BadHistory):
        histories.from_json(text)


def test_a_changed_state_is_noticed_by_its_digest() -> None:
    document = json.loads(histories.to_json(history()))
    document["state"]["phase"] = "FAILED"
    with pytest.raises(BadHistory, match="was changed"):
        histories.from_json(json.dumps(document))


def test_events_and_workflows_that_make_no_sense_are_refused() -> None:
    one = history()
    for damaged in (
        replace(one, events=(b'[1,"start",1]', b'[9,"start",1]')),
        replace(one, closure=b"\xff"),
        replace(
            one,
            events=(
                *one.events[:3],
                events.encode(events.AttemptFinished(9, 1, 0, unfolds="s3://b/gone")),
            ),
        ),
    ):
        with pytest.raises(BadHistory):
            histories.verify(damaged)


def test_every_prefix_is_a_moment_and_one_event_leads_to_the_next() -> None:
    one = history()
    assert histories.fold(one, 0).applied == 0
    for count, payload in enumerate(one.events):
        before, after = histories.fold(one, count), histories.fold(one, count + 1)
        moved = histories.advance(one, histories.fold(one, count), events.decode(payload))
        assert histories.picture(moved) == histories.picture(after)
        changed = moments.differences(histories.picture(before), histories.picture(after))
        assert any(line.startswith("applied: ") for line in changed)


def test_nodes_are_told_with_their_names_attempts_and_times() -> None:
    rows = moments.nodes(histories.fold(history()))
    assert [row.node for row in rows] == ["start-node", "n0", "n1", "end-node"]
    assert {row.phase for row in rows} == {NodePhase.SUCCEEDED.name}
    assert rows[1].attempts == "0 SUCCEEDED"
    assert rows[1].began is not None
    assert rows[1].began >= 0


def test_an_event_says_what_is_not_as_usual() -> None:
    event = events.AttemptFinished(5, 1, 0, failure=Failure("Boom", "it went\nboom"), peak_memory=7)
    assert moments.in_words(event) == (
        "AttemptFinished node #1 attempt=0 failure=USER Boom: it went boom peak_memory=7"
    )
    assert moments.in_words(event, histories.fold(history())).startswith("AttemptFinished n0 attempt=0")


def test_times_can_be_written_and_read() -> None:
    assert moments.iso_time(1_700_000_000_000_001) == "2023-11-14T22:13:20.000001Z"
    assert moments.micros("2023-11-14T22:13:20.000001Z") == 1_700_000_000_000_001
    assert moments.micros("2023-11-14T22:13:20.000001") == 1_700_000_000_000_001
    assert moments.micros("2023-11-14T23:13:20.000001+01:00") == 1_700_000_000_000_001
