"""The drivers' errors become ours, all of them."""

from __future__ import annotations

import psycopg2
import psycopg2.errors
import pytest
import sqlalchemy.exc

from sandbox.store import database_errors, errors


def _all_subclasses(kind: type) -> set[type]:
    found = {kind}
    for child in kind.__subclasses__():
        found |= _all_subclasses(child)
    return found


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (psycopg2.errors.UniqueViolation, errors.AlreadyExists),
        (psycopg2.errors.ForeignKeyViolation, errors.NotFound),
        (psycopg2.errors.SerializationFailure, errors.Contended),
        (psycopg2.errors.DeadlockDetected, errors.Contended),
        (psycopg2.errors.AdminShutdown, errors.DatabaseUnavailable),
        (psycopg2.errors.CannotConnectNow, errors.DatabaseUnavailable),
        (psycopg2.errors.TooManyConnections, errors.DatabaseUnavailable),
        (psycopg2.errors.DiskFull, errors.DatabaseUnavailable),
        (psycopg2.errors.InvalidTextRepresentation, errors.InvalidRequest),
        (psycopg2.InterfaceError, errors.DatabaseUnavailable),
        (sqlalchemy.exc.TimeoutError, errors.DatabaseUnavailable),
    ],
)
def test_an_error_of_the_driver_has_a_name_here(
    theirs: type[Exception], ours: type[errors.StoreError]
) -> None:
    mapped = database_errors.translate(theirs("what happened\nand more"))
    assert type(mapped) is ours
    assert "what happened" in str(mapped)
    assert "and more" not in str(mapped)


def test_every_operational_and_data_error_is_mapped() -> None:
    for kind in _all_subclasses(psycopg2.OperationalError) | _all_subclasses(psycopg2.DataError):
        assert database_errors.translate(kind("x")) is not None, kind


def test_our_own_mistakes_are_not_mapped() -> None:
    for kind in (psycopg2.errors.UndefinedTable, psycopg2.errors.SyntaxError, KeyError, ValueError):
        assert database_errors.translate(kind("x")) is None


def test_texts_that_postgres_has_no_place_for_are_the_callers_mistake() -> None:
    with pytest.raises(UnicodeEncodeError) as half:
        "\ud800".encode()
    assert isinstance(database_errors.translate(half.value), errors.InvalidRequest)
    nul = ValueError("A string literal cannot contain NUL (0x00) characters.")
    assert isinstance(database_errors.translate(nul), errors.InvalidRequest)


def test_sqlalchemys_wrapping_is_seen_through() -> None:
    wrapped = sqlalchemy.exc.IntegrityError("INSERT", {}, psycopg2.errors.UniqueViolation("twice"))
    assert isinstance(database_errors.translate(wrapped), errors.AlreadyExists)


def test_the_docstring_is_the_default_message() -> None:
    assert str(errors.NotFound()) == "It does not exist."
    assert str(errors.NotFound("this")) == "this"
