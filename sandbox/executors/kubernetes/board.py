"""What is known about every attempt, and what follows from what happens. Pure, and one thread's alone.

Things happen: the engine starts, aborts and forgets; the watch saw an object, or saw that it is gone; a job
was done, or could not be; time passes. Whatever happened, `take` gives what to tell the engine and what to do
next. Every step can be repeated, and every order of events leads to the same end:

- An attempt has at most one job under way, and the next one is found by looking at its record (`_next`):
  keep the log, delete what still runs, release the object once the engine forgot it.
- The object's name is what guards an attempt from being started twice: the object stays, held by a finalizer,
  until the engine has committed the attempt's end.
- Objects of attempts that nobody asked about are *strays*: found after a restart, or another engine's.
- A released object is *rubbish*, deleted when people have had time to look at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.executors.api import AttemptError, AttemptPhase, AttemptUpdate, ErrorKind, TaskRequest
from sandbox.executors.kubernetes import ownership, telling, verdicts
from sandbox.executors.kubernetes.alarms import Alarms
from sandbox.executors.kubernetes.kinds import Kind
from sandbox.executors.kubernetes.quotas import Queue
from sandbox.executors.kubernetes.records import (
    Done,
    Failed,
    Full,
    Job,
    Later,
    Made,
    Object,
    Order,
    Outcome,
    Record,
)
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.idl.identifiers import AttemptKey

_FIRST_RETRY = timedelta(seconds=0.2)
_LONGEST_RETRY = timedelta(seconds=15)

_LOG_TRIES = 8
_URGENT_LOG_TRIES = 2
"""Where something waits to be ended."""


class Board:
    """All attempts. `kind_of` says what a task type becomes; `kinds` are all that there are."""

    def __init__(
        self, settings: KubernetesSettings, kinds: tuple[Kind, ...], kind_of: Callable[[str], Kind]
    ) -> None:
        self._settings = settings
        self._kind_of = kind_of
        self._unlisted = set(kinds)
        self._before: dict[Kind, set[AttemptKey]] = {}
        """What was known to be there when the listing of a kind began."""
        self._records: dict[AttemptKey, Record] = {}
        self._strays: dict[AttemptKey, tuple[Kind, Object]] = {}
        self._rubbish: dict[AttemptKey, tuple[Kind, Object]] = {}
        self._queues: dict[str, Queue] = {}
        self._alarms = Alarms()
        self._orders: list[Order] = []
        self._updates: list[AttemptUpdate] = []

    def take(self) -> tuple[list[Order], list[AttemptUpdate]]:
        """What is to be done and told since the last time."""
        taken = self._orders, self._updates
        self._orders, self._updates = [], []
        return taken

    def next_alarm(self) -> datetime | None:
        """When `due` has to be called, even if nothing happens."""
        moments = [queue.look_at for queue in self._queues.values() if queue and queue.look_at is not None]
        alarm = self._alarms.next()
        return min([*moments, alarm] if alarm is not None else moments, default=None)

    @property
    def is_complete(self) -> bool:
        """Whether all objects that there are have been seen."""
        return not self._unlisted

    def remembered(self) -> list[AttemptKey]:
        """The attempts of which there is an object that was not released."""
        there = [key for key, record in self._records.items() if record.seen is not None]
        return [*there, *self._strays]

    # What the engine wants

    def start(self, request: TaskRequest, now: datetime) -> None:
        """Start the attempt, or attach to it."""
        record = self._record(request.key)
        if record.request is not None:
            self._repeat(record)
            return
        record.request = request
        if record.is_over:
            self._repeat(record)
        elif record.seen is not None:
            self._look(record, now)
        else:
            record.kind = self._kind_of(request.template.type)
            self._next(record, now)

    def abort(self, key: AttemptKey, reason: str, now: datetime) -> None:
        """End the attempt, if there is one."""
        record = self._record(key)
        self._look(record, now)
        if record.is_over:
            self._repeat(record)
            return
        record.abort = record.abort or reason or "aborted"
        self._leave_queue(record, now)
        self._next(record, now)

    def forget(self, key: AttemptKey, now: datetime) -> None:
        """Its end is committed."""
        record = self._record(key)
        record.forgotten = True
        self._leave_queue(record, now)
        self._next(record, now)

    # What is there

    def saw(self, kind: Kind, found: Object, now: datetime) -> None:
        """An object, as it is now."""
        key = ownership.key_of(found)
        if key is None:
            return
        record = self._records.get(key)
        if ownership.is_released(found):
            self._drop(key)
            self._discard(key, kind, found, now)
        elif record is None:
            self._strays[key] = (kind, found)
        else:
            record.kind, record.seen, record.doubtful = kind, found, False
            self._look(record, now)
        self._make_room(kind, found, now)

    def vanished(self, kind: Kind, found: Object, now: datetime) -> None:
        """An object is gone; this is how it was last."""
        key = ownership.key_of(found)
        if key is None:
            return
        self._strays.pop(key, None)
        self._rubbish.pop(key, None)
        record = self._records.get(key)
        if record is not None and record.seen is not None:
            record.seen = found
            self._look(record, now)
            record.seen = None
            self._lost(record, found, now)
        self._make_room(kind, found, now, gone=True)

    def listing(self, kind: Kind) -> None:
        """From now on all objects of a kind are listed: `saw` for each, then `listed`."""
        there = {key for key, record in self._records.items() if record.seen and record.kind == kind}
        others = {key for held in (self._strays, self._rubbish) for key in held if held[key][0] == kind}
        self._before[kind] = there | others

    def listed(self, kind: Kind, keys: set[AttemptKey], now: datetime) -> None:
        """These are all of a kind; what else was there is gone. Nothing, if the kind itself isn't there."""
        self._unlisted.discard(kind)
        for key in self._before.pop(kind, set()) - keys:
            record = self._records.get(key)
            held = self._strays.get(key) or self._rubbish.get(key)
            found = record.seen if record is not None else held[1] if held is not None else None
            if found is not None:
                self.vanished(kind, found, now)
        if self.is_complete:
            for record in list(self._records.values()):
                self._next(record, now)

    # What was done

    def finished(self, order: Order, outcome: Outcome, now: datetime) -> None:
        """What came of a job."""
        record = self._records.get(order.key)
        if record is None or record.job is not order.job:
            self._cleared(order, outcome, now)
            return
        record.job = None
        if isinstance(outcome, Later):
            self._retry(record, order.job, outcome, now)
        else:
            record.tries, record.retry_at = 0, None
            match order.job:
                case Job.CREATE:
                    self._created(record, outcome, now)
                case Job.KEEP_LOG:
                    record.log_settled = True
                case Job.DELETE:
                    self._deleted(record, outcome, now)
                case Job.RELEASE:
                    self._released(record, now)
                    return
        self._next(record, now)

    def due(self, now: datetime) -> None:
        """Time has passed."""
        for key in self._alarms.due(now):
            record = self._records.get(key)
            if record is not None:
                self._look(record, now)
            elif key in self._rubbish:
                self._collect(key, now)
        for queue in list(self._queues.values()):
            if queue and queue.look_at is not None and queue.look_at <= now:
                queue.look_at = now + self._settings.quota_retry
                self._try(queue.room(), now)

    # How one thing leads to another

    def _record(self, key: AttemptKey) -> Record:
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = Record(key)
            if key in self._strays:
                record.kind, record.seen = self._strays.pop(key)
        return record

    def _look(self, record: Record, now: datetime) -> None:
        """Tell what the object says, and go on from there."""
        if record.seen is not None and record.kind is not None:
            verdict = record.kind.verdict(record.seen, now, self._settings)
            if record.is_over:
                record.to_end = record.to_end or verdict.to_end or not verdict.phase.is_terminal
            elif record.abort is None:
                self._judge(record, verdict, now)
        self._next(record, now)

    def _judge(self, record: Record, verdict: verdicts.Verdict, now: datetime) -> None:
        timeouts = telling.timeouts(record, verdict, self._settings)
        passed = [error for moment, error in timeouts if moment <= now]
        if verdict.phase.is_terminal:
            record.to_end = verdict.to_end
            self._tell(record, verdict, now)
        elif passed:
            record.to_end = True
            self._tell(record, verdicts.Verdict(AttemptPhase.FAILED, error=passed[0]), now)
        elif verdict.to_end:
            record.to_end = True
        elif record.seen is not None and _is_being_deleted(record.seen):
            self._tell(record, verdicts.gone(record.seen), now)
        else:
            self._tell(record, verdict, now)
            if verdict.look_again is not None:
                self._alarms.at(now + verdict.look_again, record.key)
            for moment, _ in telling.timeouts(record, verdict, self._settings):
                self._alarms.at(moment, record.key)

    def _next(self, record: Record, now: datetime) -> None:
        """Begin the job that follows from what the record says, if none is under way."""
        if record.job is not None or (record.retry_at is not None and now < record.retry_at):
            return
        record.retry_at = None
        if record.seen is None:
            self._next_without_object(record, now)
            return
        ending = record.is_over or record.to_end or record.abort is not None
        if ending and not record.log_settled:
            self._order(record, Job.KEEP_LOG)
        elif (
            (record.to_end or record.abort is not None)
            and not record.deleted
            and not self._is_at_rest(record, now)
        ):
            self._order(record, Job.DELETE)
        elif record.abort is not None and not record.is_over:
            self._aborted(record, now)
        elif record.forgotten:
            self._order(record, Job.RELEASE)

    def _next_without_object(self, record: Record, now: datetime) -> None:
        ending = record.is_over or record.abort is not None
        if record.doubtful and ending:
            self._order(record, Job.DELETE)
        elif not self.is_complete and record.request is None:
            return  # It may be found yet.
        elif record.abort is not None and not record.is_over:
            self._aborted(record, now)
        elif record.forgotten:
            self._drop(record.key)
        elif record.request is not None and not record.is_over and not self._is_waiting(record):
            self._create(record, now)

    def _create(self, record: Record, now: datetime) -> None:
        queue = self._queues.get(self._namespace(record))
        if queue and not queue.tries(record.key):
            queue.add(record.key)
            waiting = verdicts.Verdict(AttemptPhase.QUEUED, "waits for room in the quota of its namespace")
            self._tell(record, waiting, now)
        else:
            self._order(record, Job.CREATE)

    def _created(self, record: Record, outcome: Outcome, now: datetime) -> None:
        match outcome:
            case Made(found):
                record.trouble_since = None
                if record.seen is None:
                    record.seen, record.doubtful = found, False
                self._leave_queue(record, now)
                self._look(record, now)
            case Full(reason):
                queue = self._queues.setdefault(self._namespace(record), Queue())
                queue.full(record.key, now, self._settings.quota_retry)
                if record.abort is None:
                    self._tell(record, verdicts.Verdict(AttemptPhase.QUEUED, reason), now)
            case Failed(error):
                if record.abort is None:
                    self._tell(record, verdicts.Verdict(AttemptPhase.FAILED, error=error), now)

    def _deleted(self, record: Record, outcome: Outcome, now: datetime) -> None:
        record.deleted, record.doubtful = True, False
        if isinstance(outcome, Done) and outcome.left is not None and record.seen is None:
            record.seen = outcome.left
        if record.abort is not None and not record.is_over:
            self._aborted(record, now)

    def _released(self, record: Record, now: datetime) -> None:
        kind, seen = record.kind, record.seen
        self._drop(record.key)
        if kind is not None and seen is not None and not _is_being_deleted(seen):
            self._discard(record.key, kind, seen, now)

    def _retry(self, record: Record, job: Job, outcome: Later, now: datetime) -> None:
        record.retry_at = now + (outcome.after or min(_LONGEST_RETRY, _FIRST_RETRY * 2**record.tries))
        record.tries = min(record.tries + 1, 10)
        self._alarms.at(record.retry_at, record.key)
        if job is Job.KEEP_LOG:
            is_urgent = record.to_end or record.abort is not None
            record.log_settled = record.tries > (_URGENT_LOG_TRIES if is_urgent else _LOG_TRIES)
        if job is not Job.CREATE:
            return
        record.doubtful = record.doubtful or outcome.doubtful
        record.trouble_since = record.trouble_since or now
        if record.abort is not None:
            record.retry_at = None
        elif now - record.trouble_since > self._settings.create_patience:
            record.retry_at = None
            error = AttemptError("RuntimeFailure", outcome.reason, ErrorKind.SYSTEM, recoverable=True)
            self._tell(record, verdicts.Verdict(AttemptPhase.FAILED, error=error), now)
        else:
            self._tell(record, verdicts.Verdict(AttemptPhase.QUEUED, outcome.reason), now)

    def _lost(self, record: Record, found: Object, now: datetime) -> None:
        """Its object is gone, and what it was last is told already."""
        if not record.is_over:
            if record.abort is not None:
                self._aborted(record, now)
            elif record.to_end and record.deleted:
                # What was beside the task is over too; whether it did its work, the outputs tell.
                self._tell(record, verdicts.Verdict(AttemptPhase.SUCCEEDED), now)
            else:
                self._tell(record, verdicts.gone(found), now)
        self._next(record, now)

    def _aborted(self, record: Record, now: datetime) -> None:
        self._tell(record, verdicts.Verdict(AttemptPhase.ABORTED, record.abort or ""), now)
        self._next(record, now)

    # Queues of namespaces that are full

    def _namespace(self, record: Record) -> str:
        return ownership.namespace(record.request, self._settings) if record.request is not None else ""

    def _is_waiting(self, record: Record) -> bool:
        queue = self._queues.get(self._namespace(record))
        return queue is not None and record.key in queue and not queue.tries(record.key)

    def _leave_queue(self, record: Record, now: datetime) -> None:
        namespace = self._namespace(record)
        queue = self._queues.get(namespace)
        if queue is None or record.job is Job.CREATE:
            return
        following = queue.settled(record.key)
        if not queue:
            del self._queues[namespace]
        self._try(following, now)

    def _make_room(self, kind: Kind, found: Object, now: datetime, *, gone: bool = False) -> None:
        if not self._queues:
            return
        queue = self._queues.get(str(found["metadata"].get("namespace", "")))
        if queue and (gone or kind.verdict(found, now, self._settings).phase.is_terminal):
            self._try(queue.ended(), now)

    def _try(self, key: AttemptKey | None, now: datetime) -> None:
        record = self._records.get(key) if key is not None else None
        if record is not None and record.job is None:
            self._create(record, now)

    # Rubbish

    def _discard(self, key: AttemptKey, kind: Kind, found: Object, now: datetime) -> None:
        self._rubbish[key] = (kind, found)
        released = ownership.released_at(found) or now
        self._alarms.at(max(released + self._settings.keep_finished, now), key)

    def _collect(self, key: AttemptKey, now: datetime) -> None:
        kind, found = self._rubbish[key]
        released = ownership.released_at(found) or now
        if released + self._settings.keep_finished <= now:
            self._orders.append(Order(Job.DELETE, key, kind, found=found))
        else:
            self._alarms.at(released + self._settings.keep_finished, key)

    def _cleared(self, order: Order, outcome: Outcome, now: datetime) -> None:
        if order.key in self._rubbish and isinstance(outcome, Later):
            self._alarms.at(now + _LONGEST_RETRY, order.key)

    # Orders and updates

    def _order(self, record: Record, job: Job) -> None:
        if record.kind is None:
            return
        record.job = job
        found: Object | None = record.seen
        if found is None and record.request is not None:
            name = {"name": record.request.unique_name, "namespace": self._namespace(record)}
            found = {"metadata": name}
        gently = record.abort is None and not record.is_over
        self._orders.append(
            Order(job, record.key, record.kind, request=record.request, found=found, gently=gently)
        )

    def _tell(self, record: Record, verdict: verdicts.Verdict, now: datetime) -> None:
        update = telling.update(record, verdict, now, self._settings)
        if update is not None:
            record.last = update
            self._updates.append(update)
            if update.phase.is_terminal:
                self._leave_queue(record, now)

    def _repeat(self, record: Record) -> None:
        if record.last is not None:
            self._updates.append(record.last)

    def _is_at_rest(self, record: Record, now: datetime) -> bool:
        """Whether nothing of the object runs any more."""
        if record.seen is None or record.kind is None:
            return True
        verdict = record.kind.verdict(record.seen, now, self._settings)
        return verdict.phase.is_terminal and not verdict.to_end

    def _drop(self, key: AttemptKey) -> None:
        self._records.pop(key, None)


def _is_being_deleted(found: Mapping[str, Any] | None) -> bool:
    return found is not None and bool(found["metadata"].get("deletionTimestamp"))
