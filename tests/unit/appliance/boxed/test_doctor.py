"""What `sandbox doctor` asks a node and its cluster, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.appliance.boxed import doctor
from sandbox.appliance.diagnosis import examination
from sandbox.appliance.diagnosis.facts import Place
from sandbox.appliance.findings import Verdict
from sandbox.appliance.manifests.cluster import Refused
from tests.unit.appliance.diagnosis import recording

GIB = 2**30


class Recorded:
    """Answers with what was recorded."""

    def __init__(self) -> None:
        self.logs: list[tuple[str, dict[str, str]]] = []
        known = recording.everything()
        self._lists = {
            "/api/v1/pods": known.pods,
            "/api/v1/events": known.events,
            "/api/v1/nodes": known.nodes,
            "/api/v1/persistentvolumeclaims": known.claims,
            "/api/v1/resourcequotas": known.quotas,
        }
        self._texts = known.logs

    def items(self, path: str) -> list[dict[str, Any]]:
        return [dict(one) for one in self._lists[path]]

    def text(self, path: str, *, query: dict[str, str]) -> str:
        self.logs.append((path, query))
        pod = path.split("/")[6]
        if pod == "no-program":
            raise Refused(400, "BadRequest", "previous terminated container not found")
        return self._texts[Place(recording.NAMESPACE, pod, query["container"])]


def test_everything_that_the_diagnosis_reads_is_asked_for_and_logs_of_what_crashes_alone() -> None:
    cluster = Recorded()
    known = doctor.collect(cluster, recording.NOW)
    assert {path.split("/")[6] for path, _ in cluster.logs} == {"crashes", "eats-memory", "no-program"}
    assert all(query["previous"] == "true" for _, query in cluster.logs)
    assert Place(recording.NAMESPACE, "no-program", "main") not in known.logs
    assert examination.examine(known) == examination.examine(recording.everything())


def test_a_control_plane_whose_pods_are_ready_is_good_and_one_without_pods_is_not() -> None:
    running = recording.pod("too-many")
    running["metadata"]["namespace"] = "flyte"
    known = recording.only()
    known.pods.append(running)  # type: ignore[attr-defined]
    found = doctor.control_plane(known)
    assert (found.verdict, found.detail) == (Verdict.GOOD, "1 of 1 pods are ready")
    assert doctor.control_plane(recording.only()).verdict is Verdict.BAD


def test_a_pod_of_the_control_plane_that_crashes_is_bad() -> None:
    crashing = recording.pod("crashes")
    crashing["metadata"]["namespace"] = "flyte"
    known = recording.only()
    known.pods.append(crashing)  # type: ignore[attr-defined]
    found = doctor.control_plane(known)
    assert (found.verdict, found.detail) == (Verdict.BAD, "0 of 1 pods are ready; started again 3 times")


@pytest.mark.parametrize(
    ("free", "verdict"), [(50, Verdict.GOOD), (9, Verdict.WARNING), (4, Verdict.BAD), (0, Verdict.BAD)]
)
def test_a_disk_that_fills_up_is_told_before_kubernetes_acts(free: int, verdict: Verdict) -> None:
    found = doctor.disk(free * GIB, 100 * GIB, "mine")
    assert found.verdict is verdict
    assert found.detail.startswith(f"{free} GiB of 100 GiB free")
    assert verdict is Verdict.GOOD or "sandbox exec --name mine -- docker image prune" in found.remedy
