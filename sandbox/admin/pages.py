"""List requests, which all look alike, as the store's listings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from flyteidl.admin import common_pb2

from sandbox.admin import errors
from sandbox.store.listing import Listing, SortBy

EVERYTHING = 2**31 - 1
"""The limit of lists that Flyte doesn't cut when no limit is given."""

Item = TypeVar("Item")
ListOf = TypeVar("ListOf")


class ListRequest(Protocol):
    """What the list requests of `admin` have in common; not all of them have filters."""

    limit: int
    token: str

    @property
    def sort_by(self) -> common_pb2.Sort: ...


def listing(request: ListRequest, *, default_limit: int = 0, also: str = "") -> Listing:
    """The page that a request asks for; `also` is one more filter.

    A limit of 0 is an `InvalidRequest`, as in Flyte, unless there is a default.
    """
    limit = request.limit or default_limit
    if not limit:
        raise errors.InvalidRequest("invalid value for limit: ask for one item or more")
    wanted: str = getattr(request, "filters", "")
    return Listing(
        limit=min(limit, EVERYTHING),
        token=request.token,
        filters="+".join(part for part in (wanted, also) if part),
        sort=sort(request.sort_by),
    )


def sort(proto: common_pb2.Sort) -> SortBy | None:
    """The sort column of a request, if it has one."""
    if not proto.key:
        return None
    return SortBy(proto.key, proto.direction == common_pb2.Sort.DESCENDING)


def each(convert: Callable[[Item], ListOf], items: Iterable[Item]) -> list[ListOf]:
    """A page's items as protobufs."""
    return [convert(item) for item in items]
