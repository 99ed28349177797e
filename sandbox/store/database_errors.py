"""psycopg2's and SQLAlchemy's errors become the store's.

`translate` is hooked into the engine, so that repositories and their callers only ever see ours; `translated`
wraps the few calls that go past it. A mistake in our own SQL is nobody's error but ours, and stays what it
is.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import psycopg2.errors
import sqlalchemy.exc

from sandbox.store import errors

_BY_CLASS: tuple[tuple[type[BaseException], type[errors.StoreError]], ...] = (
    (psycopg2.errors.UniqueViolation, errors.AlreadyExists),
    (psycopg2.errors.ForeignKeyViolation, errors.NotFound),
    (psycopg2.errors.NotNullViolation, errors.InvalidRequest),
    (psycopg2.errors.CheckViolation, errors.InvalidRequest),
    (psycopg2.errors.SerializationFailure, errors.Contended),
    (psycopg2.errors.DeadlockDetected, errors.Contended),
    (psycopg2.errors.LockNotAvailable, errors.Contended),
    (psycopg2.errors.QueryCanceled, errors.DatabaseUnavailable),
    (psycopg2.DataError, errors.InvalidRequest),
    (psycopg2.OperationalError, errors.DatabaseUnavailable),
    (psycopg2.InterfaceError, errors.DatabaseUnavailable),
    (sqlalchemy.exc.TimeoutError, errors.DatabaseUnavailable),
    (sqlalchemy.exc.DisconnectionError, errors.DatabaseUnavailable),
)


def translate(error: BaseException, *, disconnected: bool = False) -> errors.StoreError | None:
    """Our error for one of psycopg2 or SQLAlchemy; `None` if it is none of the store's business (a bug)."""
    if isinstance(error, errors.StoreError):
        return error
    original = getattr(error, "orig", None) or error
    if disconnected:
        return errors.DatabaseUnavailable(_sentence("The database went away", original))
    for theirs, ours in _BY_CLASS:
        if isinstance(original, theirs):
            return ours(_sentence(_lead(ours), original))
    if isinstance(original, ValueError) and "NUL" in str(original):
        return errors.InvalidRequest(
            "A text contains the character NUL (0x00), which can't be stored: remove it."
        )
    if isinstance(original, UnicodeEncodeError):
        return errors.InvalidRequest("A text contains half of a surrogate pair, which can't be stored.")
    return None


def _lead(ours: type[errors.StoreError]) -> str:
    doc = inspect.cleandoc(ours.__doc__ or "")
    return doc.rstrip(".")


def _sentence(lead: str, cause: BaseException) -> str:
    """`lead: primary message (detail)`; the first line of a message says it all."""
    diagnostics = getattr(cause, "diag", None)
    primary = getattr(diagnostics, "message_primary", None) or str(cause).strip().split("\n", 1)[0]
    detail = getattr(diagnostics, "message_detail", None)
    return f"{lead}: {primary} ({detail})" if detail else f"{lead}: {primary}"


@contextmanager
def translated() -> Iterator[None]:
    """Let only our errors out of a block that talks to the database by other ways than the engine's
    statements.
    """
    try:
        yield
    except (psycopg2.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        ours = translate(error)
        if ours is None:
            raise
        raise ours from error
