"""Quotas of namespaces: what the API server says when there is no room, and who waits for some. Pure."""

from __future__ import annotations

import re
from collections import OrderedDict
from datetime import datetime, timedelta

from sandbox.executors import quantities
from sandbox.idl.identifiers import AttemptKey

_EXCEEDED = "exceeded quota"
_AMOUNTS = re.compile(r"requested: (?P<requested>.*?), used: .*?, limited: (?P<limited>.*?)(?:$|\n)")
_AMOUNT = re.compile(r"([^=,\s]+)=([^,\s]+)")

_SOON = timedelta(seconds=0.5)


def is_full(message: str) -> bool:
    """Whether the API server refused because of a quota."""
    return _EXCEEDED in message


def never_fits(message: str) -> bool:
    """Whether more was asked for than the quota would ever give."""
    found = _AMOUNTS.search(message)
    if found is None:
        return False
    limited = dict(_AMOUNT.findall(found["limited"]))
    for name, amount in _AMOUNT.findall(found["requested"]):
        try:
            if name in limited and quantities.to_number(amount) > quantities.to_number(limited[name]):
                return True
        except ValueError:
            continue
    return False


class Queue:
    """Who waits for room in one namespace. One at a time tries; if there is room, the next one does."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[AttemptKey, None] = OrderedDict()
        self._trying: AttemptKey | None = None
        self._delay = _SOON
        self.look_at: datetime | None = None
        """When somebody tries, even if nothing ends."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, key: object) -> bool:
        return key in self._waiting

    def add(self, key: AttemptKey) -> None:
        """This one waits behind the others."""
        self._waiting.setdefault(key)

    def tries(self, key: AttemptKey) -> bool:
        """Whether it is this one's turn to try."""
        return self._trying == key

    def full(self, key: AttemptKey, now: datetime, at_most: timedelta) -> None:
        """There was no room for this one. Somebody tries again soon, then ever later, `at_most` so much: what
        has ended goes on counting until Kubernetes has counted anew."""
        if self._trying == key:
            self._trying = None
        self.add(key)
        self.look_at = now + self._delay
        self._delay = min(2 * self._delay, at_most)

    def ended(self) -> AttemptKey | None:
        """Something ended in the namespace. Who is to try."""
        self._delay = _SOON
        return self.room()

    def settled(self, key: AttemptKey) -> AttemptKey | None:
        """This one waits no more: it is there, or nobody wants it. Who is to try next."""
        self._waiting.pop(key, None)
        if self._trying == key:
            self._trying = None
            return self.room()
        return None

    def room(self) -> AttemptKey | None:
        """There may be room now. Who is to try; None: nobody waits, or one tries already."""
        if self._trying is None and self._waiting:
            self._trying = next(iter(self._waiting))
            return self._trying
        return None
