"""The Kubernetes executor: attempts as pods, or as resources that operators run.

One thread has the board (`board`) and takes what happens, one thing after another. Watches tell it what is
there; a few workers create objects and a few end them, so that a thousand attempts that begin at once are so
many requests in a row, and an abort doesn't wait for them.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from sandbox.executors.api import Sink, TaskRequest
from sandbox.executors.kubernetes import creating, ending, errors, ownership
from sandbox.executors.kubernetes.abilities import Abilities
from sandbox.executors.kubernetes.board import Board
from sandbox.executors.kubernetes.client import Client
from sandbox.executors.kubernetes.kinds import Kind, Pod
from sandbox.executors.kubernetes.records import Job, Later, Made, Order, Outcome
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.executors.kubernetes.watching import Listed, Listing, Saw, Sight, Vanished, Watch, trim
from sandbox.idl.identifiers import AttemptKey

_LOG = logging.getLogger(__name__)
_ENDERS = 3
_IDLE_SECONDS = 60.0
_LIST_SECONDS = 60.0
_LAST = datetime.max.replace(tzinfo=UTC)


class KubernetesExecutor:
    """Implements `sandbox.executors.api.Executor` and `Remembering`."""

    def __init__(
        self,
        settings: KubernetesSettings,
        client: Client,
        objects: ending.Uploads | None = None,
        *,
        kinds: Mapping[str, Kind] | None = None,
    ) -> None:
        """`kinds` by task type; all other types become pods. `objects`: where logs are kept."""
        self._settings = settings
        self._client = client
        self._objects = objects
        self._by_type = dict(kinds or {})
        self._pod = Pod()
        every: tuple[Kind, ...] = (self._pod, *_once(self._by_type.values()))
        self._board = Board(settings, every, lambda word: self._by_type.get(word, self._pod))
        self._abilities = Abilities(client)
        self._sink: Sink | None = None
        self._mailbox: queue.SimpleQueue[Callable[[datetime], None] | None] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._creations: queue.PriorityQueue[tuple[datetime, int, Order | None]] = queue.PriorityQueue()
        self._endings: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._watches = {kind: Watch(client, kind, ownership.selector(settings), self._saw) for kind in every}
        self._complete = threading.Event()
        self._threads: list[threading.Thread] = []

    def connect(self, sink: Sink) -> None:
        """Name the one receiver of updates, and begin to watch."""
        self._sink = sink
        for name, work, number in (
            ("kubernetes", self._run, 1),
            ("kubernetes-create", self._create, self._settings.creators),
            ("kubernetes-end", self._end, _ENDERS),
        ):
            for _ in range(number):
                thread = threading.Thread(target=work, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)
        for watch in self._watches.values():
            watch.start()

    def start(self, request: TaskRequest) -> None:
        """Start the attempt, or attach to it."""
        self._mailbox.put(lambda now: self._board.start(request, now))

    def abort(self, key: AttemptKey, reason: str) -> None:
        """End the attempt and its object."""
        self._mailbox.put(lambda now: self._board.abort(key, reason, now))

    def forget(self, key: AttemptKey) -> None:
        """Let the object go, after its time."""
        self._mailbox.put(lambda now: self._board.forget(key, now))

    def remembered(self) -> Iterable[AttemptKey]:
        """The attempts whose objects are held, of every control plane with this owner's name."""
        if not self._complete.wait(_LIST_SECONDS):
            return []
        answers: queue.SimpleQueue[list[AttemptKey]] = queue.SimpleQueue()
        self._mailbox.put(lambda now: answers.put(self._board.remembered()))
        try:
            return answers.get(timeout=_LIST_SECONDS)
        except queue.Empty:  # closed meanwhile
            return []

    def knows(self, key: AttemptKey) -> bool:
        """Whether there is an object of the attempt, made by this process or another."""
        return key in self.remembered()

    def close(self) -> None:
        """Stop reporting; objects go on."""
        self._sink = None
        for watch in self._watches.values():
            watch.stop()
        self._mailbox.put(None)
        for _ in range(self._settings.creators):
            self._creations.put((_LAST, next(self._numbers), None))
        for _ in range(_ENDERS):
            self._endings.put(None)

    @property
    def trouble(self) -> str:
        """Why attempts can't be watched at present; empty: they are."""
        found = [watch.trouble for watch in self._watches.values() if watch.trouble]
        if not found and not self._complete.is_set():
            return "what runs in the cluster is not known yet"
        return "; ".join(dict.fromkeys(found))

    # The thread of the board

    def _run(self) -> None:
        while True:
            try:
                happened = self._mailbox.get(timeout=self._patience())
            except queue.Empty:
                happened = self._board.due
            if happened is None:
                return
            try:
                happened(datetime.now(UTC))
                if self._patience() <= 0:
                    self._board.due(datetime.now(UTC))
            except Exception:  # A defect with one attempt must not end the others.
                _LOG.exception("what happened in Kubernetes could not be understood")
            self._pass_on()

    def _patience(self) -> float:
        alarm = self._board.next_alarm()
        if alarm is None:
            return _IDLE_SECONDS
        return min(_IDLE_SECONDS, max(0.0, (alarm - datetime.now(UTC)).total_seconds()))

    def _pass_on(self) -> None:
        orders, updates = self._board.take()
        sink = self._sink
        for update in updates:
            if sink is not None:
                sink(update)
        for order in orders:
            if order.job is Job.CREATE:
                start_by = order.request.start_by if order.request is not None else None
                self._creations.put((start_by or _LAST, next(self._numbers), order))
            else:
                self._endings.put(order)
        if self._board.is_complete:
            self._complete.set()

    def _saw(self, sight: Sight) -> None:
        board = self._board
        match sight:
            case Saw(kind, found):
                self._mailbox.put(lambda now: board.saw(kind, found, now))
            case Vanished(kind, found):
                self._mailbox.put(lambda now: board.vanished(kind, found, now))
            case Listing(kind):
                self._mailbox.put(lambda now: board.listing(kind))
            case Listed(kind, keys):
                self._mailbox.put(lambda now: board.listed(kind, set(keys), now))

    # Workers

    def _create(self) -> None:
        while True:
            _, _, order = self._creations.get()
            if order is None:
                return
            self._work(order, self._try_create)

    def _end(self) -> None:
        while (order := self._endings.get()) is not None:
            self._work(order, self._try_end)

    def _work(self, order: Order, work: Callable[[Order], Outcome]) -> None:
        try:
            outcome = work(order)
        except Exception as exc:  # The worker has to live: whatever it is, it may be better next time.
            _LOG.exception("can't %s %s", order.job.value, order.key)
            outcome = Later(f"{type(exc).__name__}: {exc}", doubtful=True)
        if isinstance(outcome, Later):
            _LOG.info("can't %s %s (yet): %s", order.job.value, order.key, outcome.reason)
        self._mailbox.put(lambda now: self._board.finished(order, outcome, now))

    def _try_create(self, order: Order) -> Outcome:
        if order.request is None:
            raise ValueError("nothing to create")
        try:
            settings = self._abilities.complete(self._settings)
        except errors.KubernetesError as exc:
            return Later(str(exc))
        outcome = creating.create(self._client, order.kind, order.request, settings)
        if isinstance(outcome, Made):
            self._watches[order.kind].want()
            outcome = Made(trim(order.kind, dict(outcome.found)))
        return outcome

    def _try_end(self, order: Order) -> Outcome:
        match order.job:
            case Job.KEEP_LOG:
                return ending.keep_log(self._client, self._objects, order, self._settings)
            case Job.DELETE:
                return ending.delete(self._client, order, self._settings)
            case _:
                return ending.release(self._client, order)


def _once(kinds: Iterable[Kind]) -> list[Kind]:
    return list({id(kind): kind for kind in kinds}.values())
