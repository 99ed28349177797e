"""When something is rolled out, and what is said when it is not: by statuses as a kubelet writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sandbox.appliance.manifests import rollouts
from sandbox.appliance.manifests.cluster import Refused
from sandbox.appliance.manifests.errors import RolloutFailed

LABELS = {"app.kubernetes.io/name": "web"}
REVISION = "deployment.kubernetes.io/revision"


def wanted(kind: str = "Deployment") -> dict[str, Any]:
    return {
        "kind": kind,
        "apiVersion": "apps/v1",
        "metadata": {"name": "web", "namespace": "flyte"},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": LABELS}}},
    }


def existing(kind: str = "Deployment", **status: Any) -> dict[str, Any]:
    metadata = {**wanted()["metadata"], "generation": 2, "uid": "web", "annotations": {REVISION: "2"}}
    return {**wanted(kind), "metadata": metadata, "status": status}


def deployment(**status: Any) -> dict[str, Any]:
    return existing(**{"observedGeneration": 2, **status})


def replica_set(number: int) -> dict[str, Any]:
    owner = {"kind": "Deployment", "uid": "web", "controller": True}
    return {
        "metadata": {
            "uid": f"rs{number}",
            "annotations": {REVISION: str(number)},
            "ownerReferences": [owner],
        }
    }


def pod(
    status: Mapping[str, Any], owner: str = "rs2", kind: str = "ReplicaSet", label: str = "", **more: Any
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"{owner}-pod",
            "labels": {**LABELS, "controller-revision-hash": label},
            "ownerReferences": [{"kind": kind, "uid": owner, "controller": True}],
        },
        "status": {"phase": "Pending", "containerStatuses": [{"name": "main", **status}], **more},
    }


def died(times: int, **more: Any) -> dict[str, Any]:
    return {
        "restartCount": times,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
        **more,
    }


class Cluster:
    """Answers with states and lists of pods in turn, the last one for ever; time passes when it is waited
    for."""

    def __init__(self, *states: dict[str, Any], pods: Sequence[Sequence[dict[str, Any]]] = ((),)) -> None:
        self._states = list(states)
        self._pods = list(pods)
        self.now = 0.0
        self.asked = 0

    def ask(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        self.asked += 1
        if path.endswith("/pods"):
            return {"items": self._pods.pop(0) if len(self._pods) > 1 else self._pods[0]}
        if path.endswith("/replicasets"):
            return {"items": [replica_set(1), replica_set(2)]}
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
    cluster = Cluster(deployment(), deployment(), deployment(observedGeneration=1), deployment(**READY))
    assert list(wait(cluster)) == ["Deployment web"]
    assert cluster.now < 1


@pytest.mark.parametrize(
    ("status", "told", "latest"),
    [
        ({"state": {"waiting": {"reason": "InvalidImageName", "message": "no"}}}, "InvalidImageName", 2),
        ({"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no route"}}}, "no route", 60),
        ({"state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x"'}}}, "x", 40),
        (died(3), "ValueError: no such database", 2),
    ],
)
def test_what_can_not_get_ready_ends_the_wait_early_with_its_cause(
    status: dict[str, Any], told: str, latest: float
) -> None:
    cluster = Cluster(deployment(), pods=[[], [pod(status)]])
    with pytest.raises(RolloutFailed) as caught:
        wait(cluster, timeout=1000)
    assert told in caught.value.cause
    assert cluster.now < latest


def test_a_pod_that_no_node_takes_is_waited_for_and_then_told() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: insufficient cpu"}
    cluster = Cluster(deployment(), pods=[[pod({}, conditions=[condition])]])
    with pytest.raises(RolloutFailed, match="insufficient cpu"):
        wait(cluster, timeout=30)
    assert cluster.now > 29


def test_where_there_are_no_pods_the_events_say_why() -> None:
    with pytest.raises(RolloutFailed, match="exceeded quota"):
        wait(Cluster(deployment()), timeout=5)


def test_a_job_that_gave_up_ends_the_wait() -> None:
    job = existing("Job", conditions=[{"type": "Failed", "status": "True"}])
    cluster = Cluster(job)
    with pytest.raises(RolloutFailed, match="Job web"):
        rollouts.wait(cluster, [wanted("Job")], timeout=100, clock=lambda: cluster.now, pause=cluster.pause)
    assert cluster.now < 1


@pytest.mark.parametrize(
    ("state", "old"),
    [
        (deployment(), pod(died(7), owner="rs1")),
        (deployment(), pod({"state": {"waiting": {"reason": "InvalidImageName"}}}, owner="rs1")),
        (existing(observedGeneration=1), pod(died(7))),
        (
            existing("StatefulSet", observedGeneration=2, updateRevision="b", currentRevision="a"),
            pod(died(7), owner="web", kind="StatefulSet", label="a"),
        ),
        (existing("Job"), pod(died(7), owner="a job of this name before", kind="Job")),
    ],
)
def test_pods_of_an_older_revision_say_nothing_of_the_new_one(
    state: dict[str, Any], old: dict[str, Any]
) -> None:
    cluster = Cluster(state, pods=[[], [old]])
    with pytest.raises(RolloutFailed) as caught:
        rollouts.wait(
            cluster, [wanted(state["kind"])], timeout=100, clock=lambda: cluster.now, pause=cluster.pause
        )
    assert cluster.now > 100
    assert "in time" in caught.value.what
    assert "exceeded quota" in caught.value.cause


@pytest.mark.parametrize(
    ("state", "new"),
    [
        (
            existing("StatefulSet", observedGeneration=2, updateRevision="b", currentRevision="a"),
            pod(died(3), owner="web", kind="StatefulSet", label="b"),
        ),
        (existing("Job"), pod(died(3), owner="web", kind="Job")),
    ],
)
def test_pods_of_the_new_revision_of_any_kind_are_believed(
    state: dict[str, Any], new: dict[str, Any]
) -> None:
    cluster = Cluster(state, pods=[[], [new]])
    with pytest.raises(RolloutFailed, match="CrashLoopBackOff"):
        rollouts.wait(
            cluster, [wanted(state["kind"])], timeout=100, clock=lambda: cluster.now, pause=cluster.pause
        )
    assert cluster.now < 2


def test_deaths_before_the_wait_do_not_count() -> None:
    """What they were about may be mended: nothing but the environment of an unchanged pod was wrong."""
    before, mended = pod(died(5)), deployment(**READY)
    cluster = Cluster(*[deployment()] * 20, mended, pods=[[before]])
    assert list(wait(cluster)) == ["Deployment web"]
    cluster = Cluster(deployment(), pods=[[before], *[[pod(died(7))]] * 20, [pod(died(8))]])
    with pytest.raises(RolloutFailed, match="restarted 8 times"):
        wait(cluster)
    assert 5 < cluster.now < 10


def test_a_container_that_died_often_and_works_is_no_trouble() -> None:
    works = pod(died(9, state={"running": {}}, ready=True))
    cluster = Cluster(*[deployment()] * 20, deployment(**READY), pods=[[], [works]])
    assert list(wait(cluster)) == ["Deployment web"]
