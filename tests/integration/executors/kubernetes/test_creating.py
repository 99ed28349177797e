"""What the API server's answers to a creation mean."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.executors.api import ErrorKind
from sandbox.executors.kubernetes import creating, ownership
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.connections import Connection
from sandbox.executors.kubernetes.kinds import Pod
from sandbox.executors.kubernetes.plugins.spark import Spark
from sandbox.executors.kubernetes.records import Failed, Full, Later, Made, Outcome
from sandbox.executors.kubernetes.settings import KubernetesSettings
from tests.integration.executors.kubernetes.conftest import Server
from tests.unit.executors.kubernetes import requests

SETTINGS = KubernetesSettings()
REQUEST = requests.of(requests.container())


def create(server: Server, *answers: tuple[int, Any]) -> Outcome:
    server.answers = list(answers)
    return creating.create(server.client(), Pod(), REQUEST, SETTINGS)


def status(code: int, message: str, reason: str = "", **details: str) -> tuple[int, dict[str, Any]]:
    return code, {
        "kind": "Status",
        "code": code,
        "message": message,
        "reason": reason,
        "details": details,
    }


def test_what_is_created_is_there(server: Server) -> None:
    assert create(server, (201, Pod().build(REQUEST, SETTINGS))) == Made(Pod().build(REQUEST, SETTINGS))
    assert server.asked[0][:2] == ("POST", "/api/v1/namespaces/flytesnacks-development/pods")


def test_a_name_that_is_taken_is_attached_to_only_if_it_is_ours(server: Server) -> None:
    taken = status(409, "already exists", "AlreadyExists")
    ours = Pod().build(REQUEST, SETTINGS)
    assert create(server, taken, (200, ours)) == Made(ours)
    outcome = create(server, taken, (200, {"metadata": {"name": "abc-n0-0-n1-1"}}))
    assert isinstance(outcome, Failed)
    assert isinstance(create(server, taken, status(404, "gone meanwhile")), Later)


@pytest.mark.parametrize(
    ("answer", "doubtful"),
    [
        (status(429, "too many"), False),
        (status(500, "failed calling webhook"), True),
        (status(503, "no leader"), True),
        (status(504, "timed out"), True),
        ((502, b"<html>a proxy</html>"), True),
        ((200, b"no json"), True),
        (status(404, 'namespaces "x" not found', "NotFound", kind="namespaces"), False),
        (
            status(403, 'error looking up service account x/default: serviceaccount "default" not found'),
            False,
        ),
        (
            status(403, 'pods is forbidden: User "us" cannot create resource "pods" in the namespace "x"'),
            False,
        ),
    ],
)
def test_what_may_work_later_is_tried_again(server: Server, answer: tuple[int, Any], doubtful: bool) -> None:
    outcome = create(server, answer)
    assert isinstance(outcome, Later)
    assert outcome.doubtful is doubtful


def test_a_server_that_is_not_there_is_tried_again() -> None:
    outcome = creating.create(Client(Connection("http://127.0.0.1:9")), Pod(), REQUEST, SETTINGS)
    assert isinstance(outcome, Later)
    assert outcome.doubtful


def test_a_quota_is_waited_for_unless_it_is_too_small_for_ever(server: Server) -> None:
    words = "pods is forbidden: exceeded quota: few, requested: cpu={}, used: cpu=1900m, limited: cpu=2"
    assert isinstance(create(server, status(403, words.format("500m"), "Forbidden")), Full)
    outcome = create(server, status(403, words.format("2500m"), "Forbidden"))
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "ResourceRequestsExceedLimits"


@pytest.mark.parametrize(
    ("code", "word", "recoverable"),
    [
        (400, "BadTaskFormat", False),
        (422, "BadTaskFormat", False),
        (413, "EntityTooLarge", False),
        (403, "RuntimeFailure", True),
        (401, "RuntimeFailure", True),
        (404, "RuntimeFailure", True),
    ],
)
def test_what_is_refused_fails(server: Server, code: int, word: str, recoverable: bool) -> None:
    outcome = create(server, status(code, "no"))
    assert isinstance(outcome, Failed)
    assert (outcome.error.code, outcome.error.recoverable) == (word, recoverable)
    assert outcome.error.kind is ErrorKind.USER


def test_a_task_that_cannot_become_an_object_fails_without_a_request(server: Server) -> None:
    request = requests.of(requests.container())
    request.template.ClearField("container")
    outcome = creating.create(server.client(), Pod(), request, SETTINGS)
    assert isinstance(outcome, Failed)
    assert server.asked == []


def test_a_kind_that_the_cluster_does_not_know_names_the_operator(server: Server) -> None:
    class Known(Spark):
        def build(self, *_: Any) -> dict[str, Any]:
            return {"metadata": ownership.metadata(REQUEST, SETTINGS)}

    server.answers = [(404, b"404 page not found")]
    outcome = creating.create(server.client(), Known(), REQUEST, SETTINGS)
    assert isinstance(outcome, Failed)
    assert "Spark operator" in outcome.error.message
