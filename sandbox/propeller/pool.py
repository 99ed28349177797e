"""Work whose answer is an event: done at once if it is cheap, else on a small pool; retried while a store
is down.

What runs on the pool comes back through the mailbox, so that only the core thread ever takes an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sandbox.propeller import patience
from sandbox.propeller.core import events
from sandbox.propeller.mailbox import Mailbox
from sandbox.propeller.preparing import Blocked
from sandbox.propeller.results import Dynamic
from sandbox.propeller.running import Running
from sandbox.propeller.timers import Timers
from sandbox.propeller.unfolding import Unfolded
from sandbox.store import errors

_LOG = logging.getLogger(__name__)

Answer = events.Event | Blocked | Dynamic | Unfolded | None
Work = Callable[[], Answer]


class Pool:
    """Does work. `answer` takes what came of it, `fail` what it raised: both on the core thread."""

    def __init__(
        self,
        mailbox: Mailbox,
        timers: Timers,
        *,
        threads: int,
        inline: bool,
        answer: Callable[[Running, Answer], None],
        fail: Callable[[Running, Exception], None],
    ) -> None:
        self._mailbox = mailbox
        self._timers = timers
        self._inline = inline
        self._answer = answer
        self._fail = fail
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="propeller-io")

    def perform(self, running: Running, work: Work, *, pooled: bool) -> None:
        """Do something for an execution. Not `pooled`: on this thread, if objects cost next to nothing."""
        if pooled or not self._inline:
            self._submit(running, work, 0)
            return
        try:
            self._answer(running, work())
        except errors.Unavailable as error:
            self._again(running, work, 0, error)
        except Exception as error:  # One execution's trouble must not be another's.
            self._fail(running, error)

    def deliver(self, running: Running, answer: Answer) -> None:
        """Hand over an answer from any thread, before the work that found it is done."""
        self._mailbox.post(self._answer, running, answer)

    def close(self) -> None:
        """End the work under way and drop what waits."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _submit(self, running: Running, work: Work, tries: int) -> None:
        self._threads.submit(self._run, running, work, tries)

    def _run(self, running: Running, work: Work, tries: int) -> None:
        try:
            self.deliver(running, work())
        except errors.Unavailable as error:
            self._mailbox.post(self._again, running, work, tries, error)
        except Exception as error:  # Handed to the core thread, which fails the execution with it.
            self._mailbox.post(self._fail, running, error)

    def _again(self, running: Running, work: Work, tries: int, error: errors.Unavailable) -> None:
        if tries == 0:
            _LOG.warning("%s waits for a store: %s", running.execution, error)
        self._timers.after(patience.pause(tries), lambda: self._submit(running, work, tries + 1))
