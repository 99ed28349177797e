"""Asking for a page of rows: limit, token, filters, one sort column; and the page that comes back.

A token is the decimal offset of the next page, as Flyte's are, and is given only when there is a next page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from sandbox.store import errors, filters
from sandbox.store.database import Connection

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class SortBy:
    """One column to sort by (`admin.Sort`)."""

    key: str
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """Which page of a list is wanted, as Flyte's list requests say it."""

    limit: int = 100
    """Rows at most; 0 or less is an `InvalidRequest`."""
    token: str = ""
    """From the page before; empty for the first."""
    filters: str = ""
    """Flyte's filter language, `eq(name,x)+gte(created_at,…)`; see `filters`."""
    sort: SortBy | None = None
    """None: in the order of insertion."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows and where to go on."""

    items: tuple[Row, ...]
    token: str = ""
    """Empty on the last page."""


def offset(token: str) -> int:
    """The row that a token stands for."""
    if not token:
        return 0
    if not (token.isascii() and token.isdigit() and len(token) < 10):
        raise errors.TokenError(
            f"Invalid token {token!r}: pass the token of the page before, or none for the first page."
        )
    return int(token)


def fetch(
    connection: Connection,
    statement: sa.Select[Any],
    listing: Listing,
    fields: filters.Fields,
    from_row: Callable[[Any], Row],
    *,
    tie: tuple[sa.ColumnElement[Any], ...],
) -> Page[Row]:
    """Run `statement` for one page: filtered, sorted (ties by insertion order), cut."""
    if listing.limit <= 0:
        raise errors.InvalidRequest(f"Invalid limit {listing.limit}: ask for one row or more.")
    start = offset(listing.token)
    statement = statement.where(*filters.conditions(listing.filters, fields))
    statement = statement.order_by(*_order(listing.sort, fields, tie))
    statement = statement.limit(listing.limit + 1).offset(start)
    rows = connection.execute(statement).all()
    items = tuple(from_row(row) for row in rows[: listing.limit])
    more = len(rows) > listing.limit
    return Page(items, str(start + listing.limit) if more else "")


def _order(
    sort: SortBy | None, fields: filters.Fields, tie: tuple[sa.ColumnElement[Any], ...]
) -> list[sa.ColumnElement[Any]]:
    if sort is None or not sort.key:
        return [column.asc() for column in tie]
    column = fields.sort_column(sort.key)
    ordered = column.desc() if sort.descending else column.asc()
    if getattr(column, "nullable", True):
        ordered = ordered.nulls_last()
    return [ordered, *(each.desc() if sort.descending else each.asc() for each in tie)]
