"""The watch goes on, whatever the API server says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.executors.kubernetes import errors, ownership
from sandbox.executors.kubernetes.kinds import Pod
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.executors.kubernetes.watching import Listed, Listing, Saw, Sight, Vanished, Watch
from sandbox.idl.identifiers import AttemptKey, ExecutionId, UniqueNodeId
from tests.integration.executors.kubernetes.conftest import Server
from tests.waiting import eventually

KEY = AttemptKey(ExecutionId("p", "d", "e"), UniqueNodeId("n0"), 0)


def pod(version: int, name: str = "a") -> dict[str, Any]:
    text = json.dumps(["p", "d", "e", "n0", 0])
    metadata = {
        "name": name,
        "namespace": "ns",
        "resourceVersion": str(version),
        "annotations": {ownership.ATTEMPT: text},
        "managedFields": [{"large": "x" * 1000}],
    }
    containers = [{"name": name, "env": [{"name": "x", "value": "y" * 1000}]}]
    return {"metadata": metadata, "spec": {"containers": containers}, "status": {"phase": "Pending"}}


def page(*pods: dict[str, Any], version: str = "10", more: str = "") -> tuple[int, dict[str, Any]]:
    return 200, {"metadata": {"resourceVersion": version, "continue": more}, "items": list(pods)}


def changes(*pairs: tuple[str, dict[str, Any]]) -> tuple[int, bytes]:
    return 200, b"".join(json.dumps({"type": word, "object": it}).encode() + b"\n" for word, it in pairs)


def watch(server: Server, sights: list[Sight]) -> Watch:
    return Watch(server.client(), Pod(), ownership.selector(KubernetesSettings()), sights.append)


def test_a_list_comes_in_pages_and_the_watch_goes_on_from_there(server: Server) -> None:
    bookmark = {"metadata": {"resourceVersion": "30"}}
    server.answers = [
        page(pod(1), more="next"),
        page(pod(2, "b")),
        changes(("MODIFIED", pod(20)), ("BOOKMARK", bookmark), ("DELETED", pod(31))),
    ]
    sights: list[Sight] = []
    assert watch(server, sights).step("") == "31"
    assert [type(sight) for sight in sights] == [Listing, Saw, Saw, Listed, Saw, Vanished]
    listed = sights[3]
    assert isinstance(listed, Listed)
    assert listed.keys == {KEY}
    assert "continue=next" in server.asked[1][1]
    assert "resourceVersion=10" in server.asked[2][1]
    assert all("labelSelector=managed-by%3Dflyte-sandbox" in asked[1] for asked in server.asked)


def test_what_is_remembered_of_a_pod_is_small(server: Server) -> None:
    server.answers = [page(pod(1)), changes()]
    sights: list[Sight] = []
    watch(server, sights).step("")
    seen = sights[1]
    assert isinstance(seen, Saw)
    assert len(json.dumps(seen.found)) < 400


def test_a_version_that_is_too_old_is_told_as_such_at_once_and_in_between(server: Server) -> None:
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    for answer in ((410, gone), changes(("ERROR", gone))):
        server.answers = [page(), answer]
        with pytest.raises(errors.Expired, match="too old"):
            watch(server, []).step("")


def test_a_change_that_was_cut_off_is_not_passed_on(server: Server) -> None:
    whole = changes(("ADDED", pod(11)))[1]
    server.answers = [(200, whole + whole[:40])]
    sights: list[Sight] = []
    made = watch(server, sights)
    made._listed_at = float("inf")
    assert made.step("10") == "11"
    assert len(sights) == 1


def test_after_any_trouble_everything_is_seen(server: Server) -> None:
    status = {"code": 410, "reason": "Expired", "message": "old"}
    server.answers = [
        (500, {"message": "etcd has no leader"}),
        (403, {"message": "may not list pods"}),
        (200, b"<html>a proxy's page</html>"),
        page(pod(1), version="10"),
        (410, status),
        page(pod(2), version="20"),
        changes(("ADDED", pod(21))),
        changes(),
    ]
    sights: list[Sight] = []
    made = watch(server, sights)
    made.start()
    eventually(lambda: len([sight for sight in sights if isinstance(sight, Saw)]) == 3)
    assert made.trouble == ""
    made.stop()


def test_a_kind_that_is_not_there_is_an_empty_list_until_it_is(server: Server) -> None:
    server.answers = [(404, b"404 page not found"), page(pod(1)), changes()]
    sights: list[Sight] = []
    made = watch(server, sights)
    made.start()
    eventually(lambda: any(isinstance(sight, Listed) and not sight.keys for sight in sights))
    assert not any(isinstance(sight, Saw) for sight in sights)
    made.want()
    eventually(lambda: any(isinstance(sight, Saw) for sight in sights))
    made.stop()
