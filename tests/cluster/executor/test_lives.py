"""Lives of attempts as pods, by a real kubelet."""

from __future__ import annotations

import threading
from datetime import timedelta

from flyteidl.core import tasks_pb2
from google.protobuf import json_format

from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.kubernetes import logs
from sandbox.executors.kubernetes.kinds import Pod
from tests.cluster.executor.conftest import IMAGE, LONG, Engine, Stage
from tests.waiting import eventually


def test_a_task_runs_its_log_is_kept_and_its_pod_is_gone_after_its_time(stage: Stage, engine: Engine) -> None:
    executor = stage.executor(engine)
    request = stage.request("sh", "-c", "echo hello; echo $FLYTE_INTERNAL_X", env={"FLYTE_INTERNAL_X": "7"})
    executor.start(request)
    end = engine.end_of(request.key)
    assert end.phase is AttemptPhase.SUCCEEDED
    assert end.logs[0].uri.endswith(f"/logs/p/d/{stage.name}/{request.key.node}/0")
    kept = logs.kept_at("s3://bucket/logs", request.key)
    eventually(lambda: stage.objects.exists(kept))
    assert stage.objects.get(kept) == b"hello\n7\n"
    eventually(lambda: not stage.pod(request), timeout=90)
    assert list(executor.remembered()) == []


def test_an_aborted_task_is_killed_and_leaves_its_log(stage: Stage, engine: Engine) -> None:
    executor = stage.executor(engine)
    request = stage.request("sh", "-c", "echo begun; sleep 600")
    executor.start(request)
    engine.until(request.key, AttemptPhase.RUNNING)
    reader = logs.KubernetesLogs(stage.client, stage.objects, stage.settings, (Pod(),))
    eventually(lambda: reader.read(request.key, 0, 100), timeout=60)
    piece = reader.read(request.key, -3, 100)
    assert piece is not None
    assert (piece.data, piece.offset, piece.size) == (b"un\n", 3, 6)
    executor.abort(request.key, "enough of it")
    end = engine.end_of(request.key)
    assert (end.phase, end.reason) == (AttemptPhase.ABORTED, "enough of it")
    eventually(lambda: not stage.pod(request), timeout=90)
    kept = reader.read(request.key, 0, 100)
    assert kept is not None
    assert kept.data == b"begun\n"


def test_a_thousand_requests_to_start_the_same_attempt_are_one_pod(stage: Stage, engine: Engine) -> None:
    engine.forgets = False
    first, second = stage.executor(engine), stage.executor(engine)
    request = stage.request("sleep", "1")
    threads = [threading.Thread(target=one.start, args=(request,)) for one in (first, second) * 20]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: [one.phase for one in engine.of(request.key)].count(AttemptPhase.SUCCEEDED) >= 2, 60)
    ends = {update.phase for update in engine.of(request.key) if update.phase.is_terminal}
    assert ends == {AttemptPhase.SUCCEEDED}
    first.forget(request.key)
    eventually(lambda: not stage.pod(request), timeout=90)


def test_a_new_control_plane_finds_what_runs_and_what_ended_meanwhile(stage: Stage, engine: Engine) -> None:
    before = Engine(forgets=False)
    executor = stage.executor(before)
    ended, runs = stage.request("sh", "-c", "sleep 5; exit 3"), stage.request("sleep", "9")
    for request in (ended, runs):
        executor.start(request)
        before.until(request.key, AttemptPhase.RUNNING)
    executor.close()
    eventually(lambda: stage.pod(ended)["status"]["phase"] == "Failed", timeout=90)
    born = stage.pod(runs)["metadata"]["uid"]
    after = stage.executor(engine, keep_finished=timedelta(minutes=5))
    assert set(after.remembered()) == {ended.key, runs.key}
    for request in (ended, runs):
        after.start(request)
    error = engine.end_of(ended.key).error
    assert error is not None
    assert error.code == "Error"
    assert engine.end_of(runs.key).phase is AttemptPhase.SUCCEEDED
    assert stage.pod(runs)["metadata"]["uid"] == born


def test_what_is_deleted_while_no_control_plane_runs_is_not_started_again(
    stage: Stage, engine: Engine
) -> None:
    before = Engine(forgets=False)
    executor = stage.executor(before)
    request = stage.request("sleep", "600")
    executor.start(request)
    before.until(request.key, AttemptPhase.RUNNING)
    executor.close()
    path = f"/api/v1/namespaces/{stage.namespace}/pods/{request.unique_name}"
    stage.client.delete(path, {"gracePeriodSeconds": 1})
    stage.executor(engine).start(request)
    error = engine.end_of(request.key).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == (
        "ResourceDeletedExternally",
        ErrorKind.SYSTEM,
        True,
    )
    eventually(lambda: not stage.pod(request), timeout=120)


def test_an_abort_by_a_new_control_plane_finds_the_pod(stage: Stage, engine: Engine) -> None:
    before = Engine(forgets=False)
    executor = stage.executor(before)
    request = stage.request("sleep", "600")
    executor.start(request)
    before.until(request.key, AttemptPhase.RUNNING)
    executor.close()
    stage.executor(engine).abort(request.key, "its execution is over")
    assert engine.end_of(request.key).phase is AttemptPhase.ABORTED
    eventually(lambda: not stage.pod(request), timeout=120)


def test_the_primary_container_decides_and_what_is_beside_it_is_ended(stage: Stage, engine: Engine) -> None:
    template = tasks_pb2.TaskTemplate(type="sidecar", task_type_version=2)
    template.config["primary_container_name"] = "main"
    spec = {
        "containers": [
            {"name": "main", "image": IMAGE, "args": ["sh", "-c", "sleep 1; echo done"]},
            {"name": "beside", "image": IMAGE, "args": [*LONG]},
        ]
    }
    json_format.ParseDict(spec, template.k8s_pod.pod_spec)
    request = stage.request_of(template)
    stage.executor(engine).start(request)
    assert engine.end_of(request.key).phase is AttemptPhase.SUCCEEDED
    eventually(lambda: not stage.pod(request), timeout=120)
    kept = logs.kept_at("s3://bucket/logs", request.key)
    assert stage.objects.get(kept) == b"done\n"


def test_a_timeout_counts_from_the_start_of_the_container(stage: Stage, engine: Engine) -> None:
    request = stage.request(*LONG, timeout=timedelta(seconds=4))
    stage.executor(engine).start(request)
    error = engine.end_of(request.key).error
    assert error is not None
    assert error.code == "TimeoutExpired"
    assert any(update.phase is AttemptPhase.RUNNING for update in engine.of(request.key))
    eventually(lambda: not stage.pod(request), timeout=120)
