"""Logs, decks, health, and the pages that explain what is missing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sandbox.console.settings import ConsoleSettings
from tests.integration.console import conftest
from tests.integration.console.browsing import Browser
from tests.integration.console.conftest import Logs
from tests.integration.console.recorded import Recording

EXECUTIONS = "/console/projects/flytesnacks/domains/development/executions"
LOG = "/logs/flytesnacks/development/running/n3-0-dn0/0"


class _Store(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/deck.html?"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html><script>parent.document</script>a deck</html>")
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Not of interest."""


@pytest.fixture
def store_url() -> Iterator[str]:
    """An object store with one deck."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Store)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_log_is_plain_text_from_its_beginning(browser: Browser, logs: Logs) -> None:
    answer = browser.get(LOG)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.body == logs.texts["n3-0-dn0/0"]


def test_a_log_is_read_on_from_where_one_was(browser: Browser, logs: Logs) -> None:
    first = browser.get(f"{LOG}?offset=0")
    end = first.headers["x-log-end"]
    assert browser.get(f"{LOG}?offset={end}").body == b""
    logs.texts["n3-0-dn0/0"] += b"more\n"
    assert browser.get(f"{LOG}?offset={end}").body == b"more\n"


def test_a_long_log_arrives_whole(browser: Browser, logs: Logs) -> None:
    logs.texts["n3-0-dn0/0"] = b"0123456789abcdef\n" * 60_000
    assert browser.get(LOG).body == logs.texts["n3-0-dn0/0"]


def test_the_panel_begins_with_the_end_of_a_long_log_at_a_whole_line(browser: Browser, logs: Logs) -> None:
    logs.texts["n3-0-dn0/0"] = "".join(f"line {i} ü\n" for i in range(20_000)).encode()
    page = browser.get(f"{EXECUTIONS}/running/nodeId/n3-0-dn0/view/logs").text
    assert "line 19999 ü\n" in page
    assert "line 0 ü" not in page
    assert "�" not in page


def test_a_log_that_is_not_there_is_explained(browser: Browser) -> None:
    answer = browser.get("/logs/flytesnacks/development/running/nope/0")
    assert answer.status == 404
    assert "no log" in answer.text


def test_a_deck_is_shown_in_an_origin_of_its_own(
    browser: Browser, recording: Recording, store_url: str
) -> None:
    recording.deck_url = f"{store_url}/deck.html?signature"
    assert 'sandbox="allow-scripts' in browser.get(f"{EXECUTIONS}/good/nodeId/n3/view/flytedecks").text
    answer = browser.get(f"{EXECUTIONS}/good/nodeId/n3/deck")
    assert b"a deck" in answer.body
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox ")
    assert "allow-same-origin" not in policy


def test_a_deck_that_is_gone_is_explained(browser: Browser, recording: Recording, store_url: str) -> None:
    recording.deck_url = f"{store_url}/nothing?signature"
    assert browser.get(f"{EXECUTIONS}/good/nodeId/n3/deck").status == 404
    recording.deck_url = ""
    assert browser.get(f"{EXECUTIONS}/good/nodeId/n3/deck").status == 404


def test_an_object_store_that_is_down_is_explained(browser: Browser, recording: Recording) -> None:
    recording.deck_url = "http://127.0.0.1:1/deck.html?signature"
    answer = browser.get(f"{EXECUTIONS}/good/nodeId/n3/deck")
    assert answer.status == 503
    assert "object store does not answer" in answer.text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{EXECUTIONS}/nope", "there is no execution nope"),
        (f"{EXECUTIONS}/good/nodeId/n99", "there is no node n99"),
        ("/console/projects/flytesnacks/domains/development/workflows/nope", "No workflow called nope"),
        ("/console/nowhere", "There is no page at"),
        ("/console/projects/flytesnacks/domains/development/things/x/version/1", "no section"),
    ],
)
def test_what_is_not_there_is_explained(browser: Browser, path: str, said: str) -> None:
    answer = browser.get(path)
    assert answer.status == 404
    assert said in answer.text
    assert "To the console" in answer.text


def test_a_control_plane_that_does_not_answer_is_explained(logs: Logs) -> None:
    with conftest.serving("127.0.0.1:1", logs, ConsoleSettings(call_timeout=2)) as url:
        page = Browser(url).get(EXECUTIONS)
        assert page.status == 503
        assert "does not answer" in page.text
        health = Browser(url).get("/healthcheck")
        assert (health.status, json.loads(health.body)["status"]) == (503, "unavailable")


def test_a_healthy_console_says_its_version(browser: Browser) -> None:
    answer = browser.get("/healthcheck")
    assert answer.status == 200
    assert '"1.2.3"' in answer.text


def test_a_control_plane_that_is_ill_says_what_it_has(browser: Browser, recording: Recording) -> None:
    recording.troubles = ("The engine has ended.",)
    answer = browser.get("/healthcheck")
    assert (answer.status, json.loads(answer.body)["reason"]) == (503, "The engine has ended.")


def test_nobody_is_signed_in(browser: Browser) -> None:
    assert '"subject":""' in browser.get("/me").text


def test_the_rest_gateway_is_honest(browser: Browser) -> None:
    answer = browser.get("/api/v1/projects")
    assert answer.status == 501
    assert '"code":12' in answer.text


def test_a_stranger_s_name_for_this_machine_is_not_answered(browser: Browser) -> None:
    assert browser.get(EXECUTIONS, Host="evil.example").status == 421
    assert browser.get("/healthcheck", Host="evil.example").status == 200


def test_assets_are_kept_by_browsers_and_change_their_address_when_they_change(browser: Browser) -> None:
    page = browser.get("/console/select-project").text
    address = page.split('<link rel="stylesheet" href="')[1].split('"')[0]
    answer = browser.get(address)
    assert answer.status == 200
    assert "immutable" in answer.headers["cache-control"]
    assert browser.get("/console/assets/x/..%2f..%2fapp.py").status == 404
