"""What is done to an attempt's object at the end, and what was printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.executors.kubernetes import ending, logs, ownership
from sandbox.executors.kubernetes.kinds import Pod
from sandbox.executors.kubernetes.records import Done, Job, Later, Order
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.store.objects import DirectoryObjectStore, S3ObjectStore, S3Settings
from tests.integration.executors.kubernetes.conftest import Server
from tests.unit.executors.kubernetes import requests

SETTINGS = KubernetesSettings(logs_prefix="s3://bucket/logs")
REQUEST = requests.of(requests.container())


def pod(*finalizers: str) -> dict[str, Any]:
    found = Pod().build(REQUEST, SETTINGS)
    found["metadata"] |= {"uid": "u1", "finalizers": list(finalizers)}
    state = {"terminated": {"exitCode": 0}}
    found["status"] = {
        "phase": "Succeeded",
        "containerStatuses": [{"name": REQUEST.unique_name, "state": state}],
    }
    return found


def order(job: Job, found: dict[str, Any], *, gently: bool = False) -> Order:
    return Order(job, REQUEST.key, Pod(), found=found, gently=gently)


def sent(server: Server, number: int = -1) -> Any:
    return json.loads(server.asked[number][3])


def test_our_finalizer_goes_and_others_stay(server: Server) -> None:
    server.answers = [(200, {})]
    found = pod("other/one", ownership.FINALIZER)
    assert ending.release(server.client(), order(Job.RELEASE, found)) == Done()
    mark, test, remove = sent(server)
    assert mark["path"] == "/metadata/annotations/flyte.org~1released"
    assert test == {"op": "test", "path": "/metadata/finalizers/1", "value": ownership.FINALIZER}
    assert remove == {"op": "remove", "path": "/metadata/finalizers/1"}


def test_finalizers_that_changed_meanwhile_are_looked_at_again(server: Server) -> None:
    refused = {"code": 422, "message": "the server rejected our request: testing value failed"}
    server.answers = [(422, refused), (200, pod(ownership.FINALIZER)), (200, {})]
    found = pod("other/one", ownership.FINALIZER)
    assert ending.release(server.client(), order(Job.RELEASE, found)) == Done()
    assert sent(server)[1]["path"] == "/metadata/finalizers/0"


def test_an_object_without_our_finalizer_is_only_marked(server: Server) -> None:
    server.answers = [(200, {})]
    ending.release(server.client(), order(Job.RELEASE, pod()))
    assert len(sent(server)) == 1


@pytest.mark.parametrize("job", [Job.RELEASE, Job.DELETE])
def test_what_is_gone_needs_nothing_and_what_fails_is_tried_again(server: Server, job: Job) -> None:
    def do() -> object:
        client, wanted = server.client(), order(job, pod(ownership.FINALIZER))
        return (
            ending.delete(client, wanted, SETTINGS) if job is Job.DELETE else ending.release(client, wanted)
        )

    server.answers = [(404, {"code": 404, "message": "not found"})]
    assert do() == Done()
    for code in (403, 429, 503):
        server.answers = [(code, {"code": code, "message": "no"})]
        assert isinstance(do(), Later)


def test_only_the_object_that_was_meant_is_deleted(server: Server) -> None:
    found = pod(ownership.FINALIZER)
    server.answers = [(200, found)]
    assert ending.delete(server.client(), order(Job.DELETE, found), SETTINGS) == Done(found)
    assert sent(server)["preconditions"] == {"uid": "u1"}
    assert sent(server)["gracePeriodSeconds"] == 30
    ending.delete(server.client(), order(Job.DELETE, found, gently=True), SETTINGS)
    assert "gracePeriodSeconds" not in sent(server)
    server.answers = [(409, {"code": 409, "message": "the UID in the precondition does not match"})]
    assert ending.delete(server.client(), order(Job.DELETE, found), SETTINGS) == Done()


def test_a_log_is_kept_as_far_as_it_is_there(server: Server, tmp_path: Path) -> None:
    objects = DirectoryObjectStore(tmp_path, sidecars=False)
    server.answers = [(200, b"it printed this\n")]
    assert ending.keep_log(server.client(), objects, order(Job.KEEP_LOG, pod()), SETTINGS) == Done()
    assert objects.get(logs.kept_at("s3://bucket/logs", REQUEST.key)) == b"it printed this\n"
    assert "/pods/abc-n0-0-n1-1/log?container=abc-n0-0-n1-1" in server.asked[0][1]


@pytest.mark.parametrize(("code", "outcome"), [(500, Later), (404, Done), (400, Done)])
def test_a_log_that_cannot_be_read_now_is_asked_for_again(
    server: Server, tmp_path: Path, code: int, outcome: type[object]
) -> None:
    objects = DirectoryObjectStore(tmp_path, sidecars=False)
    server.answers = [(code, {"code": code, "message": "dial tcp: no route to the kubelet"})]
    found = ending.keep_log(server.client(), objects, order(Job.KEEP_LOG, pod()), SETTINGS)
    assert isinstance(found, outcome)
    assert not objects.exists(logs.kept_at("s3://bucket/logs", REQUEST.key))


def test_a_store_that_is_away_is_tried_again(server: Server) -> None:
    server.answers = [(200, b"something")]
    away = S3ObjectStore(S3Settings("http://127.0.0.1:9", "a", "b"))
    outcome = ending.keep_log(server.client(), away, order(Job.KEEP_LOG, pod()), SETTINGS)
    assert isinstance(outcome, Later)


def test_what_was_kept_is_read_and_else_the_pod_is_asked(server: Server, tmp_path: Path) -> None:
    objects = DirectoryObjectStore(tmp_path, sidecars=False)
    reader = logs.KubernetesLogs(server.client(), objects, SETTINGS, (Pod(),))
    server.answers = [(200, pod()), (200, b"0123456789")]
    assert reader.read(REQUEST.key, 3, 4) == logs.Piece(b"3456", 3, 10)
    server.answers = [(403, {"code": 403, "message": "not yours"})]
    assert reader.read(REQUEST.key, 0, 10) is None
    objects.put(logs.kept_at("s3://bucket/logs", REQUEST.key), b"kept")
    assert reader.read(REQUEST.key, -2, 10) == logs.Piece(b"pt", 2, 4)
    assert reader.read(REQUEST.key, 99, 10) == logs.Piece(b"", 4, 4)


def test_another_attempts_pod_of_this_name_is_not_shown(server: Server, tmp_path: Path) -> None:
    found = pod()
    found["metadata"]["annotations"][ownership.ATTEMPT] = '["p", "d", "other", "n0", 0]'
    server.answers = [(200, found)]
    reader = logs.KubernetesLogs(server.client(), DirectoryObjectStore(tmp_path), SETTINGS, (Pod(),))
    assert reader.read(REQUEST.key, 0, 10) is None
