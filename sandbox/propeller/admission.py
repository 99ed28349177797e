"""Admission: which attempts may go to their executors, and which wait for their project's quota.

Each project and domain has a line of its own, so one project's flood holds nobody else up. Within a line the
earliest deadline (`idl.quality`) is first, and those behind it wait even if they would fit: else large
attempts would never find room. One that is larger than the whole quota stands aside.

Everything is counted, quota or not, so that a quota that is set later knows what runs. Each engine counts
what it runs itself.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.propeller import quotas
from sandbox.propeller.quotas import Amount, Quota


class Scope(NamedTuple):
    """What has a quota."""

    project: str
    domain: str


class Place(NamedTuple):
    """An attempt: the row id of its execution, its node's number, its own."""

    execution: int
    node: int
    attempt: int


@dataclass(slots=True)
class _Line:
    """The attempts of one scope."""

    used: Amount = field(default_factory=Amount)
    heap: list[tuple[float, int, Place]] = field(default_factory=list)
    """Deadline, order of arrival; those that no longer wait are passed over."""
    aside: list[tuple[float, int, Place]] = field(default_factory=list)
    """Those that are larger than the whole quota."""


class Admission:
    """One thread's."""

    def __init__(self) -> None:
        self._quota: Callable[[Scope], Quota | None] = lambda scope: None
        self._lines: dict[Scope, _Line] = {}
        self._admitted: dict[Place, tuple[Scope, Amount]] = {}
        self._waiting: dict[Place, tuple[Scope, Amount]] = {}
        self._order = itertools.count()

    def ask(self, place: Place, scope: Scope, amount: Amount, start_by: float) -> str:
        """Admit an attempt, or let it wait until `admit` names it: then the reason, for a person.

        `start_by`: its deadline, seconds since the epoch.
        """
        if place in self._admitted:
            return ""
        line = self._lines.setdefault(scope, _Line())
        if place not in self._waiting:
            self._waiting[place] = scope, amount
            heapq.heappush(line.heap, (start_by, next(self._order), place))
        if place in self._admit(scope, line):
            return ""
        quota = self._quota(scope)
        limit = None
        if quota is not None:
            limit = quota.exceeded_by(amount) or quota.exceeded_by(line.used + amount)
        if quota is None or limit is None:
            return f"other attempts in {scope.project}/{scope.domain} wait for its quota, and come first"
        return quotas.describe(f"{scope.project}/{scope.domain}", quota, limit, line.used, amount)

    def hold(self, place: Place, scope: Scope, amount: Amount) -> None:
        """Count an attempt that was admitted earlier, room or not."""
        if place in self._admitted:
            return
        self._waiting.pop(place, None)
        self._take(place, scope, amount)

    def waits(self, place: Place) -> bool:
        """Whether it waits."""
        return place in self._waiting

    def release(self, place: Place) -> list[Place]:
        """An attempt is over, or is not to start any more; those that are admitted in its stead."""
        if place in self._waiting:
            scope, _ = self._waiting.pop(place)
        elif place in self._admitted:
            scope, amount = self._admitted.pop(place)
            self._lines[scope].used -= amount
        else:
            return []
        return self._admit(scope, self._lines[scope])

    def drop(self, places: Collection[Place]) -> list[Place]:
        """Release several at once."""
        gone = set(places)
        admitted = [other for place in gone for other in self.release(place)]
        return [place for place in admitted if place not in gone]

    def set_quotas(self, quota: Callable[[Scope], Quota | None]) -> list[Place]:
        """What holds from now on; those that are admitted because of it."""
        self._quota = quota
        admitted: list[Place] = []
        for scope, line in self._lines.items():
            for entry in line.aside:
                heapq.heappush(line.heap, entry)
            line.aside.clear()
            admitted += self._admit(scope, line)
        return admitted

    def _admit(self, scope: Scope, line: _Line) -> list[Place]:
        admitted: list[Place] = []
        quota = self._quota(scope)
        while line.heap:
            place = line.heap[0][2]
            waiting = self._waiting.get(place)
            if waiting is None:
                heapq.heappop(line.heap)
            elif quota is not None and quota.exceeded_by(waiting[1]):
                line.aside.append(heapq.heappop(line.heap))
            elif quota is not None and quota.exceeded_by(line.used + waiting[1]):
                break
            else:
                heapq.heappop(line.heap)
                del self._waiting[place]
                self._take(place, *waiting)
                admitted.append(place)
        return admitted

    def _take(self, place: Place, scope: Scope, amount: Amount) -> None:
        self._admitted[place] = scope, amount
        line = self._lines.setdefault(scope, _Line())
        line.used += amount
