"""A waiting gate's panel: what is awaited, and what comes of the answers."""

from __future__ import annotations

import pytest
from flyteidl.core import literals_pb2

from sandbox.idl import literals
from tests.integration.console.browsing import Browser
from tests.integration.console.recorded import NodePhase, Recording

WAITING = "/console/projects/flytesnacks/domains/development/executions/waiting"


def given(recording: Recording, name: str) -> literals_pb2.Literal | None:
    [signal] = [one for one in recording.signals["waiting"] if one.id.signal_id == name]
    return signal.value if signal.HasField("value") else None


def test_the_list_of_nodes_says_which_wait_for_a_person(browser: Browser) -> None:
    page = browser.get(WAITING).text
    assert page.count("Waits for an approval") == 1
    assert page.count("Waits for a value") == 2


def test_an_approval_shows_what_is_to_be_approved(browser: Browser) -> None:
    page = browser.get(f"{WAITING}/nodeId/n1").text
    assert "a report to be read" in page
    assert '<dd class="mono">review</dd>' in page
    assert "1 h" in page
    assert ">Approve<" in page
    assert ">Reject<" in page


@pytest.mark.parametrize(("answer", "value"), [("approve", True), ("reject", False)])
def test_an_approval_is_given_or_refused(
    browser: Browser, recording: Recording, answer: str, value: bool
) -> None:
    posted = browser.post(f"{WAITING}/nodeId/n1/signal?tab=graph", {"signal": "review", "answer": answer})
    assert (posted.status, posted.location) == (303, f"{WAITING}/nodeId/n1?tab=graph")
    assert given(recording, "review") == literals.from_python(value)


def test_a_value_is_given_by_its_type(browser: Browser, recording: Recording) -> None:
    assert "integer" in browser.get(f"{WAITING}/nodeId/n2").text
    browser.post(f"{WAITING}/nodeId/n2/signal", {"signal": "count", "input.value": " 42 "})
    browser.post(f"{WAITING}/nodeId/n3/signal", {"signal": "sizes", "input.value": "[1, 2]"})
    assert given(recording, "count") == literals.from_python(42)
    assert given(recording, "sizes") == literals.from_python([1, 2])


@pytest.mark.parametrize(
    ("text", "said"), [("", "A value is needed."), ("forty<two>", "An integer is needed: 42.")]
)
def test_a_value_of_another_type_is_shown_again_with_the_reason(
    browser: Browser, recording: Recording, text: str, said: str
) -> None:
    posted = browser.post(f"{WAITING}/nodeId/n2/signal", {"signal": "count", "input.value": text})
    assert posted.status == 400
    assert said in posted.text
    assert 'value="forty&lt;two&gt;"' in posted.text or not text
    assert given(recording, "count") is None


def test_a_signal_that_nobody_waits_for_is_refused(browser: Browser) -> None:
    posted = browser.post(f"{WAITING}/nodeId/n1/signal", {"signal": "other", "answer": "approve"})
    assert posted.status == 400
    assert "other" in posted.text


def test_a_gate_that_sleeps_says_how_long_and_takes_no_answer(browser: Browser) -> None:
    page = browser.get(f"{WAITING}/nodeId/n4").text
    assert "It sleeps for 1 h 30 min" in page
    assert "/signal" not in page


def test_a_gate_that_was_answered_takes_no_other_answer(browser: Browser, recording: Recording) -> None:
    recording.nodes["waiting"][1].closure.phase = NodePhase.SUCCEEDED
    page = browser.get(f"{WAITING}/nodeId/n1").text
    assert "It no longer waits." in page
    assert ">Approve<" not in page


def test_other_sites_can_not_answer(browser: Browser, recording: Recording) -> None:
    form = {"signal": "review", "answer": "approve"}
    assert browser.post(f"{WAITING}/nodeId/n1/signal", form, origin="http://evil.example").status == 403
    assert given(recording, "review") is None
