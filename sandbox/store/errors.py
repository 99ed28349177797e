"""What can go wrong in the store, and how the errors of its libraries become ours.

```
StoreError
├── NotFound                  a row that was named does not exist
│   └── ObjectNotFound        an object that was named does not exist
├── AlreadyExists             the name is taken
├── Conflict                  a guarded change found another state, or lost against another one
├── InvalidRequest            the caller asked for something that makes no sense
│   ├── FilterError           a filter that does not parse or names an unknown field
│   ├── SortError             a sort key that does not exist
│   ├── TokenError            a page token that is not ours
│   └── InvalidUri            not an object's address
└── Unavailable               try again later; nothing is wrong with the request
    ├── DatabaseUnavailable
    └── ObjectStoreUnavailable
```

The class docstring is the default message. psycopg2's and SQLAlchemy's errors are mapped by `from_database`
(hooked into the engine, so that repositories already see ours), minio's and urllib3's by `object_store`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import psycopg2.errors
import sqlalchemy.exc


class StoreError(Exception):
    """The store failed."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or ""))


class NotFound(StoreError):
    """It does not exist."""


class ObjectNotFound(NotFound):
    """There is no such object."""


class AlreadyExists(StoreError):
    """It exists already."""


class Conflict(StoreError):
    """Another change came first: read again and decide anew."""


class InvalidRequest(StoreError):
    """The request makes no sense to the store."""


class FilterError(InvalidRequest):
    """The filter can't be understood."""


class SortError(InvalidRequest):
    """There is no such sort key."""


class TokenError(InvalidRequest):
    """The page token was not given out by this service."""


class InvalidUri(InvalidRequest):
    """Not an object's address: s3://bucket/key is expected."""


class Unavailable(StoreError):
    """It can't be reached now; try again in a moment."""


class DatabaseUnavailable(Unavailable):
    """The database can't be reached now; try again in a moment."""


class ObjectStoreUnavailable(Unavailable):
    """The object store can't be reached now; try again in a moment."""


_BY_CLASS: tuple[tuple[type[BaseException], type[StoreError]], ...] = (
    (psycopg2.errors.UniqueViolation, AlreadyExists),
    (psycopg2.errors.ForeignKeyViolation, NotFound),
    (psycopg2.errors.NotNullViolation, InvalidRequest),
    (psycopg2.errors.CheckViolation, InvalidRequest),
    (psycopg2.errors.SerializationFailure, Conflict),
    (psycopg2.errors.DeadlockDetected, Conflict),
    (psycopg2.errors.LockNotAvailable, Conflict),
    (psycopg2.errors.QueryCanceled, DatabaseUnavailable),
    (psycopg2.DataError, InvalidRequest),
    (psycopg2.OperationalError, DatabaseUnavailable),
    (psycopg2.InterfaceError, DatabaseUnavailable),
    (sqlalchemy.exc.TimeoutError, DatabaseUnavailable),
    (sqlalchemy.exc.DisconnectionError, DatabaseUnavailable),
)


def from_database(error: BaseException, *, disconnected: bool = False) -> StoreError | None:
    """Our error for one of psycopg2 or SQLAlchemy; `None` if it is none of the store's business (a bug)."""
    if isinstance(error, StoreError):
        return error
    original = getattr(error, "orig", None) or error
    if disconnected:
        return DatabaseUnavailable(_sentence("The database went away", original))
    for theirs, ours in _BY_CLASS:
        if isinstance(original, theirs):
            return ours(_sentence(_lead(ours), original))
    if isinstance(original, ValueError) and "NUL" in str(original):
        return InvalidRequest("A text contains the character NUL (0x00), which can't be stored: remove it.")
    return None


def _lead(ours: type[StoreError]) -> str:
    doc = inspect.cleandoc(ours.__doc__ or "")
    return doc.rstrip(".")


def _sentence(lead: str, cause: BaseException) -> str:
    """`lead: primary message (detail)`; the first line of a message says it all."""
    diagnostics = getattr(cause, "diag", None)
    primary = getattr(diagnostics, "message_primary", None) or str(cause).strip().split("\n", 1)[0]
    detail = getattr(diagnostics, "message_detail", None)
    return f"{lead}: {primary} ({detail})" if detail else f"{lead}: {primary}"


@contextmanager
def database() -> Iterator[None]:
    """Let only our errors out of a block that talks to the database by other ways than the engine's
    statements.
    """
    try:
        yield
    except (psycopg2.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        ours = from_database(error)
        if ours is None:
            raise
        raise ours from error
