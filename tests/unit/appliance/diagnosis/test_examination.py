"""From what Kubernetes says to what is to be done."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sandbox.appliance.diagnosis import crashes, examination, scheduling
from sandbox.appliance.diagnosis.facts import Facts, Place
from sandbox.appliance.findings import Verdict
from tests.unit.appliance.diagnosis import recording


@pytest.mark.parametrize(
    ("name", "cause", "remedy"),
    [
        (
            "wants-processors",
            "asks for 100 processors, and the largest node has 2 processors",
            "Ask for less",
        ),
        ("wants-memory", "asks for 900.0 GiB of memory", "Ask for less"),
        ("wants-gpu", "asks for 1 nvidia.com/gpu, and no node has any", "--gpus all"),
        ("wants-another-node", "no node has the labels pool=gpu", "kubectl label node"),
        ("wants-volume", "a volume claim of it is not bound", "storage class"),
        ("wants-missing-claim", "its volume claim 'other' is not there", "Create the claim 'other'"),
        (
            "image-nowhere",
            "registry can't be reached from the sandbox",
            "sandbox build . --tag nosuch-image:v1",
        ),
        ("image-not-pushed", "own registry does not answer", "docker-registry"),
        ("image-bad-name", "'Mine::v1' is no name of an image", "small letters"),
        ("image-never", "not-built:v1 was not built here", "sandbox build . --tag not-built:v1"),
        ("crashes", "exit code 1; its last words:\nbegins\nno configuration at", "kubectl logs --previous"),
        ("eats-memory", "more memory than its limit of 32Mi", "higher limit"),
        ("no-program", "its image has no program 'nosuchprogram'", "command"),
        ("wants-secret", "there is no Secret database in p-diagnosis", "Create it"),
        ("wants-config", "there is no ConfigMap sandbox-config in p-diagnosis", "Create it"),
        ("not-ready", "Readiness probe failed", "kubectl logs"),
        ("writes-much", "it wrote more to the disk than it may", "sizeLimit"),
        ("held", "held until somebody who watches it lets it go (example.org/held)", "control plane"),
    ],
)
def test_every_recorded_trouble_has_its_cause_and_a_remedy(name: str, cause: str, remedy: str) -> None:
    found = recording.the_finding(recording.only(name))
    assert found.detail.startswith(f"{name} in p-diagnosis ")
    assert cause in found.detail
    assert remedy in found.remedy
    assert found.verdict is Verdict.WARNING


def test_what_is_wrong_with_the_sandbox_itself_is_bad_and_comes_first() -> None:
    known = recording.only("crashes", "wants-config")
    known.pods[1]["metadata"]["namespace"] = "flyte"
    first, second = examination.examine(known)
    assert (first.verdict, second.verdict) == (Verdict.BAD, Verdict.WARNING)
    assert first.detail.startswith("wants-config in flyte ")


def test_a_cluster_that_is_well_has_no_findings() -> None:
    known = recording.everything()
    (running,) = [one for one in known.pods if one["metadata"]["name"].startswith("too-many")]
    well = replace(recording.only(), pods=[running])
    assert examination.examine(well) == []
    assert examination.examine(Facts(now=recording.NOW)) == []


def test_pods_with_one_trouble_are_one_finding() -> None:
    known = recording.only("wants-volume")
    alike = []
    for number in range(5):
        pod = copy.deepcopy(known.pods[0])
        pod["metadata"]["name"] = f"w{number}"
        alike.append(pod)
    found = recording.the_finding(replace(known, pods=alike))
    assert found.detail.startswith(
        "w0 in p-diagnosis, w1 in p-diagnosis, w2 in p-diagnosis and 2 more: waits for a node"
    )


def test_an_executions_pod_is_called_by_its_execution() -> None:
    known = recording.only("wants-secret")
    known.pods[0]["metadata"]["labels"] = {"execution-id": "abc", "node-id": "n0"}
    found = recording.the_finding(known)
    assert found.detail.startswith("wants-secret in p-diagnosis (execution abc, node n0) ")
    assert found.remedy == "Set it: `sandbox secret set database KEY`."


def node(**conditions: str) -> dict[str, Any]:
    """The recorded node with other conditions."""
    found: dict[str, Any] = copy.deepcopy(dict(recording.only().nodes[0]))
    for condition in found["status"]["conditions"]:
        condition["status"] = conditions.get(condition["type"], condition["status"])
    return found


def test_a_node_under_disk_pressure_is_called_one_without_disk() -> None:
    found = recording.the_finding(Facts(now=recording.NOW, nodes=[node(DiskPressure="True")]))
    assert found.verdict is Verdict.BAD
    assert found.detail.startswith("sandbox has hardly any disk left: its disk is nearly full")
    assert "docker system df" in found.remedy


def test_a_pod_that_only_a_full_node_may_run_waits_for_its_disk() -> None:
    known = recording.only("wants-full-node")
    full = [one for one in recording.everything().nodes if one["metadata"]["name"] == "p-full"]
    found = [
        one
        for one in examination.examine(replace(known, nodes=[*known.nodes, *full]))
        if "wants-full-node" in one.detail
    ]
    assert [one.detail for one in found] == [
        "wants-full-node in p-diagnosis waits for a node: the disk of a node is nearly full"
    ]


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"MemoryPressure": "True"}, "hardly any memory"),
        ({"PIDPressure": "True"}, "hardly any process numbers"),
        ({"Ready": "False"}, "is not ready"),
        ({"Ready": "Unknown", "DiskPressure": "Unknown"}, "does not answer"),
    ],
)
def test_conditions_of_nodes_are_told(conditions: dict[str, str], words: str) -> None:
    found = recording.the_finding(Facts(now=recording.NOW, nodes=[node(**conditions)]))
    assert words in found.detail


def test_a_cordoned_node_is_told() -> None:
    cordoned = node()
    cordoned["spec"]["unschedulable"] = True
    assert "kubectl uncordon sandbox" in recording.the_finding(Facts(recording.NOW, nodes=[cordoned])).remedy


def test_the_recorded_silent_node_is_told() -> None:
    silent = [one for one in recording.everything().nodes if one["metadata"]["name"] == "p-full"]
    assert "does not answer" in recording.the_finding(Facts(recording.NOW, nodes=silent)).detail


def test_a_pod_that_would_fit_waits_for_those_that_hold_what_it_needs() -> None:
    waits, holds = recording.pod("wants-processors"), recording.pod("too-many")
    waits["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "1500m"
    holds["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "1"
    over = copy.deepcopy(holds)
    over["status"]["phase"] = "Succeeded"
    known = replace(recording.only(), pods=[waits, holds, over])
    found = recording.the_finding(known)
    assert "asks for 1.5 processors; the node sandbox has 2 processors, 1 processor taken" in found.detail


def test_what_controllers_and_claims_and_quotas_lack_is_told_once_for_each() -> None:
    known = replace(recording.everything(), pods=(), nodes=())
    details = [found.detail for found in examination.examine(known)]
    assert len(details) == 4
    assert "there is no service account p-diagnosis/nobody" in details[0]
    assert (
        "the quota project-quota has no room: limits.cpu=1 asked for, limits.cpu=1 used, limits.cpu=1 allowed"
        in details[1]
    )
    assert "there is no storage class 'nowhere'" in details[2]
    assert details[3].endswith("is a quota that is used up: limits.cpu: 1 of 1")


def test_old_warnings_of_controllers_are_over() -> None:
    known = replace(
        recording.everything(),
        pods=(),
        nodes=(),
        claims=(),
        quotas=(),
        now=recording.NOW + timedelta(minutes=30),
    )
    assert examination.examine(known) == []


def test_a_webhook_that_does_not_answer_is_told() -> None:
    event = {
        "metadata": {"creationTimestamp": "2026-11-22T10:49:00Z"},
        "type": "Warning",
        "reason": "FailedCreate",
        "involvedObject": {"kind": "ReplicaSet", "name": "a", "namespace": "b", "uid": "1"},
        "message": 'Internal error occurred: failed calling webhook "flyte-pod-webhook.flyte.org": EOF',
    }
    found = recording.the_finding(Facts(recording.NOW, events=[event]))
    assert "the webhook flyte-pod-webhook.flyte.org" in found.detail


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("x509: certificate signed by unknown authority", "certificate is not trusted"),
        ("manifest for a:v1 not found: manifest unknown", "no such image"),
        ("pull access denied for a, repository does not exist or may require login", "no such image"),
        ("toomanyrequests: You have reached your pull rate limit", "no more requests"),
        ("write /var/lib/docker/tmp/x: no space left on device", "the disk is full"),
        (
            "net/http: request canceled while waiting for connection (Client.Timeout exceeded)",
            "can't be reached",
        ),
        ("something new", "something new"),
    ],
)
def test_the_answers_of_registries_are_understood(answer: str, cause: str) -> None:
    known = recording.only("image-nowhere")
    for event in known.events:
        if "Failed to pull" in event["message"]:
            event["message"] = f'Failed to pull image "nosuch-image:v1": rpc error: desc = {answer}'
    assert cause in recording.the_finding(known).detail


def test_flytekits_own_image_is_not_to_be_built() -> None:
    known = recording.only("image-nowhere")
    known.pods[0]["spec"]["containers"][0]["image"] = "registry.example/flyteorg/flytekit:py3.11-1.16.0"
    assert "--image flyte-sandbox/task:" in recording.the_finding(known).remedy


def test_a_container_that_lives_again_after_some_ends_is_told_for_a_while() -> None:
    known = recording.only("crashes")
    container = known.pods[0]["status"]["containerStatuses"][0]
    container["state"] = {"running": {"startedAt": "2026-11-22T10:49:10Z"}}
    assert crashes.wanted_logs(known) == [Place("p-diagnosis", "crashes", "main")]
    assert "started again 3 times" in recording.the_finding(known).detail
    later = replace(known, now=known.now + timedelta(hours=1))
    assert crashes.wanted_logs(later) == []


def test_a_crash_without_a_log_says_what_the_container_said() -> None:
    known = replace(recording.only("crashes"), logs={})
    assert recording.the_finding(known).detail.endswith("exit code 1, and says nothing")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("The node was low on resource: ephemeral-storage.", "the node's disk was nearly full"),
        ("The node was low on resource: memory.", "too little memory"),
        ("Pod The node had condition: [DiskPressure]. ", "the node's disk was nearly full"),
        ("Pod ephemeral local storage usage exceeds the total limit of containers 1Mi.", "wrote more"),
        ("", "does not say why"),
    ],
)
def test_evictions_are_understood(message: str, words: str) -> None:
    known = recording.only("writes-much")
    known.pods[0]["status"]["message"] = message
    assert words in recording.the_finding(known).detail


def test_a_pod_that_was_thrown_off_and_replaced_is_told_for_a_while() -> None:
    known = recording.only("writes-much")
    owner = {"kind": "ReplicaSet", "name": "writes-much-1", "controller": True}
    known.pods[0]["metadata"]["ownerReferences"] = [owner]
    assert "thrown off" in recording.the_finding(known).detail
    later = replace(known, now=known.now + timedelta(hours=1))
    assert not [one for one in examination.examine(later) if "thrown off" in one.detail]


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("0/1 nodes are available: 1 Insufficient cpu.", ["Insufficient cpu"]),
        (
            "0/2 nodes: 1 Insufficient cpu, 1 node(s) had taint {a: b}, that the pod didn't tolerate.",
            ["Insufficient cpu", "node(s) had taint {a: b}, that the pod didn't tolerate"],
        ),
        (
            "0/1 nodes are available: 1 node(s) had untolerated taint {a: }. preemption: 0/1: 1 Not helpful.",
            ["node(s) had untolerated taint {a: }"],
        ),
        ("", []),
    ],
)
def test_the_schedulers_words_are_taken_apart_in_old_and_new_versions(message: str, parts: list[str]) -> None:
    assert scheduling.split(message) == parts


def test_holes_in_what_kubernetes_says_are_borne() -> None:
    bare = {"metadata": {"name": "a", "namespace": "b"}}
    conditions = {
        "conditions": [{"type": "PodScheduled", "status": "False"}],
        "containerStatuses": [{"name": "x"}],
    }
    crashed = {"containerStatuses": [{"name": "x", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}
    pods = [bare, {**bare, "status": conditions}, {**bare, "status": crashed}]
    known = Facts(recording.NOW, pods=pods, nodes=[{"metadata": {"name": "n"}}], quotas=[bare], claims=[bare])
    assert len(examination.examine(known)) == 3


def test_a_container_that_cant_be_made_is_tried_again_by_kubernetes_itself() -> None:
    known = recording.only("wants-secret")
    state = known.pods[0]["status"]["containerStatuses"][0]["state"]["waiting"]
    state |= {"reason": "CreateContainerError", "message": "failed to prepare subPath " + "x" * 1000}
    found = recording.the_finding(known)
    assert found.detail.startswith("wants-secret in p-diagnosis does not start: failed to prepare subPath")
    assert len(found.detail) < 400
    assert "kubectl delete pod --namespace p-diagnosis wants-secret" in found.remedy
