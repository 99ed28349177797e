"""Lives of attempts as pods, by a real kubelet."""

from __future__ import annotations

import threading
from datetime import timedelta

from flyteidl.core import tasks_pb2
from google.protobuf import json_format

from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.kubernetes import logs
from sandbox.executors.kubernetes.kinds import Pod
from tests.cluster.executor.conftest import IMAGE, Cluster, Engine
from tests.waiting import eventually


def test_a_task_runs_its_log_is_kept_and_its_pod_is_gone_after_its_time(
    cluster: Cluster, engine: Engine
) -> None:
    executor = cluster.executor(engine)
    request = cluster.request("sh", "-c", "echo hello; echo $FLYTE_INTERNAL_X", env={"FLYTE_INTERNAL_X": "7"})
    executor.start(request)
    end = engine.end_of(request.key)
    assert end.phase is AttemptPhase.SUCCEEDED
    assert end.logs[0].uri.endswith(f"/logs/p/d/{cluster.name}/{request.key.node}/0")
    kept = logs.kept_at("s3://bucket/logs", request.key)
    eventually(lambda: cluster.objects.exists(kept))
    assert cluster.objects.get(kept) == b"hello\n7\n"
    eventually(lambda: not cluster.pod(request), timeout=30)
    assert list(executor.remembered()) == []


def test_an_aborted_task_is_killed_and_leaves_its_log(cluster: Cluster, engine: Engine) -> None:
    executor = cluster.executor(engine)
    request = cluster.request("sh", "-c", "echo begun; sleep 600")
    executor.start(request)
    engine.until(request.key, AttemptPhase.RUNNING)
    reader = logs.KubernetesLogs(cluster.client, cluster.objects, cluster.settings, (Pod(),))
    eventually(lambda: reader.read(request.key, 0, 100), timeout=10)
    piece = reader.read(request.key, -3, 100)
    assert piece is not None
    assert (piece.data, piece.offset, piece.size) == (b"un\n", 3, 6)
    executor.abort(request.key, "enough of it")
    end = engine.end_of(request.key)
    assert (end.phase, end.reason) == (AttemptPhase.ABORTED, "enough of it")
    eventually(lambda: not cluster.pod(request), timeout=30)
    kept = reader.read(request.key, 0, 100)
    assert kept is not None
    assert kept.data == b"begun\n"


def test_a_thousand_requests_to_start_the_same_attempt_are_one_pod(cluster: Cluster, engine: Engine) -> None:
    engine.forgets = False
    first, second = cluster.executor(engine), cluster.executor(engine)
    request = cluster.request("sleep", "1")
    threads = [threading.Thread(target=one.start, args=(request,)) for one in (first, second) * 20]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: [one.phase for one in engine.of(request.key)].count(AttemptPhase.SUCCEEDED) >= 2, 60)
    ends = {update.phase for update in engine.of(request.key) if update.phase.is_terminal}
    assert ends == {AttemptPhase.SUCCEEDED}
    first.forget(request.key)
    eventually(lambda: not cluster.pod(request), timeout=30)


def test_a_new_control_plane_finds_what_runs_and_what_ended_meanwhile(
    cluster: Cluster, engine: Engine
) -> None:
    before = Engine(forgets=False)
    executor = cluster.executor(before)
    ended, runs = cluster.request("sh", "-c", "sleep 1; exit 3"), cluster.request("sleep", "8")
    for request in (ended, runs):
        executor.start(request)
        before.until(request.key, AttemptPhase.RUNNING)
    executor.close()
    eventually(lambda: cluster.pod(ended)["status"]["phase"] == "Failed", timeout=30)
    born = cluster.pod(runs)["metadata"]["uid"]
    after = cluster.executor(engine)
    assert set(after.remembered()) == {ended.key, runs.key}
    for request in (ended, runs):
        after.start(request)
    error = engine.end_of(ended.key).error
    assert error is not None
    assert error.code == "Error"
    assert engine.end_of(runs.key).phase is AttemptPhase.SUCCEEDED
    assert cluster.pod(runs)["metadata"]["uid"] == born


def test_what_is_deleted_while_no_control_plane_runs_is_not_started_again(
    cluster: Cluster, engine: Engine
) -> None:
    before = Engine(forgets=False)
    executor = cluster.executor(before)
    request = cluster.request("sleep", "600")
    executor.start(request)
    before.until(request.key, AttemptPhase.RUNNING)
    executor.close()
    path = f"/api/v1/namespaces/{cluster.namespace}/pods/{request.unique_name}"
    cluster.client.delete(path, {"gracePeriodSeconds": 1})
    cluster.executor(engine).start(request)
    error = engine.end_of(request.key).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == (
        "ResourceDeletedExternally",
        ErrorKind.SYSTEM,
        True,
    )
    eventually(lambda: not cluster.pod(request), timeout=60)


def test_an_abort_by_a_new_control_plane_finds_the_pod(cluster: Cluster, engine: Engine) -> None:
    before = Engine(forgets=False)
    executor = cluster.executor(before)
    request = cluster.request("sleep", "600")
    executor.start(request)
    before.until(request.key, AttemptPhase.RUNNING)
    executor.close()
    cluster.executor(engine).abort(request.key, "its execution is over")
    assert engine.end_of(request.key).phase is AttemptPhase.ABORTED
    eventually(lambda: not cluster.pod(request), timeout=60)


def test_the_primary_container_decides_and_what_is_beside_it_is_ended(
    cluster: Cluster, engine: Engine
) -> None:
    template = tasks_pb2.TaskTemplate(type="sidecar", task_type_version=2)
    template.config["primary_container_name"] = "main"
    spec = {
        "containers": [
            {"name": "main", "image": IMAGE, "args": ["sh", "-c", "sleep 1; echo done"]},
            {"name": "beside", "image": IMAGE, "args": ["sleep", "600"]},
        ]
    }
    json_format.ParseDict(spec, template.k8s_pod.pod_spec)
    request = cluster.request_of(template)
    cluster.executor(engine).start(request)
    assert engine.end_of(request.key).phase is AttemptPhase.SUCCEEDED
    eventually(lambda: not cluster.pod(request), timeout=60)
    kept = logs.kept_at("s3://bucket/logs", request.key)
    assert cluster.objects.get(kept) == b"done\n"


def test_a_timeout_counts_from_the_start_of_the_container(cluster: Cluster, engine: Engine) -> None:
    request = cluster.request("sleep", "600", timeout=timedelta(seconds=4))
    cluster.executor(engine).start(request)
    error = engine.end_of(request.key).error
    assert error is not None
    assert error.code == "TimeoutExpired"
    assert any(update.phase is AttemptPhase.RUNNING for update in engine.of(request.key))
    eventually(lambda: not cluster.pod(request), timeout=60)
