"""The process executor runs real tasks of a real flytekit in real forked processes."""

from __future__ import annotations

import dataclasses
import os
import signal
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from flyteidl.core import errors_pb2, security_pb2, tasks_pb2

from sandbox.executors import secrets
from sandbox.executors.api import AttemptPhase, ErrorKind, TaskRequest
from sandbox.executors.process import attempts, shutdown
from sandbox.executors.process.links import RunnerHome
from sandbox.executors.process.runner import processes, records
from tests.integration.executors.bench import DISTRIBUTION, PROJECT, Bench, flytekit_container
from tests.waiting import eventually


def runner_pid(bench: Bench, request: TaskRequest) -> int:
    """The runner that started an attempt."""
    directory = attempts.attempt_directory(bench.settings.tasks_root, request.key)
    marker = attempts.read_marker(directory)
    assert marker is not None
    pid = shutdown.running_pid(RunnerHome(Path(marker.runner)))
    assert pid is not None
    return pid


def is_gone(pid: int) -> bool:
    """Whether a process is no more, or only waits to be noticed."""
    found = processes.stat(pid)
    return found is None or found.state == "Z"


def test_a_task_runs_and_its_outputs_are_where_flyte_expects_them(bench: Bench) -> None:
    request = bench.start("increment", x=41)
    ended = bench.inbox.wait_for(request.key)
    assert ended.phase is AttemptPhase.SUCCEEDED
    assert bench.output(request).scalar.primitive.integer == 42
    assert "incrementing 41" in bench.log(request)
    assert ended.peak_memory is not None
    assert ended.peak_memory > 10 << 20
    assert ended.logs[0].uri.endswith(f"/logs/flytesnacks/development/{bench.execution.name}/n0/0")


def test_an_attempt_is_reported_running_before_it_is_reported_ended(bench: Bench) -> None:
    request = bench.start("increment", x=1)
    bench.inbox.wait_for(request.key)
    phases = bench.inbox.of(request.key)
    assert phases[-2:] == [AttemptPhase.RUNNING, AttemptPhase.SUCCEEDED]


def test_an_exception_in_the_task_is_left_as_an_error_document(bench: Bench) -> None:
    request = bench.start("refuse", x=7)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    error = bench.error(request)
    assert error.kind == errors_pb2.ContainerError.NON_RECOVERABLE
    assert "7 is no good" in error.message


def test_an_exit_code_is_a_retryable_failure_with_the_last_lines_of_the_log(bench: Bench) -> None:
    error = bench.run("leave", code=3).error
    assert error is not None
    assert (error.kind, error.recoverable) == (ErrorKind.USER, True)
    assert "exit code 3" in error.message
    assert "leaving without a word" in error.message


def test_a_killed_process_is_an_interruption_by_the_system(bench: Bench) -> None:
    error = bench.run("kill_itself", number=int(signal.SIGKILL)).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("Interrupted", ErrorKind.SYSTEM, True)


def test_a_timeout_ends_the_attempt(bench: Bench) -> None:
    request = bench.start("sleep", seconds=60.0, timeout=timedelta(seconds=0.5))
    error = bench.inbox.wait_for(request.key).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("TimeoutExpired", ErrorKind.USER, True)


def test_an_aborted_attempt_is_gone_and_says_so(bench: Bench) -> None:
    request = bench.start("sleep", seconds=60.0)
    pid = bench.running(request)
    bench.executor.abort(request.key, "enough")
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.ABORTED
    assert is_gone(pid)


def test_an_attempt_is_aborted_while_its_runner_is_still_starting(bench: Bench) -> None:
    bench.restart(tasks_root=bench.settings.tasks_root / "cold")
    request = bench.start("sleep", seconds=60.0)
    bench.executor.abort(request.key, "never mind")
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.ABORTED
    shutdown.stop_runners(bench.settings.tasks_root)


def test_a_restarted_control_plane_can_abort_what_it_has_not_started_itself(bench: Bench) -> None:
    request = bench.start("sleep", seconds=60.0)
    pid = bench.running(request)
    bench.restart()
    bench.executor.abort(request.key, "cleaning up")
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.ABORTED
    assert is_gone(pid)


def test_an_attempt_that_was_never_started_is_aborted_at_once(bench: Bench) -> None:
    request = bench.request("increment", x=1)
    bench.executor.abort(request.key, "not needed")
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.ABORTED


def test_an_attempt_that_ignores_the_polite_signal_is_killed_after_the_grace(bench: Bench) -> None:
    bench.restart(tasks_root=bench.settings.tasks_root / "impatient", grace=timedelta(seconds=0.2))
    request = bench.start("sleep_deeply", seconds=60.0)
    pid = bench.running(request)
    bench.executor.abort(request.key, "enough")
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.ABORTED
    assert is_gone(pid)
    shutdown.stop_runners(bench.settings.tasks_root)


def test_what_a_task_left_running_is_ended_with_it(bench: Bench) -> None:
    request = bench.start("start_a_daemon", seconds=60.0)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    daemon = int(bench.said(request, r"daemon (\d+)"))
    eventually(lambda: is_gone(daemon))


def test_an_attempt_is_never_started_twice(bench: Bench) -> None:
    request = bench.start("increment", x=1)
    bench.inbox.wait_for(request.key)
    bench.executor.start(request)
    bench.restart()
    bench.executor.start(request)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert bench.log(request).count("incrementing 1") == 1


def test_a_restarted_control_plane_finds_what_runs_and_hears_of_its_end(bench: Bench) -> None:
    request = bench.start("sleep", seconds=1.5)
    pid = bench.running(request)
    bench.restart()
    bench.executor.start(request)
    bench.inbox.wait_for(request.key, AttemptPhase.RUNNING)
    assert not is_gone(pid)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert bench.log(request).count("sleeping as") == 1


def test_a_restarted_control_plane_finds_what_ended_meanwhile(bench: Bench) -> None:
    request = bench.start("sleep", seconds=0.3)
    pid = bench.running(request)
    bench.executor.close()
    eventually(lambda: is_gone(pid))
    bench.restart()
    bench.executor.start(request)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert bench.output(request).scalar.primitive.float_value == 0.3


def test_a_killed_runner_takes_its_tasks_along_and_the_next_one_serves_on(bench: Bench) -> None:
    request = bench.start("sleep", seconds=60.0)
    pid = bench.running(request)
    os.kill(runner_pid(bench, request), signal.SIGKILL)
    error = bench.inbox.wait_for(request.key).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("RunnerLost", ErrorKind.SYSTEM, True)
    assert is_gone(pid)
    assert bench.run("increment", node="n1", x=1).phase is AttemptPhase.SUCCEEDED


def test_fifty_tasks_at_once_all_end_well_with_their_own_outputs(bench: Bench) -> None:
    requests = [bench.start("increment", node=f"n{number}", x=number) for number in range(50)]
    for number, request in enumerate(requests):
        assert bench.inbox.wait_for(request.key, timeout=60).phase is AttemptPhase.SUCCEEDED
        assert bench.output(request).scalar.primitive.integer == number + 1


def test_more_tasks_than_places_are_admitted_when_all_places_are_held(bench: Bench) -> None:
    bench.restart(tasks_root=bench.settings.tasks_root / "narrow", max_running=1)
    holding = bench.start("sleep", seconds=60.0)
    bench.running(holding)
    waiting = bench.start("increment", node="n1", x=1)
    assert bench.inbox.wait_for(waiting.key).phase is AttemptPhase.SUCCEEDED
    assert AttemptPhase.QUEUED in bench.inbox.of(waiting.key)
    shutdown.stop_runners(bench.settings.tasks_root)


def test_a_fast_registered_task_runs_the_distribution_in_a_directory_of_its_own(bench: Bench) -> None:
    archive = bench.settings.tasks_root / "jobs.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(PROJECT / "jobs.py", "jobs.py")
        tar.add(PROJECT / "jobs.py", "only_here.py")
    bench.s3.objects.put(DISTRIBUTION, archive.read_bytes())
    request = bench.start("say_where", fast=True, x=1)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED, bench.log(request)
    work, scratch, home, entries = bench.output(request).scalar.primitive.string_value.split("|")
    root = str(bench.settings.tasks_root)
    assert all(place.startswith(root) for place in (work, scratch, home))
    assert {"jobs.py", "only_here.py", "note.txt"} <= set(entries.split(","))
    assert not (PROJECT / "note.txt").exists()


def test_a_task_cannot_change_the_project_for_the_next_one(bench: Bench) -> None:
    first = bench.start("scribble", node="n0", text="spoilt")
    assert bench.inbox.wait_for(first.key).phase is AttemptPhase.SUCCEEDED
    assert bench.output(first).scalar.primitive.string_value == "as it was"
    second = bench.start("scribble", node="n1", text="spoilt")
    bench.inbox.wait_for(second.key)
    assert bench.output(second).scalar.primitive.string_value == "as it was"


def test_a_file_of_the_project_can_be_an_output(bench: Bench) -> None:
    request = bench.start("give_away", x=1)
    bench.inbox.wait_for(request.key)
    assert bench.s3.objects.get(bench.output(request).scalar.blob.uri) == b"as it was"


def test_a_missing_distribution_says_so(bench: Bench) -> None:
    container = flytekit_container("increment", fast=True)
    container.args[2] = "s3://my-s3-bucket/code/nowhere.tar.gz"
    request = bench.custom(container, x=1)
    bench.executor.start(request)
    error = bench.inbox.wait_for(request.key).error
    assert error is not None
    assert "s3://my-s3-bucket/code/nowhere.tar.gz" in error.message


def test_files_go_through_the_object_store(bench: Bench) -> None:
    written = bench.start("write_file", node="n0", text="carried")
    assert bench.inbox.wait_for(written.key).phase is AttemptPhase.SUCCEEDED, bench.log(written)
    file = bench.output(written)
    assert file.scalar.blob.uri.startswith(written.raw_output_prefix)
    read = bench.start("read_file", node="n1", file=file)
    assert bench.inbox.wait_for(read.key).phase is AttemptPhase.SUCCEEDED, bench.log(read)
    assert bench.output(read).scalar.primitive.string_value == "carried"


def test_a_deck_is_written_beside_the_outputs(bench: Bench) -> None:
    request = bench.start("decorate", x=1)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert b"<html" in bench.s3.objects.get(f"{request.output_prefix}/deck.html").lower()


def test_a_thread_joined_at_exit_still_has_its_event_loop(bench: Bench) -> None:
    request = bench.start("end_while_a_loop_is_wanted", x=1)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED


def test_forked_siblings_draw_different_random_numbers(bench: Bench) -> None:
    requests = [bench.start("draw", node=f"n{number}", x=0) for number in range(4)]
    for request in requests:
        bench.inbox.wait_for(request.key)
    assert len({bench.output(request).scalar.primitive.string_value for request in requests}) == 4


def test_a_task_over_its_limit_is_told_about_but_left_alone(bench: Bench) -> None:
    request = bench.custom(flytekit_container("take_memory", memory="100Mi"), mebibytes=200)
    bench.executor.start(request)
    ended = bench.inbox.wait_for(request.key)
    assert ended.phase is AttemptPhase.SUCCEEDED
    assert ended.memory_limit == 100 << 20
    assert ended.peak_memory is not None
    assert ended.peak_memory > 200 << 20


def test_a_task_over_its_limit_is_killed_where_limits_are_enforced(bench: Bench) -> None:
    bench.restart(enforce_limits=True)
    request = bench.custom(flytekit_container("take_memory", memory="150Mi"), mebibytes=300)
    bench.executor.start(request)
    error = bench.inbox.wait_for(request.key).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("OOMKilled", ErrorKind.USER, True)


def test_any_other_program_runs_with_the_environment_of_its_task(bench: Bench) -> None:
    container = tasks_pb2.Container(
        image="default", command=["sh", "-c"], args=["echo $GREETING $FROM {{.Inputs.name}} in $PWD"]
    )
    container.env.add(key="GREETING", value="hello")
    request = bench.custom(container, name="world")
    bench.executor.start(request)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert bench.log(request).startswith(f"hello image world in {bench.settings.tasks_root}")


def test_an_unknown_program_is_named(bench: Bench) -> None:
    request = bench.custom(tasks_pb2.Container(image="default", args=["no-such-program"]))
    bench.executor.start(request)
    error = bench.inbox.wait_for(request.key).error
    assert error is not None
    assert "no-such-program" in error.message


def test_an_unknown_image_runs_in_the_default_environment_with_a_warning(bench: Bench) -> None:
    container = flytekit_container("increment")
    container.image = "registry.example/unknown:v3"
    request = bench.custom(container, x=1)
    bench.executor.start(request)
    assert "registry.example/unknown:v3" in bench.inbox.wait_for(request.key, AttemptPhase.RUNNING).reason
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED


def test_without_any_environment_the_error_says_what_to_do(bench: Bench, tmp_path: Path) -> None:
    bench.restart(images_root=tmp_path)
    error = bench.run("increment", x=1).error
    assert error is not None
    assert not error.recoverable
    assert "sandbox build" in error.message


def test_a_task_whose_data_are_files_in_a_container_is_refused(bench: Bench) -> None:
    container = tasks_pb2.Container(image="alpine", command=["true"])
    container.data_config.enabled = True
    request = bench.custom(container)
    bench.executor.start(request)
    error = bench.inbox.wait_for(request.key).error
    assert error is not None
    assert not error.recoverable
    assert "ContainerTask" in error.message


def test_an_environment_whose_python_does_not_start_says_why(bench: Bench, tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho this python is broken >&2\nexit 1\n")
    python.chmod(0o755)
    image = tmp_path / "images" / "default"
    image.mkdir(parents=True)
    (image / "environment.json").write_text(f'{{"tag": "default", "python": "{python}"}}')
    bench.restart(images_root=tmp_path / "images")
    error = bench.run("increment", x=1).error
    assert error is not None
    assert "this python is broken" in error.message


def test_forgetting_an_attempt_leaves_only_its_log(bench: Bench) -> None:
    request = bench.start("increment", x=1)
    bench.inbox.wait_for(request.key)
    bench.executor.forget(request.key)
    directory = attempts.attempt_directory(bench.settings.tasks_root, request.key)
    eventually(lambda: [entry.name for entry in directory.iterdir()] == [records.LOG])
    scratch = records.scratch_directory(str(bench.settings.tasks_root), str(directory))
    assert not Path(scratch).exists()


def test_a_tasks_short_folder_goes_with_its_process_and_ray_knows_it(bench: Bench) -> None:
    container = tasks_pb2.Container(
        image="default", args=["sh", "-c", "mkdir -p $RAY_TMPDIR/ray/session && echo made $RAY_TMPDIR"]
    )
    request = bench.custom(container)
    request.template.type = "ray"
    bench.executor.start(request)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    directory = attempts.attempt_directory(bench.settings.tasks_root, request.key)
    folder = records.short_directory(str(directory))
    assert f"made {folder}\n" in bench.log(request)
    assert not Path(folder).exists()


def test_a_task_that_needs_an_operator_names_the_profiles_that_have_it(bench: Bench) -> None:
    request = bench.custom(tasks_pb2.Container(image="default", args=["true"]))
    request.template.type = "mpi"
    bench.executor.start(request)
    error = bench.inbox.wait_for(request.key).error
    assert error is not None
    assert not error.recoverable
    assert "--profile demo" in error.message


def test_what_is_forgotten_is_removed_when_nothing_runs(bench: Bench) -> None:
    running = bench.start("sleep", node="n0", seconds=60.0)
    bench.inbox.wait_for(running.key, AttemptPhase.RUNNING)
    ended = bench.start("increment", node="n1", x=1)
    bench.inbox.wait_for(ended.key)
    bench.executor.forget(ended.key)
    directory = attempts.attempt_directory(bench.settings.tasks_root, ended.key)
    bench.inbox.wait_for(bench.start("increment", node="n2", x=1).key)
    assert (directory / records.WORK).exists()
    bench.executor.abort(running.key, "the other one is to be removed")
    bench.inbox.wait_for(running.key)
    for update in bench.inbox.updates:
        bench.executor.forget(update.key)
    eventually(lambda: not (directory / records.WORK).exists())


def test_the_reserved_canary_image_runs_in_the_control_planes_own_python(bench: Bench) -> None:
    container = tasks_pb2.Container(
        image="sandbox-canary", args=["python", "-c", "import sys; print(sys.prefix)"]
    )
    request = bench.custom(container)
    bench.executor.start(request)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert Path(bench.log(request).strip()) == Path(bench.settings.canary_python or "").parents[1]


def test_the_canarys_runner_goes_when_it_is_not_needed_and_comes_back_when_it_is(bench: Bench) -> None:
    bench.restart(tasks_root=bench.settings.tasks_root / "canary")
    container = tasks_pb2.Container(image="sandbox-canary", args=["true"])
    first = bench.custom(container, node="n0")
    bench.executor.start(first)
    bench.inbox.wait_for(first.key)
    pid = runner_pid(bench, first)
    eventually(lambda: is_gone(pid), timeout=30)
    second = bench.custom(container, node="n1")
    bench.executor.start(second)
    assert bench.inbox.wait_for(second.key).phase is AttemptPhase.SUCCEEDED
    shutdown.stop_runners(bench.settings.tasks_root)


def test_stopping_the_runners_ends_their_tasks_and_leaves_no_socket(bench: Bench) -> None:
    bench.restart(tasks_root=bench.settings.tasks_root / "stopped")
    request = bench.start("sleep", seconds=60.0)
    pid = bench.running(request)
    runner = runner_pid(bench, request)
    bench.executor.close()
    assert shutdown.stop_runners(bench.settings.tasks_root) == [runner]
    assert is_gone(pid)
    assert is_gone(runner)
    assert not list(bench.settings.tasks_root.glob("runners/*/socket"))
    bench.restart()
    bench.executor.start(request)
    error = bench.inbox.wait_for(request.key).error
    assert error is not None
    assert error.code == "RunnerLost"


def test_a_request_may_be_started_again_while_it_runs(bench: Bench) -> None:
    request = bench.start("sleep", seconds=0.5)
    bench.running(request)
    bench.executor.start(dataclasses.replace(request))
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert bench.log(request).count("sleeping as") == 1


@pytest.mark.parametrize("name", ["increment"])
def test_long_paths_are_no_obstacle_to_the_runners_socket(bench: Bench, tmp_path: Path, name: str) -> None:
    bench.restart(tasks_root=tmp_path / ("d" * 60) / ("e" * 60))
    try:
        assert bench.run(name, x=1).phase is AttemptPhase.SUCCEEDED
    finally:
        bench.executor.close()
        shutdown.stop_runners(bench.settings.tasks_root)
        bench.restart()


def test_a_runner_learns_the_libraries_that_its_tasks_import(bench: Bench) -> None:
    bench.restart(tasks_root=bench.settings.tasks_root / "learning")
    request = bench.start("use_a_heavy_library", x=1)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    mapped = Path(f"/proc/{runner_pid(bench, request)}/maps")
    assert "/pandas/" not in mapped.read_text()
    eventually(lambda: "/pandas/" in mapped.read_text(), timeout=30)
    assert bench.run("use_a_heavy_library", node="n1", x=2).phase is AttemptPhase.SUCCEEDED
    shutdown.stop_runners(bench.settings.tasks_root)


def test_an_old_python_without_flytekit_runs_plain_commands(bench: Bench, tmp_path: Path) -> None:
    python = Path.home() / ".pyenv/versions/3.8.18/bin/python"
    if not python.exists():
        pytest.skip("no Python 3.8 here")
    image = tmp_path / "images" / "default"
    image.mkdir(parents=True)
    (image / "environment.json").write_text(f'{{"tag": "default", "python": "{python}"}}')
    bench.restart(images_root=tmp_path / "images")
    program = "import sys; print(sys.version_info[:2])"
    request = bench.custom(tasks_pb2.Container(image="default", args=["python", "-c", program]))
    bench.executor.start(request)
    assert bench.inbox.wait_for(request.key).phase is AttemptPhase.SUCCEEDED
    assert bench.log(request).strip() == "(3, 8)"


def test_the_files_of_secrets_go_with_the_attempt_even_if_its_runner_is_killed(bench: Bench) -> None:
    root = bench.settings.tasks_root / "store"
    secrets.SecretStore(root).put(secrets.SecretName("db", "password"), b"s3cret")
    bench.restart(secrets_root=root)
    wanted = (security_pb2.Secret(group="db", key="password"),)
    requests = [
        dataclasses.replace(bench.request("sleep", node=f"n{number}", seconds=60.0), secrets=wanted)
        for number in range(2)
    ]
    for request in requests:
        bench.executor.start(request)
        bench.running(request)
    aborted, lost = (
        attempts.attempt_directory(bench.settings.tasks_root, request.key) / records.SECRETS
        for request in requests
    )
    assert (aborted / "db" / "password").read_bytes() == (lost / "db" / "password").read_bytes() == b"s3cret"
    bench.executor.abort(requests[0].key, "enough")
    assert bench.inbox.wait_for(requests[0].key).phase is AttemptPhase.ABORTED
    assert not aborted.exists()
    os.kill(runner_pid(bench, requests[1]), signal.SIGKILL)
    error = bench.inbox.wait_for(requests[1].key).error
    assert error is not None
    assert error.code == "RunnerLost"
    assert not lost.exists()


def test_a_missing_secret_ends_the_attempt_for_good_before_it_started(bench: Bench) -> None:
    request = bench.request("increment", x=1)
    bench.executor.start(dataclasses.replace(request, secrets=(security_pb2.Secret(group="no", key="such"),)))
    error = bench.inbox.wait_for(request.key).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == ("MissingSecret", ErrorKind.USER, False)
    assert "sandbox secret set no such" in error.message
    assert bench.log(request) == ""
