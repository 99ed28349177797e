"""When something is rolled out, and what is said when it is not: by statuses as a kubelet writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.appliance.manifests import rollouts
from sandbox.appliance.manifests.cluster import Refused
from sandbox.appliance.manifests.errors import RolloutFailed

LABELS = {"app.kubernetes.io/name": "web"}


def wanted(kind: str = "Deployment") -> dict[str, Any]:
    return {
        "kind": kind,
        "apiVersion": "apps/v1",
        "metadata": {"name": "web", "namespace": "flyte"},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": LABELS}}},
    }


def deployment(**status: Any) -> dict[str, Any]:
    return {**wanted(), "metadata": {**wanted()["metadata"], "generation": 2}, "status": status}


def pod(status: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web-1", "labels": LABELS},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "main", **status}], **more},
    }


class Cluster:
    """Answers with states in turn, the last one for ever; time passes when it is waited for."""

    def __init__(self, *states: dict[str, Any], pods: list[dict[str, Any]] | None = None) -> None:
        self._states = list(states)
        self._pods = pods or []
        self.now = 0.0
        self.asked = 0

    def ask(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        self.asked += 1
        if path.endswith("/pods"):
            return {"items": self._pods}
        if path.endswith("/events"):
            return {"items": [{"involvedObject": {"name": "web"}, "message": "exceeded quota"}]}
        return {"items": [self._states.pop(0) if len(self._states) > 1 else self._states[0]]}

    def text(self, path: str, *, query: Mapping[str, str] | None = None) -> str:
        if (query or {}).get("previous") != "true":
            raise Refused(400, "BadRequest", "no such container")
        return "Traceback\nValueError: no such database\n"

    def pause(self, seconds: float) -> None:
        self.now += seconds


def wait(cluster: Cluster, timeout: float = 100) -> dict[str, float]:
    return rollouts.wait(cluster, [wanted()], timeout=timeout, clock=lambda: cluster.now, pause=cluster.pause)


READY = {"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 1}


@pytest.mark.parametrize(
    "lacking",
    [
        {"observedGeneration": 1},
        {"updatedReplicas": 0},
        {"availableReplicas": 0},
        {"replicas": 2},
    ],
)
def test_a_deployment_is_ready_when_only_new_pods_are_left_and_work(lacking: dict[str, int]) -> None:
    assert rollouts.is_ready(deployment(**READY), wanted())
    assert not rollouts.is_ready(deployment(**{**READY, **lacking}), wanted())


def test_the_wait_ends_when_all_is_ready() -> None:
    cluster = Cluster(deployment(), deployment(observedGeneration=1), deployment(**READY))
    assert list(wait(cluster)) == ["Deployment web"]
    assert cluster.now < 1


@pytest.mark.parametrize(
    ("status", "told", "latest"),
    [
        ({"state": {"waiting": {"reason": "InvalidImageName", "message": "no"}}}, "InvalidImageName", 2),
        ({"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no route"}}}, "no route", 60),
        ({"state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x"'}}}, "x", 40),
        (
            {
                "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
            },
            "ValueError: no such database",
            2,
        ),
    ],
)
def test_what_can_not_get_ready_ends_the_wait_early_with_its_cause(
    status: dict[str, Any], told: str, latest: float
) -> None:
    cluster = Cluster(deployment(), pods=[pod(status)])
    with pytest.raises(RolloutFailed) as caught:
        wait(cluster, timeout=1000)
    assert told in caught.value.cause
    assert cluster.now < latest


def test_a_pod_that_no_node_takes_is_waited_for_and_then_told() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: insufficient cpu"}
    cluster = Cluster(deployment(), pods=[pod({}, conditions=[condition])])
    with pytest.raises(RolloutFailed, match="insufficient cpu"):
        wait(cluster, timeout=30)
    assert cluster.now > 29


def test_where_there_are_no_pods_the_events_say_why() -> None:
    with pytest.raises(RolloutFailed, match="exceeded quota"):
        wait(Cluster(deployment()), timeout=5)


def test_a_job_that_gave_up_ends_the_wait() -> None:
    job = {**wanted("Job"), "status": {"conditions": [{"type": "Failed", "status": "True"}]}}
    cluster = Cluster(job)
    with pytest.raises(RolloutFailed, match="Job web"):
        rollouts.wait(cluster, [wanted("Job")], timeout=100, clock=lambda: cluster.now, pause=cluster.pause)
    assert cluster.now < 1
