"""What only a browser can show: refreshing, folding, following, keys, widths, and what never runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.console.conftest import Logs
from tests.integration.console.recorded import NodePhase, Phase, Recording
from tests.waiting import eventually

DOMAIN = "/console/projects/flytesnacks/domains/development"
EXECUTIONS = f"{DOMAIN}/executions"
CSS = "css selector"


def text(chromium: Any, selector: str) -> str:
    """What is to be read there, taken at one moment: an open page changes meanwhile."""
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText).join(' ')"
    return str(chromium.execute_script(script, selector))


def resize(chromium: Any, width: int, scheme: str = "light") -> None:
    chromium.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    feature = {"name": "prefers-color-scheme", "value": scheme}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def test_an_open_page_follows_the_execution_to_its_end(
    chromium: Any, console_url: str, recording: Recording
) -> None:
    chromium.get(f"{console_url}{EXECUTIONS}/running")
    chromium.execute_script("window.mark = 1; document.querySelector('.headline').mark = 1")
    assert "Running" in text(chromium, ".head .phase")
    for node in recording.nodes["running"][-2:]:
        node.closure.phase = NodePhase.SUCCEEDED
        node.closure.duration.seconds = 3
    recording.executions["running"].closure.phase = Phase.SUCCEEDED
    recording.executions["running"].closure.duration.seconds = 9
    eventually(lambda: "Succeeded" in text(chromium, ".head .phase"), 10)
    assert "Running" not in text(chromium, "table.nodes")
    assert "Terminate" not in text(chromium, ".actions")
    same = "return [window.mark, document.querySelector('.headline').mark]"
    assert chromium.execute_script(same) == [1, 1], "the page was replaced instead of brought up to date"
    eventually(
        lambda: (
            chromium.execute_script("return document.querySelector('[data-refresh]').dataset.refresh") == "0"
        ),
        5,
    )


def test_what_is_being_typed_survives_a_refresh(
    chromium: Any, console_url: str, recording: Recording
) -> None:
    chromium.get(f"{console_url}{EXECUTIONS}/running")
    chromium.find_element(CSS, "#terminate summary").click()
    chromium.find_element(CSS, "#cause").send_keys("half a sen")
    asked = recording.calls.count("GetExecution")
    eventually(lambda: recording.calls.count("GetExecution") >= asked + 3, 10)
    assert chromium.find_element(CSS, "#cause").get_property("value") == "half a sen"
    chromium.find_element(CSS, "#cause").send_keys("tence")
    chromium.find_element(CSS, "#terminate button").click()
    eventually(lambda: "half a sentence" in text(chromium, ".alert"), 10)
    assert "Aborted" in text(chromium, ".head .phase")


def test_rows_fold_and_panels_open_without_leaving_the_page(chromium: Any, console_url: str) -> None:
    chromium.get(f"{console_url}{EXECUTIONS}/good")
    chromium.execute_script("window.mark = 1")
    chromium.find_element(CSS, "#r-n3 td a").click()
    eventually(lambda: "score" in text(chromium, "#panel h2"), 10)
    assert chromium.current_url.endswith("/good/nodeId/n3")
    chromium.find_element(CSS, "body").send_keys("\ue00c")
    eventually(lambda: not chromium.find_elements(CSS, "#panel"), 10)
    chromium.back()
    eventually(lambda: chromium.find_elements(CSS, "#panel"), 10)
    assert chromium.execute_script("return window.mark") == 1


def test_a_log_grows_under_the_reader_s_eyes(chromium: Any, console_url: str, logs: Logs) -> None:
    chromium.get(f"{console_url}{EXECUTIONS}/running/nodeId/n3-0-dn0/view/logs")
    eventually(lambda: "line 299" in text(chromium, "pre.log"), 10)
    logs.texts["n3-0-dn0/0"] += "a late line – ü\n".encode()
    eventually(lambda: "a late line – ü" in text(chromium, "pre.log"), 10)
    shown = chromium.find_element(CSS, "pre.log").get_property("textContent")
    assert shown.encode() == logs.texts["n3-0-dn0/0"]


def test_what_people_wrote_never_runs(chromium: Any, console_url: str) -> None:
    for page in (f"{EXECUTIONS}/good?tab=io", f"{EXECUTIONS}/good/launch", f"{EXECUTIONS}/bad"):
        chromium.get(console_url + page)
        assert chromium.find_elements(CSS, "main img, main script") == []


def test_the_graph_is_walked_with_the_keyboard(chromium: Any, console_url: str) -> None:
    chromium.get(f"{console_url}{EXECUTIONS}/good?tab=graph")
    link = chromium.find_element(CSS, ".graph a[aria-label^='score']")
    chromium.execute_script("arguments[0].focus()", link)
    link.send_keys("\ue007")
    eventually(lambda: "score" in text(chromium, "#panel h2"), 10)
    assert "tab=graph" in chromium.current_url


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_every_width_and_break_no_rule_of_their_own(
    chromium: Any, console_url: str, width: int, scheme: str
) -> None:
    resize(chromium, width, scheme)
    chromium.get_log("browser")
    for page in (
        EXECUTIONS,
        f"{EXECUTIONS}/running/nodeId/n0-0-n0",
        f"{EXECUTIONS}/running?tab=graph",
        f"{EXECUTIONS}/bad?tab=timeline",
        f"{EXECUTIONS}/good?tab=io",
        f"{DOMAIN}/workflows",
        f"{DOMAIN}/workflow/flyte.workflows.example.diabetes_xgboost_model/version/v1/launch",
    ):
        chromium.get(console_url + page)
        assert chromium.execute_script("return document.documentElement.scrollWidth") <= width, page
    assert [entry["message"] for entry in chromium.get_log("browser")] == []
