"""What can be done from the console, and from where."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.idl import literals
from tests.integration.console.browsing import Browser
from tests.integration.console.recorded import Phase, Recording

DOMAIN = "/console/projects/flytesnacks/domains/development"
EXECUTIONS = f"{DOMAIN}/executions"
DIABETES = f"{DOMAIN}/workflow/flyte.workflows.example.diabetes_xgboost_model/version/v1/launch"

FILLED = {
    "input.dataset": "s3://my-s3-bucket/data/pima.csv",
    "input.seed": "7",
    "input.ratio": "0.33",
    "input.note": "a note",
    "input.verbose": "true",
    "input.colour": "green",
    "input.when": "2026-03-01T12:30:00Z",
    "input.limit": "1h30m",
    "input.sizes": "[1, 2, 3]",
    "input.params": '{"max_depth": 4}',
    "input.maybe": "",
}


def test_an_execution_is_terminated_with_a_cause(browser: Browser, recording: Recording) -> None:
    answer = browser.post(f"{EXECUTIONS}/running/terminate", {"cause": "enough <seen>"})
    assert (answer.status, answer.location) == (303, f"{EXECUTIONS}/running")
    assert recording.executions["running"].closure.phase == Phase.ABORTED
    page = browser.get(answer.location).text
    assert "enough &lt;seen&gt;" in page
    assert "Terminate…" not in page


def test_terminating_needs_a_cause(browser: Browser, recording: Recording) -> None:
    assert browser.post(f"{EXECUTIONS}/running/terminate", {"cause": " "}).status == 400
    assert recording.executions["running"].closure.phase == Phase.RUNNING


def test_what_has_ended_is_not_terminated_and_the_page_says_why(browser: Browser) -> None:
    answer = browser.post(f"{EXECUTIONS}/good/terminate", {"cause": "too late"})
    assert answer.status == 412
    assert "has ended already" in answer.text


def test_relaunching_leads_to_the_new_execution(browser: Browser) -> None:
    answer = browser.post(f"{EXECUTIONS}/good/relaunch", {})
    assert (answer.status, answer.location) == (303, f"{EXECUTIONS}/good-again")


def test_only_what_failed_offers_to_be_recovered(browser: Browser, recording: Recording) -> None:
    offers = {
        name: 'action="' + f"{EXECUTIONS}/{name}/recover" in browser.get(f"{EXECUTIONS}/{name}").text
        for name, execution in recording.executions.items()
    }
    wanted = {
        name: execution.closure.phase in (Phase.FAILED, Phase.ABORTED, Phase.TIMED_OUT)
        for name, execution in recording.executions.items()
    }
    assert offers == wanted
    assert len(set(wanted.values())) == 2


def test_recovering_leads_to_the_new_execution(browser: Browser) -> None:
    answer = browser.post(f"{EXECUTIONS}/bad/recover", {})
    assert (answer.status, answer.location) == (303, f"{EXECUTIONS}/bad-recovered")


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:1", "null", ""])
@pytest.mark.parametrize("verb", ["terminate", "relaunch", "recover"])
def test_other_sites_can_do_nothing(browser: Browser, recording: Recording, origin: str, verb: str) -> None:
    before = set(recording.executions)
    answer = browser.post(f"{EXECUTIONS}/running/{verb}", {"cause": "csrf"}, origin=origin)
    assert answer.status == 403
    assert recording.executions["running"].closure.phase == Phase.RUNNING
    assert set(recording.executions) == before


def test_nothing_is_changed_by_following_a_link(browser: Browser, recording: Recording) -> None:
    assert browser.get(f"{EXECUTIONS}/running/terminate").status == 405
    assert recording.executions["running"].closure.phase == Phase.RUNNING


def test_a_filled_form_becomes_an_execution_with_typed_inputs(browser: Browser, recording: Recording) -> None:
    settings = {"name": "mine", "overwrite_cache": "yes", "interruptible": "no", "max_parallelism": "5"}
    answer = browser.post(DIABETES, {**FILLED, **settings})
    assert (answer.status, answer.location) == (303, f"{EXECUTIONS}/mine")
    request = recording.created[0]
    given = {name: literals.to_python(value) for name, value in request.inputs.literals.items()}
    assert given["limit"] == timedelta(minutes=90)
    assert given["sizes"] == [1, 2, 3]
    assert given["params"] == {"max_depth": 4.0}
    assert given["maybe"] is None
    assert request.inputs.literals["dataset"].scalar.blob.metadata.type.format == "csv"
    assert request.spec.overwrite_cache
    assert request.spec.interruptible.value is False
    assert request.spec.max_parallelism == 5


def test_a_wrong_input_is_named_and_the_rest_is_kept(browser: Browser, recording: Recording) -> None:
    answer = browser.post(DIABETES, {**FILLED, "input.seed": "seven", "input.note": "kept <text>"})
    assert answer.status == 400
    assert "An integer is needed" in answer.text
    assert "kept &lt;text&gt;" in answer.text
    assert not recording.created


def test_what_admin_declines_is_said_above_the_form(browser: Browser) -> None:
    answer = browser.post(DIABETES, {**FILLED, "name": "taken"})
    assert answer.status == 400
    assert "an execution named taken exists already" in answer.text
    assert 'value="s3://my-s3-bucket/data/pima.csv"' in answer.text


def test_a_lone_task_is_launched_as_a_task(browser: Browser, recording: Recording) -> None:
    path = f"{DOMAIN}/task/tests.steps.increment/version/v1/launch"
    assert browser.post(path, {"input.x": "1"}).status == 303
    assert recording.created[0].spec.launch_plan.resource_type == 1


def test_a_form_can_start_from_the_inputs_of_an_execution(browser: Browser) -> None:
    page = browser.get(f"{EXECUTIONS}/good/launch").text
    assert 'value="0.33"' in page
    assert "&lt;script&gt;" in page


def test_a_form_that_is_no_form_is_refused(browser: Browser) -> None:
    answer = browser.ask("POST", DIABETES, {"origin": browser.url, "content-type": "application/json"}, "{}")
    assert answer.status == 415


def test_an_endless_form_is_refused(browser: Browser) -> None:
    answer = browser.post(DIABETES, {"input.note": "x" * (5 * 1024 * 1024)})
    assert answer.status == 413
