"""Pods as people see them, from what a real kubelet reports."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sandbox.appliance.boxed import pods

_NOW = dt.datetime(2026, 11, 22, 11, 0, 0, tzinfo=dt.UTC)


def _pod(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "flyteadmin-1",
            "namespace": "flyte",
            "creationTimestamp": "2026-11-22T10:59:00Z",
            "labels": {"app.kubernetes.io/name": "flyteadmin"},
            **metadata,
        },
        "spec": {"containers": [{"name": "flyteadmin", "image": "flyte-sandbox/control-plane:1"}]},
        "status": status,
    }


def test_a_running_pod_is_healthy() -> None:
    found = pods.of(
        _pod({"phase": "Running", "containerStatuses": [{"ready": True, "restartCount": 0}]}), _NOW
    )
    assert (found.phase, found.ready, found.containers, found.restarts) == ("Running", 1, 1, 0)
    assert found.component == "flyteadmin"
    assert found.age == 60.0
    assert found.healthy


def test_a_pod_that_is_not_ready_is_not() -> None:
    status = {"phase": "Running", "containerStatuses": [{"ready": False, "restartCount": 2, "state": {}}]}
    found = pods.of(_pod(status), _NOW)
    assert not found.healthy
    assert found.restarts == 2


def test_what_keeps_a_container_from_running_is_its_state() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    status = {
        "phase": "Pending",
        "containerStatuses": [{"ready": False, "restartCount": 0, "state": waiting}],
    }
    found = pods.of(_pod(status), _NOW)
    assert (found.phase, found.message) == ("ImagePullBackOff", "no such image")


def test_a_pod_that_finds_no_room_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu"}
    found = pods.of(_pod({"phase": "Pending", "conditions": [condition]}), _NOW)
    assert (found.phase, found.message) == ("Pending", "0/1 nodes: Insufficient cpu")


def test_an_evicted_pod_is_called_so() -> None:
    found = pods.of(_pod({"phase": "Failed", "reason": "Evicted", "message": "low on disk"}), _NOW)
    assert (found.phase, found.message) == ("Evicted", "low on disk")


def test_a_pod_that_has_done_its_work_is_well() -> None:
    assert pods.of(_pod({"phase": "Succeeded"}), _NOW).healthy


def test_a_pod_on_its_way_out_is_called_so() -> None:
    found = pods.of(_pod({"phase": "Running"}, deletionTimestamp="2026-11-22T10:59:30Z"), _NOW)
    assert found.phase == "Terminating"


def _thrown_off(*owners: dict[str, Any]) -> pods.PodStatus:
    return pods.of(_pod({"phase": "Failed", "reason": "Evicted"}, ownerReferences=list(owners)), _NOW)


def test_a_pod_that_was_thrown_off_and_replaced_troubles_nobody() -> None:
    assert not _thrown_off({"kind": "ReplicaSet", "name": "flyteadmin-7d", "controller": True}).lasting
    assert _thrown_off().lasting
    assert _thrown_off({"kind": "Job", "name": "migrate", "controller": True}).lasting
