"""The life of one attempt of a task that a container may not be able to run.

    NEW → ROUTING → ASKING → FOLLOWING → (ENDING) → CLOSING → OVER

A *pass* makes one move: it looks for a note of an earlier process (NEW), finds out who serves the type
(ROUTING), has the task created or carried out (ASKING), asks how it is (FOLLOWING), has it deleted when it
must end early (ENDING), notes how it ended and reports it (CLOSING). What can't be done now is tried again by
a later pass. A task whose type nobody serves, but which has a container, is handed to the executor behind.
"""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from flyteidl.admin import agent_pb2

from sandbox.executors import rendering
from sandbox.executors.agent import directory, errors, failures, messages, pace, resources
from sandbox.executors.agent.client import SyncCall
from sandbox.executors.agent.endpoints import Endpoint
from sandbox.executors.agent.notes import Note, Notes, Objects
from sandbox.executors.agent.reports import Report
from sandbox.executors.agent.resources import Progress
from sandbox.executors.agent.settings import ConnectorSettings
from sandbox.executors.api import AttemptPhase, AttemptUpdate, Executor, TaskRequest
from sandbox.idl.identifiers import AttemptKey

_LOG = logging.getLogger(__name__)
_TARGETS = ("container", "k8s_pod")
_ROUTE_AGAIN = 1.0
_READY_WITHIN = 1.0
_ASK_AGAIN = 0.3
_TRIES = 5
"""How often in a row a call may fail that the connector's own code answers, or that ends a task."""


class Behind(Executor, Protocol):
    """The executor for tasks that no connector serves."""

    def knows(self, key: AttemptKey) -> bool:
        """Whether it has started the attempt, in this process or an earlier one."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all runs share."""

    settings: ConnectorSettings
    notes: Notes
    objects: Objects
    endpoints: Sequence[Endpoint]
    pool: ThreadPoolExecutor
    """For passes that call no connector."""
    behind: Behind
    tell: Callable[[AttemptUpdate], None]
    look: Callable[[], None]
    """Have all endpoints looked at now."""
    release: Callable[[Run], str | None]
    """The run is in other hands; why it was to be aborted meanwhile, if it was."""
    waiting: Callable[[], int]
    """How many tasks are being followed."""


class Stage(enum.Enum):
    """Where a run stands."""

    NEW = enum.auto()
    ROUTING = enum.auto()
    ASKING = enum.auto()
    FOLLOWING = enum.auto()
    ENDING = enum.auto()
    CLOSING = enum.auto()
    OVER = enum.auto()


class Run:
    """A job of the scheduler: only one thread at a time makes a pass. `hang_up` is for any thread."""

    def __init__(self, request: TaskRequest, around: Surroundings) -> None:
        self.key = request.key
        self.stage = Stage.NEW
        self.aborting: str | None = None
        """Why it is to end; the next pass sees to it."""
        self._request = request
        self._around = around
        self._report = Report(request.key, around.tell)
        self._arrived = time.monotonic()
        self._stuck_since: float | None = None
        """Since when what is asked of the connector fails (monotonic)."""
        self._failures = 0
        self._stumbles = 0
        self._endpoint: Endpoint | None = None
        self._is_sync = False
        self._note: Note | None = None
        self._is_noted = True
        self._call: SyncCall | None = None
        self._end: AttemptUpdate | None = None
        """How it ends, once that is known."""

    def __str__(self) -> str:
        return f"the connector's attempt {self.key}"

    @property
    def pool(self) -> ThreadPoolExecutor:
        if self._endpoint is None:
            return self._around.pool
        is_long = self._is_sync and self.stage is Stage.ASKING
        return self._endpoint.sync_pool if is_long else self._endpoint.pool

    @property
    def latest(self) -> AttemptUpdate | None:
        """What was told last."""
        return self._report.latest

    def hang_up(self) -> None:
        """End the call within which the task is carried out, if it is."""
        call = self._call
        if call is not None:
            call.cancel()

    def advance(self) -> float | None:
        return _MOVES[self.stage](self)

    def stumbled(self, error: Exception) -> float | None:
        """The store was away, or there is a defect of ours: try again, but not for ever."""
        self._stumbles += 1
        if self._stumbles == 2 * _TRIES and self._end is None:
            self._end = self._report.failed(failures.stumbled(error))
            self.stage = Stage.CLOSING
        return pace.pause(self._stumbles)

    # --- finding out who runs it ---------------------------------------------------------------------------

    def _recall(self) -> float | None:
        note = self._around.notes.read(self.key)
        if note is None:
            if self._around.behind.knows(self.key):
                self._hand_over()
                return None
            self.stage = Stage.ROUTING
            return self._route()
        self._note = note
        if note.end is not None:
            self._end = note.end
            return self._close()
        if note.meta is None:
            return self._finish(self._report.failed(failures.lost()))
        self.stage = Stage.FOLLOWING
        return self._follow()

    def _route(self) -> float | None:
        if self.aborting is not None:
            return self._finish(self._report.aborted(self.aborting))
        offers = [endpoint.offer for endpoint in self._around.endpoints]
        template = self._request.template
        service = directory.find(offers, template.type, template.task_type_version)
        if service is not None and service.is_up:
            self._endpoint = self._at(service.endpoint)
            self._is_sync = service.is_sync
            self.stage = Stage.ASKING
            return 0.0
        if any(offer.looked_at < self._arrived for offer in offers):
            self._around.look()
            return _ROUTE_AGAIN
        silent = [offer for offer in offers if not offer.is_up]
        if service is None and (not silent or self._may_go_elsewhere(silent)):
            return self._run_elsewhere(offers)
        missed = next((one for one in silent if service and one.endpoint == service.endpoint), silent[0])
        return self._wait_for(missed.endpoint, missed.trouble)

    def _may_go_elsewhere(self, silent: Sequence[directory.Offer]) -> bool:
        """Whether a type that no endpoint served so far is a container's: not before all had their time."""
        if self._request.template.WhichOneof("target") not in _TARGETS:
            return False
        late = time.monotonic() - self._arrived > self._around.settings.patience
        return late or all(offer.answered for offer in silent)

    def _run_elsewhere(self, offers: Sequence[directory.Offer]) -> float | None:
        template = self._request.template
        if template.WhichOneof("target") in _TARGETS:
            self._hand_over()
            return None
        served = directory.described(offers)
        error = failures.unserved(template.type, template.task_type_version, served)
        return self._finish(self._report.failed(error))

    def _hand_over(self) -> None:
        """Give it to the executor behind; an abort that came meanwhile is passed on."""
        self._around.behind.start(self._request)
        aborting = self._around.release(self)
        self.stage = Stage.OVER
        if aborting is not None:
            self._around.behind.abort(self.key, aborting)

    def _wait_for(self, endpoint: str, trouble: str) -> float | None:
        """It takes a connector that does not answer."""
        if self._stuck_for() > self._around.settings.patience:
            return self._finish(
                self._report.failed(failures.unavailable(endpoint, trouble or "no connection"))
            )
        reason = f"waiting for the connector at {endpoint}, which does not answer"
        self._report.show(Progress(AttemptPhase.QUEUED, reason))
        self._around.look()
        return _ROUTE_AGAIN

    # --- asking --------------------------------------------------------------------------------------------

    def _ask(self) -> float | None:
        if self.aborting is not None:
            return self._finish(self._report.aborted(self.aborting))
        endpoint = self._connected()
        if not endpoint.connector.is_ready(_READY_WITHIN):
            self.stage, self._endpoint = Stage.ROUTING, None
            waited = self._wait_for(endpoint.offer.endpoint, endpoint.offer.trouble)
            return None if waited is None else _ASK_AGAIN
        self._stuck_since = None
        template = self._request.template
        env, put = self._around.settings.env, self._around.objects.put
        try:
            created = None if self._is_sync else messages.create(self._request, env, put)
            executed = messages.execute(self._request, env, put) if self._is_sync else []
        except rendering.RenderingError as error:
            return self._finish(self._report.failed(failures.unrenderable(str(error))))
        self._note = Note(
            endpoint.offer.endpoint, template.type, template.task_type_version, self._is_sync, time.time()
        )
        self._around.notes.write(self.key, self._note)
        return self._create(endpoint, created) if created is not None else self._execute(endpoint, executed)

    def _create(self, endpoint: Endpoint, request: agent_pb2.CreateTaskRequest) -> float | None:
        # Whatever happens from here on, it is not asked a second time.
        self._end = self._report.failed(failures.lost())
        self.stage = Stage.CLOSING
        try:
            endpoint.connector.create(request, self._created)
        except errors.ConnectorError as error:
            return self._finish(self._report.failed(failures.of_call(error, "create the task")))
        return pace.FIRST

    def _created(self, meta: bytes) -> None:
        if self._note is not None:
            self._note = replace(self._note, meta=meta)
        self._end = None
        self.stage = Stage.FOLLOWING
        self._is_noted = False
        self._write_note()

    def _execute(
        self, endpoint: Endpoint, requests: Sequence[agent_pb2.ExecuteTaskSyncRequest]
    ) -> float | None:
        self._end = self._report.failed(failures.lost())
        self.stage = Stage.CLOSING
        own = self._request.timeout
        timeout = self._around.settings.sync_timeout if own is None else own.total_seconds()
        self._report.show(Progress(AttemptPhase.RUNNING))
        resource, progress = agent_pb2.Resource(), Progress(AttemptPhase.RUNNING)
        try:
            self._call = endpoint.connector.execute(requests, timeout)
            if self.aborting is not None:
                self._call.cancel()
            for resource in self._call.resources():
                progress = resources.progress(resource)
                if not progress.phase.is_terminal:
                    self._report.show(progress)
        except errors.ConnectorError as error:
            return self._finish(self._hung_up(error))
        finally:
            self._call = None
        if not progress.phase.is_terminal:
            broke = errors.Broke(endpoint.offer.endpoint, "INTERNAL", "it ended the call without a result")
            return self._finish(self._report.failed(failures.of_call(broke, "carry the task out")))
        return self._conclude(resource, progress)

    def _hung_up(self, error: errors.ConnectorError) -> AttemptUpdate:
        if self.aborting is not None:
            return self._report.aborted(self.aborting)
        if error.code == "DEADLINE_EXCEEDED" and self._request.timeout is not None:
            return self._report.failed(failures.timed_out(self._request.timeout))
        return self._report.failed(failures.of_call(error, "carry the task out"))

    # --- following -----------------------------------------------------------------------------------------

    def _follow(self) -> float | None:
        note = self._write_note()
        endpoint = self._endpoint_of(note)
        if endpoint is None:
            if self.aborting is not None:
                return self._finish(self._report.aborted(self.aborting))
            return self._wait_for(note.endpoint, "it is not among the endpoints of this sandbox any more")
        if self.aborting is not None:
            return self._end_early(self._report.aborted(self.aborting))
        left = self._time_left(note)
        if left <= 0 and self._request.timeout is not None:
            return self._end_early(self._report.failed(failures.timed_out(self._request.timeout)))
        try:
            resource = endpoint.connector.get(note, self._request.output_prefix)
        except errors.ConnectorError as error:
            return self._missed(error)
        self._failures, self._stuck_since = 0, None
        progress = resources.progress(resource)
        if progress.phase.is_terminal:
            return self._conclude(resource, progress)
        self._report.show(progress, self._age(note))
        return min(pace.interval(self._age(note), self._around.waiting()), max(left, pace.FIRST))

    def _missed(self, error: errors.ConnectorError) -> float | None:
        """How the task is could not be found out."""
        self._failures += 1
        stuck = self._stuck_for()
        verdict = self._report.failed(failures.of_call(error, "look at the task"))
        if isinstance(error, errors.Refused):
            return self._finish(verdict)
        if isinstance(error, errors.Broke) and self._failures >= _TRIES:
            return self._end_early(verdict)
        if stuck > self._around.settings.patience:
            return self._end_early(verdict)
        return pace.pause(self._failures)

    def _conclude(self, resource: agent_pb2.Resource, progress: Progress) -> float | None:
        """The connector said how it ended."""
        end = self._report.of(progress)
        declared = list(self._request.template.interface.outputs.variables)
        if progress.phase is AttemptPhase.SUCCEEDED and declared:
            missing = resources.missing_outputs(resource, declared)
            if missing:
                end = self._report.failed(failures.incomplete(missing))
            elif resource.outputs.literals:
                place = f"{self._request.output_prefix}/outputs.pb"
                self._around.objects.put(place, resource.outputs.SerializeToString())
        return self._finish(end)

    def _end_early(self, end: AttemptUpdate) -> float | None:
        self._end = end
        self._failures = 0
        self.stage = Stage.ENDING
        return self._delete()

    def _delete(self) -> float | None:
        note = self._write_note()
        endpoint = self._endpoint_of(note)
        if endpoint is not None:
            try:
                endpoint.connector.delete(note)
            except errors.ConnectorError as error:
                self._failures += 1
                if self._failures < _TRIES and not isinstance(error, errors.Refused):
                    return pace.pause(self._failures)
                _LOG.warning("%s: the connector's job was not deleted: %s", self.key, error)
        self.stage = Stage.CLOSING
        return self._close()

    # --- the end -------------------------------------------------------------------------------------------

    def _finish(self, end: AttemptUpdate) -> float | None:
        self._end = end
        self.stage = Stage.CLOSING
        return self._close()

    def _close(self) -> float | None:
        """Note how it ended, then tell. Nothing was asked: nothing need be noted."""
        if self._end is None:
            raise RuntimeError(f"{self} closes without an end")
        if self._note is not None and self._note.end is None:
            self._note = replace(self._note, end=self._end)
            self._is_noted = False
        if self._note is not None:
            self._write_note()
        self.stage = Stage.OVER
        self._report.tell(self._end)
        return None

    def _write_note(self) -> Note:
        """The note, written."""
        if self._note is None:
            raise RuntimeError(f"{self} has no note")
        if not self._is_noted:
            self._around.notes.write(self.key, self._note)
            self._is_noted = True
        return self._note

    # --- times and places ----------------------------------------------------------------------------------

    def _stuck_for(self) -> float:
        """Seconds since the connector answered last, as far as this run asked it."""
        now = time.monotonic()
        if self._stuck_since is None:
            self._stuck_since = now
        return now - self._stuck_since

    def _age(self, note: Note) -> float:
        return max(0.0, time.time() - note.created_at)

    def _time_left(self, note: Note) -> float:
        timeout = self._request.timeout
        return float("inf") if timeout is None else timeout.total_seconds() - self._age(note)

    def _endpoint_of(self, note: Note) -> Endpoint | None:
        """Who is asked about the task: who created it, else who serves its type now."""
        if self._endpoint is None:
            offers = [endpoint.offer for endpoint in self._around.endpoints]
            service = directory.find(offers, note.task_type, note.version)
            self._endpoint = self._at(note.endpoint) or (self._at(service.endpoint) if service else None)
        return self._endpoint

    def _at(self, address: str) -> Endpoint | None:
        return next((one for one in self._around.endpoints if one.offer.endpoint == address), None)

    def _connected(self) -> Endpoint:
        if self._endpoint is None:
            raise RuntimeError(f"{self} asks nobody")
        return self._endpoint


_MOVES: dict[Stage, Callable[[Run], float | None]] = {
    Stage.NEW: Run._recall,
    Stage.ROUTING: Run._route,
    Stage.ASKING: Run._ask,
    Stage.FOLLOWING: Run._follow,
    Stage.ENDING: Run._delete,
    Stage.CLOSING: Run._close,
    Stage.OVER: lambda run: None,
}
