"""What operators say about a resource in the course of its life; a test says it for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.executors.api import AttemptPhase

Status = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Life:
    """One kind of resource."""

    kind: str
    task: str
    """Its template, in `tests.templates`."""
    begun: tuple[tuple[Status, AttemptPhase], ...]
    """Statuses before the end, and what they mean."""
    succeeded: Status
    failed: Status
    code: str
    """Of the failure."""


def _spark(state: str, **more: Any) -> Status:
    return {"applicationState": {"state": state, "errorMessage": "it broke"}, **more}


def _ray(state: str, **more: Any) -> Status:
    return {"jobDeploymentStatus": state, "rayClusterName": "c", "message": "it broke", **more}


def _training(*conditions: str) -> Status:
    """All conditions that ever held; the last one holds now, in the same second as the others."""
    return {
        "startTime": "2026-01-01T00:00:00Z",
        "conditions": [
            {
                "type": one,
                "status": "True" if one in ("Created", conditions[-1]) else "False",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
                "reason": f"Job{one}",
                "message": "it broke",
            }
            for one in conditions
        ],
        "replicaStatuses": {"Worker": {"active": 1}},
    }


def _training_life(kind: str, task: str) -> Life:
    return Life(
        kind,
        task,
        (
            (_training("Created"), AttemptPhase.QUEUED),
            (_training("Created", "Running"), AttemptPhase.RUNNING),
        ),
        _training("Created", "Running", "Succeeded"),
        _training("Created", "Running", "Failed"),
        "DownstreamSystemError",
    )


LIVES = {
    "spark": Life(
        "SparkApplication",
        "spark_with_pods",
        (
            (_spark(""), AttemptPhase.QUEUED),
            (_spark("SUBMITTED"), AttemptPhase.INITIALIZING),
            (_spark("RUNNING", driverInfo={"podName": "driver"}), AttemptPhase.RUNNING),
        ),
        _spark("COMPLETED"),
        _spark("FAILED"),
        "DownstreamSystemError",
    ),
    "ray": Life(
        "RayJob",
        "ray_that_scales",
        (
            (_ray("Initializing"), AttemptPhase.INITIALIZING),
            (_ray("Running", jobStatus="RUNNING"), AttemptPhase.RUNNING),
        ),
        _ray("Complete", jobStatus="SUCCEEDED"),
        _ray("Failed", jobStatus="FAILED", reason="AppFailed"),
        "TaskFailedWithError",
    ),
    "dask": Life(
        "DaskJob",
        "dask_with_images",
        (
            ({"jobStatus": "ClusterCreated"}, AttemptPhase.INITIALIZING),
            ({"jobStatus": "Running", "jobRunnerPodName": "runner"}, AttemptPhase.RUNNING),
        ),
        {"jobStatus": "Successful"},
        {"jobStatus": "Failed"},
        "DownstreamSystemError",
    ),
    "pytorch": _training_life("PyTorchJob", "pytorch"),
    "tensorflow": _training_life("TFJob", "tensorflow"),
    "mpi": _training_life("MPIJob", "mpi"),
}
"""By task type."""
