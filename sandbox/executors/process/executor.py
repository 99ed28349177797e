"""The process executor: attempts as forked processes of a warm runner."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.executors import containers, rendering, secrets
from sandbox.executors.api import AttemptError, AttemptPhase, AttemptUpdate, Sink, TaskRequest
from sandbox.executors.process import attempts, environments, failures, links, orders
from sandbox.executors.process.runner import protocol, records
from sandbox.executors.process.settings import ProcessSettings
from sandbox.idl.identifiers import AttemptKey

_IDLE_EXIT = timedelta(minutes=10)
_PLAIN_LINGERS = timedelta(seconds=5)
"""A runner that has nothing imported is quickly started again: it need not stay."""
_CLEANING_WAITS = 5.0
"""Seconds that a forgotten attempt's directories may wait for a quiet moment: others need the processors."""


@dataclass(slots=True)
class _Attempt:
    """What is remembered of an attempt between its start and its being forgotten."""

    key: AttemptKey
    directory: Path
    timeout: timedelta | None
    memory_limit: int | None = None
    warning: str = ""
    link: links.Link | None = None
    running_told: bool = False


class ProcessExecutor:
    """Implements `sandbox.executors.api.Executor` with one runner process per Python environment."""

    def __init__(self, settings: ProcessSettings) -> None:
        self._settings = settings
        self._environments = environments.Environments(settings.images_root, settings.canary_python)
        self._listener = links.Listener(self._on_event, self._on_unavailable)
        self._lock = threading.Lock()
        self._attempts: dict[str, _Attempt] = {}
        self._links: dict[Path, links.Link] = {}
        self._current: dict[tuple[Path, bool], Path] = {}
        self._sink: Sink | None = None
        self._quiet = threading.Event()
        """Set while there is no attempt that was not forgotten."""
        self._to_clean: queue.SimpleQueue[tuple[float, Path] | None] = queue.SimpleQueue()
        """When to clean at the latest, and what."""
        self._cleaner = threading.Thread(target=self._clean, name="attempt-cleaner", daemon=True)
        self._cleaner.start()

    def connect(self, sink: Sink) -> None:
        """Name the one receiver of updates."""
        self._sink = sink

    def start(self, request: TaskRequest) -> None:
        """Start the attempt, or attach to it."""
        directory = attempts.attempt_directory(self._settings.tasks_root, request.key)
        attempt = _Attempt(request.key, directory, request.timeout)
        with self._lock:
            attempt = self._attempts.setdefault(str(directory), attempt)
            self._quiet.clear()
        try:
            container = containers.of(request.template)
            _refuse_copilot(request, container)
        except containers.UnrunnableTaskError as exc:
            self._fail(attempt, failures.unrunnable(str(exc)))
            return
        attempt.memory_limit = container.memory_limit
        result = attempts.read_result(directory)
        if result is not None:
            self._finish(attempt, result)
            return
        marker = attempts.read_marker(directory)
        if marker is not None:
            self._attach(attempt, marker)
            return
        self._submit(attempt, request, container)

    def abort(self, key: AttemptKey, reason: str) -> None:
        """End the attempt and everything it started."""
        directory = attempts.attempt_directory(self._settings.tasks_root, key)
        with self._lock:
            attempt = self._attempts.setdefault(str(directory), _Attempt(key, directory, None))
        result = attempts.read_result(directory)
        marker = attempts.read_marker(directory)
        if result is not None:
            self._finish(attempt, result)
        elif attempt.link is None and marker is None:
            self._tell(attempt, AttemptPhase.ABORTED, reason=reason)
        else:
            if attempt.link is None and marker is not None:
                self._attach(attempt, marker)
            if attempt.link is not None:
                attempt.link.abort(str(directory))

    def knows(self, key: AttemptKey) -> bool:
        """Whether the attempt was started here, by this process or an earlier one, and not forgotten."""
        directory = attempts.attempt_directory(self._settings.tasks_root, key)
        with self._lock:
            if str(directory) in self._attempts:
                return True
        return attempts.read_marker(directory) is not None or attempts.read_result(directory) is not None

    def forget(self, key: AttemptKey) -> None:
        """Drop everything about an ended attempt but its log."""
        directory = attempts.attempt_directory(self._settings.tasks_root, key)
        with self._lock:
            self._attempts.pop(str(directory), None)
            if not self._attempts:
                self._quiet.set()
        self._to_clean.put((time.monotonic() + _CLEANING_WAITS, directory))

    def remembered(self) -> Iterable[AttemptKey]:
        """The attempts whose directories were not cleaned."""
        return attempts.remembered(self._settings.tasks_root)

    def close(self) -> None:
        """Stop reporting; runners and their attempts go on."""
        with self._lock:
            closing = list(self._links.values())
            self._links.clear()
        for link in closing:
            link.close()
        self._quiet.set()
        self._to_clean.put(None)
        self._cleaner.join()

    def warm(self, tag: str) -> None:
        """Start the runner of an image tag's environment now, so that its first task finds it ready.

        Returns at once; a tag without an environment is left alone.
        """
        environment = self._environments.find(tag)
        if environment is not None:
            self._link(self._home(environment)).warm()

    # Starting

    def _attach(self, attempt: _Attempt, marker: records.Marker) -> None:
        """Somebody started it: ask that runner, which may have to be started to say that it is lost."""
        home = links.RunnerHome(Path(marker.runner))
        if not marker.runner or not (home.directory / protocol.CONFIG).exists():
            self._fail(attempt, failures.runner_lost())
            return
        attempt.link = self._link(home)
        attempt.link.start(
            protocol.Order(str(attempt.directory), [], {}, code=None, timeout=None, memory_limit=None)
        )

    def _submit(self, attempt: _Attempt, request: TaskRequest, container: containers.Container) -> None:
        try:
            resolution = self._environments.resolve(container.image)
            home = self._home(resolution.environment)
            order, warning = orders.build(
                request,
                container,
                resolution.environment,
                self._settings,
                directory=attempt.directory,
                home=home.directory / "home",
            )
        except containers.UnrunnableTaskError as exc:
            self._fail(attempt, failures.unrunnable(str(exc)))
            return
        except environments.NoEnvironmentError as exc:
            self._fail(attempt, failures.no_environment(str(exc)))
            return
        except rendering.RenderingError as exc:
            self._fail(attempt, failures.unrunnable(f"The task's command cannot be filled: {exc}."))
            return
        except (secrets.MissingSecretError, secrets.UnusableSecretError) as exc:
            self._fail(attempt, failures.missing_secret(f"{str(exc)[:1].upper()}{str(exc)[1:]}"))
            return
        attempt.warning = "; ".join(filter(None, (resolution.warning, warning)))
        attempt.link = self._link(home)
        if not attempt.link.ready:
            reason = f"starting the runner of {resolution.environment.python}"
            self._tell(attempt, AttemptPhase.INITIALIZING, reason=reason)
        attempt.link.start(order)

    def _home(self, environment: environments.Environment) -> links.RunnerHome:
        """The runner's directory of an environment as it is installed now; its predecessor is retired."""
        # A runner of an older appliance would not understand our orders.
        identity = f"{environment.generation()}-{protocol.VERSION}"
        name = hashlib.sha256(identity.encode()).hexdigest()[:12]
        home = links.RunnerHome(self._settings.tasks_root / "runners" / name)
        with self._lock:
            former = self._current.get((environment.python, environment.preload))
            if former == home.directory:
                return home
            self._current[environment.python, environment.preload] = home.directory
            retiring = self._links.get(former) if former is not None else None
        (home.directory / "home").mkdir(parents=True, exist_ok=True)
        home.write_config(self._config(environment, home))
        if retiring is not None:
            retiring.retire()
        return home

    def _config(self, environment: environments.Environment, home: links.RunnerHome) -> protocol.Config:
        settings = self._settings
        roots = {}
        if settings.objects_root is not None:
            roots["s3://"] = str(settings.objects_root)
        return protocol.Config(
            python=str(environment.python),
            tasks_root=str(settings.tasks_root),
            socket=home.socket_path,
            max_running=settings.max_running or 2 * (os.cpu_count() or 1),
            grace=settings.grace.total_seconds(),
            idle_exit=_IDLE_EXIT.total_seconds(),
            s3_endpoint=settings.s3_endpoint,
            s3_access_key=settings.s3_access_key,
            s3_secret_key=settings.s3_secret_key,
            object_roots=roots,
            preload=environment.preload,
            linger=None if environment.preload else _PLAIN_LINGERS.total_seconds(),
        )

    def _link(self, home: links.RunnerHome) -> links.Link:
        with self._lock:
            link = self._links.get(home.directory)
            if link is None:
                link = self._links[home.directory] = links.Link(home, self._listener)
            return link

    # Reporting

    def _on_event(self, directory: str, kind: str, document: Mapping[str, Any]) -> None:
        with self._lock:
            attempt = self._attempts.get(directory)
        if attempt is None:
            return
        if kind == protocol.QUEUED:
            self._tell(attempt, AttemptPhase.QUEUED, reason="waiting for a running task to end")
        elif kind == protocol.RUNNING:
            self._run(attempt, datetime.now(UTC))
        elif kind == protocol.FINISHED:
            self._finish(attempt, records.Result(**document["result"]))

    def _on_unavailable(self, directory: str, why: links.RunnerUnavailableError) -> None:
        with self._lock:
            attempt = self._attempts.get(directory)
        if attempt is not None:
            self._fail(attempt, failures.runner_unavailable("the task's environment", str(why)))

    def _run(self, attempt: _Attempt, since: datetime) -> None:
        if not attempt.running_told:
            attempt.running_told = True
            self._tell(attempt, AttemptPhase.RUNNING, occurred_at=since, reason=attempt.warning)

    def _finish(self, attempt: _Attempt, result: records.Result) -> None:
        self._run(attempt, datetime.fromtimestamp(result.started_at, UTC))
        log_tail = attempts.tail(attempt.directory / records.LOG)
        error = failures.error_of(
            result, memory_limit=attempt.memory_limit, timeout=attempt.timeout, log_tail=log_tail
        )
        self._tell(
            attempt,
            failures.phase_of(result),
            occurred_at=datetime.fromtimestamp(result.ended_at, UTC),
            error=error,
            peak_memory=result.peak_memory,
        )

    def _fail(self, attempt: _Attempt, error: AttemptError) -> None:
        self._tell(attempt, AttemptPhase.FAILED, error=error)

    def _tell(
        self,
        attempt: _Attempt,
        phase: AttemptPhase,
        *,
        occurred_at: datetime | None = None,
        error: AttemptError | None = None,
        reason: str = "",
        peak_memory: int | None = None,
    ) -> None:
        if self._sink is None:
            raise RuntimeError(
                "the process executor was used before connect() named a receiver of its updates"
            )
        link = (self._settings.log_url_prefix, attempt.key)
        self._sink(
            AttemptUpdate(
                key=attempt.key,
                phase=phase,
                occurred_at=occurred_at or datetime.now(UTC),
                error=error,
                reason=reason,
                logs=(attempts.log_link(*link),) if attempt.running_told else (),
                peak_memory=peak_memory,
                memory_limit=attempt.memory_limit,
            )
        )

    def _clean(self) -> None:
        while (order := self._to_clean.get()) is not None:
            latest, directory = order
            self._quiet.wait(max(0.0, latest - time.monotonic()))
            attempts.clean(self._settings.tasks_root, directory)


def _refuse_copilot(request: TaskRequest, container: containers.Container) -> None:
    if container.data is not None:
        raise containers.UnrunnableTaskError(
            f"The task of type {request.template.type!r} wants its inputs and outputs as files in a "
            f"container of image {container.image!r}; here only tasks of type raw-container (flytekit's "
            "ContainerTask) run so. Start a sandbox that runs pods (`sandbox start --profile sandbox`)."
        )
