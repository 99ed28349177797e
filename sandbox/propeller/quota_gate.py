"""Between the engine and its executors: an attempt goes through when its project's quota has room for it.

An attempt for which there is none is WAITING_FOR_RESOURCES, and is known to no executor. When room comes, it
is QUEUED again, and the core asks anew for it to be started: that event is stored before the executor hears
of the attempt. So an engine that comes after this one knows which attempts may run already (all but those
that wait), counts them, and lets the others wait on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandbox.executors.api import TaskRequest
from sandbox.propeller import clock, quotas
from sandbox.propeller.admission import Admission, Place, Scope
from sandbox.propeller.core import events
from sandbox.propeller.core.kinds.task import WAITING
from sandbox.propeller.core.state import Node
from sandbox.propeller.policies import Policies
from sandbox.propeller.running import Running

_TURNED_AWAY, _ADMITTED = 1, 2
"""Versions of the updates: an attempt begins as QUEUED with version 0."""


class QuotaGate:
    """The core thread's alone. `happened` takes events."""

    def __init__(self, happened: Callable[[Running, events.Event], None], *, counts: bool = True) -> None:
        """`counts`: whether quotas are kept here at all."""
        self._happened = happened
        self._counts = counts
        self._admission = Admission()
        self._known: dict[int, dict[Place, tuple[Running, Node]]] = {}
        """All that asked, by execution."""
        self.policies = Policies()

    def opens(self, running: Running, node: Node, request: TaskRequest, *, again: bool) -> bool:
        """Whether the attempt may be given to its executor now; else it will be asked for again.

        `again`: an engine before this one may have done it.
        """
        place = Place(running.id, node.number, request.key.attempt)
        scope = Scope(running.execution.project, running.execution.domain)
        amount = quotas.taken_by(request.template)
        attempt = node.attempts[request.key.attempt]
        self._known.setdefault(running.id, {})[place] = running, node
        waited = attempt.phase == WAITING
        if not waited and (again or attempt.version >= _ADMITTED):
            self._admission.hold(place, scope, amount)
            return True
        deadline = request.start_by.timestamp() if request.start_by else 0.0
        reason = self._admission.ask(place, scope, amount, deadline)
        if not reason and not waited:
            return True
        if reason and not waited:
            self._tell(place, WAITING, _TURNED_AWAY, reason)
        elif waited and not reason:
            self._admit([place])
        return False

    def withdraw(self, running: Running, node: Node, attempt: int) -> bool:
        """Take an attempt out of the line; False: it does not wait there."""
        place = Place(running.id, node.number, attempt)
        if not self._admission.waits(place):
            return False
        self.leave(running, node, attempt)
        return True

    def leave(self, running: Running, node: Node, attempt: int) -> None:
        """An attempt is over."""
        place = Place(running.id, node.number, attempt)
        self._known.get(running.id, {}).pop(place, None)
        self._admit(self._admission.release(place))

    def drop(self, running: Running) -> None:
        """Everything of an execution is over, or another engine's."""
        gone = self._known.pop(running.id, {})
        self._admit(self._admission.drop(gone))

    def set_policies(self, policies: Policies) -> None:
        """What holds from now on."""
        self.policies = policies
        if self._counts:
            self._admit(self._admission.set_quotas(policies.quota))

    def _admit(self, places: Iterable[Place]) -> None:
        for place in places:
            self._tell(place, "QUEUED", _ADMITTED, "")

    def _tell(self, place: Place, phase: str, version: int, reason: str) -> None:
        running, node = self._known[place.execution][place]
        update = events.AttemptUpdated(clock.now(), node.number, place.attempt, phase, version, reason)
        self._happened(running, update)
