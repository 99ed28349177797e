"""A release whose database and objects are elsewhere, with several engines, while workflows run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flytekit.core.workflow import WorkflowBase
from flytekit.remote import FlyteWorkflowExecution

from sandbox.appliance.manifests import applying, defaults, reading, rendering, rollouts
from sandbox.appliance.manifests import cluster as clusters
from sandbox.testing.running import FlyteSandbox
from tests.cluster.deploying import workflows
from tests.cluster.deploying.conftest import Pair
from tests.cluster.deploying.releases import CONTEXT, Release
from tests.waiting import eventually

pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

NAMESPACE = "company"
OUTSIDE = "outside"
PODS = "flytesnacks-development"
_LOOK_EVERY = timedelta(seconds=0.2)
NEXT = "flyte-sandbox/control-plane:next"


@dataclass(frozen=True)
class Production:
    """The release, and its users."""

    release: Release
    flyte: FlyteSandbox

    def start(self, workflow: WorkflowBase, **inputs: float) -> FlyteWorkflowExecution:
        """Register it from this machine, and launch it."""
        return self.flyte.launch(workflow, inputs)

    def end(self, execution: FlyteWorkflowExecution) -> list[str]:
        """What it returns: the pods that its tasks ran in."""
        ended = self.flyte.remote().wait(execution, timeout=timedelta(minutes=4), poll_interval=_LOOK_EVERY)
        assert ended.error is None
        return list(ended.outputs["o0"])

    def pods(self, execution: FlyteWorkflowExecution) -> list[dict[str, Any]]:
        """All that there ever were of an execution: they are kept for an hour."""
        selector = f"execution-id={execution.id.name}"
        return list(self.release.cluster.get("pods", "-n", PODS, "-l", selector)["items"])

    def running(self, execution: FlyteWorkflowExecution) -> list[str]:
        return [
            pod["metadata"]["name"]
            for pod in self.pods(execution)
            if pod["status"]["phase"] == "Running" and not pod["metadata"].get("deletionTimestamp")
        ]

    def holder(self, execution: FlyteWorkflowExecution) -> str:
        """The pod of the engine that has it."""
        query = f"select lease_owner from executions where execution_name = '{execution.id.name}'"
        return self.release.ask(f'cursor.execute("{query}"); print(cursor.fetchone()[0] or "")')

    def proves_each_task_ran_once(self, execution: FlyteWorkflowExecution, tasks: int) -> None:
        """By what the tasks told, by the pods, and by what the control plane wrote down."""
        told, pods = self.end(execution), self.pods(execution)
        names = [pod["metadata"]["name"] for pod in pods]
        assert len(names) == tasks
        assert set(told) == set(names)
        assert {pod["metadata"]["labels"]["flyte-attempt"] for pod in pods} == {"0"}
        assert {pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods} == {0}
        query = (
            "select t.retry_attempt from task_executions t join node_executions n on n.id = "
            "t.node_execution_id join executions e on e.id = n.execution_id "
            f"where e.execution_name = '{execution.id.name}'"
        )
        attempts = self.release.ask(f'cursor.execute("{query}"); print(cursor.fetchall())')
        assert attempts == str([(0,)] * tasks)


@pytest.fixture(scope="module")
def outside(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database and an object store that are no part of the release: the namespace they are in."""
    overrides = {
        "namespace": OUTSIDE,
        "images": {"controlPlane": pair.control_plane},
        "expose": {"type": "NodePort", "objectStore": "http://localhost"},
    }
    values = reading.values(defaults.CLUSTER, overrides=[overrides])
    wanted = {OUTSIDE, "postgres", "minio", "flyte-sandbox-credentials"}
    objects = [each for each in rendering.render(values).objects() if each["metadata"]["name"] in wanted]
    objects = [each for each in objects if each["kind"] not in ("NetworkPolicy", "PodDisruptionBudget")]
    release = Release(pair.cluster, tmp_path_factory.mktemp("outside"), overrides)
    cluster = clusters.connect(release.kubeconfig, CONTEXT)
    applying.apply(cluster, objects)
    rollouts.wait(cluster, objects, timeout=120)
    yield OUTSIDE
    pair.cluster.kubectl("delete", "namespace", OUTSIDE, "--wait=false")


@pytest.fixture(scope="module")
def production(pair: Pair, outside: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    ports, folder = pair.cluster.ports, tmp_path_factory.mktemp("production")
    public = f"http://localhost:{ports.object_store}"
    values = {
        "namespace": NAMESPACE,
        "images": {"controlPlane": pair.control_plane},
        "expose": {"type": "NodePort", "edge": f"localhost:{ports.edge}"},
        "postgres": {"external": True, "host": f"postgres.{outside}"},
        "objectStore": {
            "external": True,
            "endpoint": f"http://minio.{outside}:9000",
            "publicEndpoint": public,
        },
        "flytepropeller": {"replicas": 1},
        "flyteconsole": {"replicas": 1},
        "flytePodWebhook": {"replicas": 1},
    }
    release = Release(pair.cluster, folder, values)
    yield Production(release, _users(pair, folder))
    release.undeploy("--volumes")


def _users(pair: Pair, folder: Path) -> FlyteSandbox:
    """Clients of the release, as its documentation tells people to set them up."""
    endpoint = f"localhost:{pair.cluster.ports.edge}"
    config = folder / "config.yaml"
    config.write_text(f"admin:\n  endpoint: dns:///{endpoint}\n  insecure: true\n")
    return FlyteSandbox(
        name=NAMESPACE,
        profile=defaults.CLUSTER,
        endpoint=endpoint,
        console=f"http://{endpoint}/console",
        object_store=f"http://localhost:{pair.cluster.ports.object_store}",
        client_config=config,
        variables={"FLYTECTL_CONFIG": str(config)},
        image=pair.task,
    )


def test_a_release_keeps_nothing_and_runs_what_comes_from_outside(production: Production) -> None:
    release = production.release
    assert "would be created" in release.deploy("--dry-run")
    assert NAMESPACE not in release.cluster.kubectl("get", "namespaces", "-o", "name")
    assert "Ready in" in release.deploy()
    assert release.restarts() == 0
    for kind in ("statefulsets", "persistentvolumeclaims"):
        assert release.cluster.get(kind, "-n", NAMESPACE)["items"] == []
    jobs = release.cluster.get("jobs", "-n", NAMESPACE)["items"]
    assert [job["status"]["succeeded"] for job in jobs] == [1]
    production.proves_each_task_ran_once(production.start(workflows.quick), 1)


def test_of_three_engines_one_is_killed_and_each_task_runs_once(production: Production) -> None:
    release, three = production.release, ("--set", "flytepropeller.replicas=3")
    difference = release.deploy("--dry-run", *three)
    assert "+  replicas: 3" in difference
    assert "Objects: 1 would be changed" in difference
    release.deploy(*three)
    executions = [production.start(workflows.several, seconds=4.0) for _ in range(2)]
    eventually(lambda: len(production.running(executions[0])) == 2, 120, interval=0.2)
    victim = production.holder(executions[0])
    assert victim in {pod["metadata"]["name"] for pod in release.pods("flytepropeller")}
    release.cluster.kubectl("delete", "pod", victim, "-n", NAMESPACE, "--grace-period=0", "--force")
    heir = eventually(lambda: {production.holder(executions[0])} - {victim, ""}, 30, interval=0.5)
    assert heir <= {pod["metadata"]["name"] for pod in release.pods("flytepropeller")}
    for execution in executions:
        production.proves_each_task_ran_once(execution, 7)
    on = Counter(pod["spec"]["nodeName"] for execution in executions for pod in production.pods(execution))
    assert len(on) == 2, "both nodes had tasks"


def test_an_upgrade_migrates_first_and_what_runs_goes_on(production: Production, pair: Pair) -> None:
    release = production.release
    pair.tag(pair.control_plane, NEXT)
    before = {job["metadata"]["name"] for job in release.cluster.get("jobs", "-n", NAMESPACE)["items"]}
    execution = production.start(workflows.several, seconds=4.0)
    eventually(lambda: production.running(execution), 120, interval=0.2)
    release.deploy("--set", f"images.controlPlane={NEXT}", "--set", "flytepropeller.replicas=3")
    production.proves_each_task_ran_once(execution, 7)

    jobs = release.cluster.get("jobs", "-n", NAMESPACE)["items"]
    assert len(jobs) == 1
    assert not before & {job["metadata"]["name"] for job in jobs}
    migrated = jobs[0]["status"]["completionTime"]
    pods = [pod for pod in release.pods() if "job-name" not in pod["metadata"]["labels"]]
    assert {container["image"] for pod in pods for container in pod["spec"]["containers"]} == {NEXT}
    assert min(pod["metadata"]["creationTimestamp"] for pod in pods) >= migrated
    assert release.restarts() == 0


def test_what_runs_while_the_control_plane_is_away_is_found_again(production: Production) -> None:
    release = production.release
    execution = production.start(workflows.patient)
    pod = eventually(lambda: production.running(execution), 120, interval=0.2)[0]
    assert "let go" in release.undeploy()
    assert release.pods() == []
    assert production.running(execution) == [pod]
    assert "finalizers" not in production.pods(execution)[0]["metadata"]
    release.deploy()
    release.cluster.kubectl("exec", pod, "-n", PODS, "--", "touch", str(workflows.WORD))
    production.proves_each_task_ran_once(execution, 1)


def test_with_the_data_the_pods_of_tasks_go_and_no_namespace_hangs(production: Production) -> None:
    release = production.release
    execution = production.start(workflows.patient)
    eventually(lambda: production.running(execution), 120, interval=0.2)
    assert "deleted" in release.undeploy("--volumes")
    kubectl = release.cluster.kubectl
    kubectl("delete", "namespace", PODS, "--timeout=120s")
    eventually(lambda: NAMESPACE not in kubectl("get", "namespaces", "-o", "name"), 60, interval=0.5)
    assert release.cluster.get("statefulset", "postgres", "-n", OUTSIDE)["status"]["readyReplicas"] == 1
