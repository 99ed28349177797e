"""The life of one attempt in a container, from its beginning, or from where it is found, to its end.

One thread lives it: it waits for Docker's own streams, and polls nothing. Whatever step an earlier process
was killed in, the records and the container itself say what is still to be done.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.copilot import download, files, upload
from sandbox.copilot import errors as copilot_errors
from sandbox.executors import containers, rendering, secrets
from sandbox.executors.api import AttemptError, AttemptPhase, AttemptUpdate, TaskRequest
from sandbox.executors.docker import archives, daemon, errors, plans, records
from sandbox.executors.process import attempts, failures
from sandbox.executors.process.runner import records as process_records
from sandbox.executors.process.settings import ProcessSettings
from sandbox.idl.identifiers import AttemptKey

_LOG = logging.getLogger(__name__)
_PATIENCE = 120.0
"""Seconds that a daemon or a store may be away before the attempt is given up."""
_RETRY_FIRST, _RETRY_LONGEST = 0.2, 5.0


class _Failed(Exception):
    """The attempt is over, and why."""

    def __init__(self, error: AttemptError) -> None:
        super().__init__(error.message)
        self.error = error


class _Ended(Exception):
    """The attempt is to end before its container began."""


class Life:
    """One attempt. `run` is called once, by a thread of its own; `end` and `forget` by any."""

    def __init__(
        self,
        key: AttemptKey,
        request: TaskRequest | None,
        settings: ProcessSettings,
        objects: files.Objects,
        *,
        connect: Callable[[], daemon.Daemon],
        tell: Callable[[AttemptUpdate], None],
    ) -> None:
        """Without a request, all that is wanted is the attempt's end."""
        self._key = key
        self._request = request
        self._settings = settings
        self._objects = objects
        self._connect = connect
        self._tell_receiver = tell
        self._directory = attempts.attempt_directory(settings.tasks_root, key)
        unique_name = request.unique_name if request is not None else "attempt"
        self._name = records.known_name(self._directory) or records.container_name(
            settings.tasks_root, key, unique_name
        )
        self._plan: plans.Plan | None = None
        self._lock = threading.Lock()
        self._last: AttemptUpdate | None = None
        self._over = False
        self._begun = False
        self._ending = records.read_ending(self._directory)
        self._reason = ""
        self._stopped = threading.Event()
        if self._ending:
            self._stopped.set()

    @property
    def was_begun(self) -> bool:
        """Whether an earlier process created its container."""
        return records.known_name(self._directory) is not None

    @property
    def is_over(self) -> bool:
        """Whether its end was reported."""
        return self._over

    def repeat(self) -> None:
        """Report the last news again."""
        with self._lock:
            last = self._last
        if last is not None:
            self._tell_receiver(last)

    def queue(self) -> None:
        """Say that it waits for its turn."""
        self._tell(AttemptPhase.QUEUED, reason="waiting for a running container to end")

    def run(self) -> None:
        """Live it. Whatever happens, its end is reported."""
        with self._lock:
            self._begun = True
            if self._over:
                return
        try:
            self._run()
        except _Ended:
            self._finish_ended()
        except _Failed as failed:
            self._tell(AttemptPhase.FAILED, error=failed.error)
        except (OSError, daemon.DaemonError) as exc:
            self._tell(AttemptPhase.FAILED, error=errors.preparation(str(exc)))
        except Exception as exc:  # A defect of ours: nobody else would ever tell the engine that it is over.
            _LOG.exception("%s in a container", self._key)
            self._tell(AttemptPhase.FAILED, error=errors.preparation(repr(exc)))

    def end(self, why: str, reason: str) -> None:
        """Have it ended: `aborted` or `timeout`. Waits for the container's grace."""
        with self._lock:
            if self._over:
                return
            self._ending = self._ending or why
            self._reason = reason
            began = self._begun
            if self._directory.is_dir():
                records.write_ending(self._directory, why)
        self._stopped.set()
        if not began:
            self._finish_ended()
        elif self.was_begun:
            with contextlib.suppress(daemon.DaemonError):  # The living thread sees to it, then.
                self._connect().stop(self._name, self._settings.grace.total_seconds())

    def forget(self) -> None:
        """Remove the container and all but the log. Raises DaemonError."""
        if self.was_begun:
            self._connect().remove(self._name)
        records.clean(self._settings.tasks_root, self._directory)

    # The way through

    def _run(self) -> None:
        if self._request is None and not self.was_begun:
            raise _Ended
        waited = _Patience()
        while True:
            try:
                docker = self._connect()
                container = self._find_or_create(docker)
                waited.reset()
                state = self._watch(docker, container)
                self._conclude(docker, state)
                return
            except daemon.ContainerGone:
                raise _Failed(errors.removed()) from None
            except daemon.DaemonUnavailable as exc:
                if not self.was_begun:
                    image = self._plan.blueprint.image if self._plan else self._image()
                    raise _Failed(errors.no_docker(image, str(exc))) from exc
                if not waited.wait():
                    raise _Failed(errors.docker_lost(str(exc))) from exc

    def _find_or_create(self, docker: daemon.Daemon) -> str:
        found = docker.find(self._name)
        if self._request is None:
            if found is None:
                raise _Ended
            return found.id
        if self._plan is None:
            self._plan = self._make_plan(self._request)
        if found is None and records.was_started(self._directory):
            raise _Failed(errors.removed())
        if found is not None and not records.was_started(self._directory):
            docker.remove(found.id)
            found = None
        if found is not None:
            return found.id
        self._give_up_if_ended()
        return self._create(docker, self._plan, self._request)

    def _make_plan(self, request: TaskRequest) -> plans.Plan:
        try:
            return plans.of(request, self._settings, self._name)
        except containers.UnrunnableTaskError as exc:
            raise _Failed(failures.unrunnable(str(exc))) from exc
        except rendering.RenderingError as exc:
            raise _Failed(failures.unrunnable(f"The task's command cannot be filled: {exc}.")) from exc
        except (secrets.MissingSecretError, secrets.UnusableSecretError) as exc:
            raise _Failed(failures.missing_secret(f"{str(exc)[:1].upper()}{str(exc)[1:]}")) from exc

    def _create(self, docker: daemon.Daemon, plan: plans.Plan, request: TaskRequest) -> str:
        image = plan.blueprint.image
        try:
            if not docker.has_image(image):
                self._tell(AttemptPhase.INITIALIZING, reason=f"pulling the image {image}")
                docker.pull(image, self._give_up_if_ended)
            records.begin(self._settings.tasks_root, self._directory, self._name)
            container = docker.create(plan.blueprint)
        except daemon.ImageNotFound as exc:
            raise _Failed(errors.no_image(image, str(exc))) from exc
        except daemon.Refused as exc:
            raise _Failed(errors.refused(str(exc))) from exc
        self._bring(docker, container, plan, request)
        self._give_up_if_ended()
        records.mark_started(self._directory)
        self._start(docker, container)
        return container

    def _start(self, docker: daemon.Daemon, container: str) -> None:
        try:
            docker.start(container)
        except daemon.Refused as exc:
            raise _Failed(errors.not_started(str(exc))) from exc

    def _bring(self, docker: daemon.Daemon, container: str, plan: plans.Plan, request: TaskRequest) -> None:
        """Inputs, an empty folder for outputs, and secrets, into the container."""
        work = self._directory / process_records.WORK
        work.mkdir(parents=True, exist_ok=True)
        inputs = work / "inputs"
        if plan.inputs is not None:
            self._download(plan, request, inputs)
        with tempfile.TemporaryFile(dir=work) as archive:
            with tarfile.open(fileobj=archive, mode="w") as tar:
                if plan.outputs is not None:
                    archives.add_folder(tar, None, plan.outputs)
                if plan.inputs is not None:
                    archives.add_folder(tar, inputs, plan.inputs)
                if plan.secrets:
                    archives.add_files(tar, plan.secrets, plans.SECRETS)
                empty = not tar.getmembers()
            archive.seek(0)
            if not empty:
                docker.copy_in(container, archive)

    def _download(self, plan: plans.Plan, request: TaskRequest, folder: Path) -> None:
        waited = _Patience()
        while True:
            try:
                download.inputs(
                    self._objects,
                    request.inputs,
                    folder,
                    shown=plan.inputs or plans.DEFAULT_INPUTS,
                    document_format=plan.document_format,
                    with_files=plan.with_files,
                )
                return
            except copilot_errors.Untransferable as exc:
                raise _Failed(errors.inputs(str(exc))) from exc
            except copilot_errors.StoreUnavailable as exc:
                self._give_up_if_ended()
                if not waited.wait():
                    raise _Failed(errors.store_lost(str(exc))) from exc

    def _watch(self, docker: daemon.Daemon, container: str) -> daemon.State:
        """Until the container has ended; its log and its time limit meanwhile."""
        state = docker.inspect(container)
        if not state.was_started and self._request is not None:
            self._start(docker, container)
            state = docker.inspect(container)
        began = state.started_at or dt.datetime.now(dt.UTC)
        if self._request is not None:
            self._tell(AttemptPhase.RUNNING, occurred_at=began)
        if self._ending:
            docker.stop(container, self._settings.grace.total_seconds())
        timer = self._time_limit(began)
        try:
            if self._request is not None:
                self._keep_log(docker, container)
            if state.was_started:
                docker.wait(container)
        finally:
            if timer is not None:
                timer.cancel()
        return docker.inspect(container)

    def _keep_log(self, docker: daemon.Daemon, container: str) -> None:
        """Everything that it prints, until it has ended."""
        with (self._directory / process_records.LOG).open("wb", buffering=0) as log:
            try:
                for chunk in docker.follow(container):
                    log.write(chunk)
            except daemon.Refused as exc:  # a log driver that keeps nothing
                log.write(f"Docker does not show what the container prints: {exc}\n".encode())

    def _time_limit(self, began: dt.datetime) -> threading.Timer | None:
        timeout = self._request.timeout if self._request is not None else None
        if timeout is None or self._ending:
            return None
        left = (began + timeout - dt.datetime.now(dt.UTC)).total_seconds()
        timer = threading.Timer(max(0.0, left), self.end, ("timeout", ""))
        timer.daemon = True
        timer.start()
        return timer

    def _conclude(self, docker: daemon.Daemon, state: daemon.State) -> None:
        ended_at = state.ended_at or dt.datetime.now(dt.UTC)
        result = self._result(state, ended_at)
        phase = failures.phase_of(result)
        if phase is AttemptPhase.SUCCEEDED and self._plan is not None and self._plan.outputs is not None:
            self._take(docker, state.id, self._plan)
        log_tail = attempts.tail(self._directory / process_records.LOG)
        limit = self._plan.blueprint.memory_limit if self._plan is not None else None
        timeout = self._request.timeout if self._request is not None else None
        error = failures.error_of(result, memory_limit=limit, timeout=timeout, log_tail=log_tail)
        self._tell(phase, occurred_at=ended_at, error=error, reason=self._reason)

    def _result(self, state: daemon.State, ended_at: dt.datetime) -> process_records.Result:
        outcome = self._ending or ("memory" if state.out_of_memory else "exited")
        if self._request is None:
            outcome = "aborted"
        began = (state.started_at or ended_at).timestamp()
        return process_records.Result(
            outcome, state.exit_code, None, began, ended_at.timestamp(), None, state.error
        )

    def _take(self, docker: daemon.Daemon, container: str, plan: plans.Plan) -> None:
        """The container's outputs into the store; what is wrong with them is the task's error."""
        request = self._request
        if request is None or plan.outputs is None:
            return
        waited = _Patience()
        folder = self._directory / process_records.WORK / "outputs"
        while True:
            try:
                name, data = self._collect(docker, container, plan, request, folder)
                with copilot_errors.of_store():
                    self._objects.put(f"{request.output_prefix}/{name}", data)
                return
            except copilot_errors.StoreUnavailable as exc:
                if not waited.wait():
                    raise _Failed(errors.store_lost(str(exc))) from exc

    def _collect(
        self,
        docker: daemon.Daemon,
        container: str,
        plan: plans.Plan,
        request: TaskRequest,
        folder: Path,
    ) -> tuple[str, bytes]:
        """What is to be written, and under which name: the outputs, or the error."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryFile(dir=folder.parent) as archive:
                if docker.copy_out(container, str(plan.outputs), archive):
                    archive.seek(0)
                    archives.unpack(archive, folder)
            outputs = upload.outputs(
                self._objects,
                request.template.interface.outputs,
                folder,
                raw_prefix=request.raw_output_prefix,
            )
        except (archives.BadArchive, copilot_errors.Untransferable) as exc:
            return "error.pb", upload.error_document("OutputUploadFailed", str(exc))
        return "outputs.pb", outputs.SerializeToString()

    # Saying it

    def _image(self) -> str:
        try:
            return containers.of(self._request.template).image if self._request is not None else ""
        except containers.UnrunnableTaskError as exc:
            raise _Failed(failures.unrunnable(str(exc))) from exc

    def _give_up_if_ended(self) -> None:
        if self._stopped.is_set():
            raise _Ended

    def _finish_ended(self) -> None:
        self._tell(AttemptPhase.ABORTED, reason=self._reason)

    def _tell(
        self,
        phase: AttemptPhase,
        *,
        occurred_at: dt.datetime | None = None,
        error: AttemptError | None = None,
        reason: str = "",
    ) -> None:
        limit = self._plan.blueprint.memory_limit if self._plan is not None else None
        has_log = phase is AttemptPhase.RUNNING or (self._directory / process_records.LOG).exists()
        link = (self._settings.log_url_prefix, self._key)
        update = AttemptUpdate(
            key=self._key,
            phase=phase,
            occurred_at=occurred_at or dt.datetime.now(dt.UTC),
            error=error,
            reason=reason,
            logs=(attempts.log_link(*link),) if has_log else (),
            memory_limit=limit,
        )
        with self._lock:
            if self._over:
                return
            self._over = phase.is_terminal
            self._last = update
        self._tell_receiver(update)


class _Patience:
    """Waits ever longer between tries, and not for ever."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._deadline = time.monotonic() + _PATIENCE
        self._delay = _RETRY_FIRST

    def wait(self) -> bool:
        """Wait before the next try; False: there shall be none."""
        if time.monotonic() > self._deadline:
            return False
        time.sleep(self._delay)
        self._delay = min(2 * self._delay, _RETRY_LONGEST)
        return True
