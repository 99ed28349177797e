"""What pods' statuses mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.kubernetes import verdicts
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.executors.kubernetes.verdicts import Verdict

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def verdict(status: dict[str, Any]) -> Verdict:
    pod = {"metadata": {"name": "p", "annotations": {"primary_container_name": "main"}}, "status": status}
    return verdicts.of(pod, NOW, KubernetesSettings())


def ended(code: int, reason: str = "Error", name: str = "main") -> dict[str, Any]:
    state = {"terminated": {"exitCode": code, "reason": reason, "message": "said so"}}
    return {"name": name, "state": state}


def waiting(reason: str, since: float = 0.0) -> dict[str, Any]:
    moment = (NOW - timedelta(seconds=since)).isoformat().replace("+00:00", "Z")
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": moment}
    container = {"name": "main", "ready": False, "state": {"waiting": {"reason": reason, "message": "m"}}}
    return {"phase": "Pending", "conditions": [condition], "containerStatuses": [container]}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ({"phase": "Failed", "containerStatuses": [ended(1)]}, "Error", ErrorKind.USER),
        ({"phase": "Failed", "containerStatuses": [ended(137, "OOMKilled")]}, "OOMKilled", ErrorKind.USER),
        ({"phase": "Failed", "containerStatuses": [ended(137)]}, "Interrupted", ErrorKind.SYSTEM),
        ({"phase": "Failed", "containerStatuses": [ended(247)]}, "Interrupted", ErrorKind.SYSTEM),
        (
            {"phase": "Failed", "containerStatuses": [ended(137, name="side"), ended(4)]},
            "Interrupted",
            ErrorKind.USER,
        ),
        ({"phase": "Failed", "reason": "Evicted", "message": "disk"}, "Interrupted", ErrorKind.SYSTEM),
        ({"phase": "Failed", "reason": "NodeLost"}, "Interrupted", ErrorKind.SYSTEM),
        ({"phase": "Failed"}, "Interrupted", ErrorKind.SYSTEM),
        ({"phase": "Failed", "reason": "DeadlineExceeded"}, "TimeoutExpired", ErrorKind.USER),
        ({"phase": "Succeeded", "containerStatuses": [ended(0, "OOMKilled")]}, "OOMKilled", ErrorKind.USER),
        ({"phase": "Running", "containerStatuses": [ended(2)]}, "Error", ErrorKind.USER),
        ({"phase": "Running", "containerStatuses": [ended(137)]}, "Interrupted", ErrorKind.SYSTEM),
        (waiting("RunContainerError"), "RunContainerError", ErrorKind.SYSTEM),
    ],
)
def test_failures_name_who_is_to_blame(status: dict[str, Any], code: str, kind: ErrorKind) -> None:
    found = verdict(status)
    assert found.phase is AttemptPhase.FAILED
    assert found.error is not None
    assert (found.error.code, found.error.kind, found.error.recoverable) == (code, kind, True)


@pytest.mark.parametrize(
    ("code", "words"), [(3, "code 3: Error"), (139, "code 139 (SIGSEGV): Error"), (255, "code 255: Error")]
)
def test_an_exit_code_that_stands_for_a_signal_is_told_with_its_name(code: int, words: str) -> None:
    error = verdict({"phase": "Failed", "containerStatuses": [ended(code)]}).error
    assert error is not None
    assert f"[main] terminated with exit {words}" in error.message


def test_a_pod_is_over_when_its_primary_container_is() -> None:
    status = {"phase": "Running", "containerStatuses": [ended(0, "Completed"), {"name": "side", "state": {}}]}
    assert verdict(status).phase is AttemptPhase.SUCCEEDED


def test_an_image_gets_a_time_of_grace() -> None:
    early = verdict(waiting("ImagePullBackOff", since=60))
    assert (early.phase, early.look_again) == (AttemptPhase.INITIALIZING, timedelta(seconds=120))
    late = verdict(waiting("ImagePullBackOff", since=181))
    assert late.phase is AttemptPhase.FAILED
    assert late.error is not None
    assert late.error.recoverable


def test_a_container_that_is_not_created_fails_for_good_after_its_grace() -> None:
    late = verdict(waiting("CreateContainerConfigError", since=181))
    assert late.error is not None
    assert not late.error.recoverable


def test_a_bad_image_name_fails_at_once_and_for_good() -> None:
    found = verdict(waiting("InvalidImageName"))
    assert found.error is not None
    assert (found.error.kind, found.error.recoverable) == (ErrorKind.USER, False)


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", "ErrImagePull"])
def test_starting_is_initialising(reason: str) -> None:
    assert verdict(waiting(reason)).phase is AttemptPhase.INITIALIZING


def test_a_pod_that_finds_no_node_waits_and_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    found = verdict({"phase": "Pending", "conditions": [condition]})
    assert (found.phase, found.reason) == (AttemptPhase.QUEUED, "Unschedulable: 0/1 nodes")


def test_a_pod_that_nobody_looked_at_yet_is_queued() -> None:
    assert verdict({}).phase is AttemptPhase.QUEUED


def test_a_pod_deleted_by_others_is_a_system_error_that_says_what_is_known() -> None:
    disruption = {"type": "DisruptionTarget", "status": "True", "reason": "Preempted", "message": "by x"}
    found = {
        "metadata": {"namespace": "ns", "name": "p"},
        "spec": {"nodeName": "n1"},
        "status": {"reason": "NodeLost", "message": "it is gone", "conditions": [disruption]},
    }
    error = verdicts.gone(found).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == (
        "ResourceDeletedExternally",
        ErrorKind.SYSTEM,
        True,
    )
    assert error.message == (
        "ns/p was deleted before its task was over (it was on the node n1); NodeLost: it is gone; "
        "Preempted: by x"
    )


def test_what_is_beside_the_primary_container_does_not_decide() -> None:
    beside = {"phase": "Failed", "containerStatuses": [ended(0, "Completed"), ended(1, name="side")]}
    assert verdict(beside).phase is AttemptPhase.SUCCEEDED
    running = {"phase": "Running", "containerStatuses": [ended(0, "Completed")]}
    assert (verdict(running).phase, verdict(running).to_end) == (AttemptPhase.SUCCEEDED, True)


@pytest.mark.parametrize("code", [400, 422])
def test_a_pod_that_kubernetes_refuses_fails_for_good(code: int) -> None:
    error = verdicts.refused(code, "no").error
    assert error is not None
    assert (error.code, error.recoverable) == ("BadTaskFormat", False)
