"""The way to Postgres: a small connection pool, transactions, and LISTEN/NOTIFY.

A connection is checked when it is handed out, without a round trip: a local server that died has closed its
end, so the socket is readable while nobody asked for anything. Such a connection is thrown away together with
all older ones. A server that dies in the middle of a transaction gives one `DatabaseUnavailable`; the next
transaction works as soon as the server is back.

`reading()` is for a single query: autocommit, hence one round trip instead of three.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
import psycopg2.extensions
import sqlalchemy as sa
import sqlalchemy.exc
import sqlalchemy.pool
from sqlalchemy import event

from sandbox.store import database_errors, errors, turns

Connection = sa.Connection
"""What repositories take as their first argument."""


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where the database is and how many connections may be used."""

    url: str
    """libpq's form: `postgresql://user:password@host:port/name`, or
    `postgresql://user@/name?host=/socket/dir&port=N`.
    """
    pool_size: int = 10
    """Connections kept open at most; each costs the server about 1 MB. Threads wait in line for them."""
    pool_timeout: float = 10.0
    """Seconds to wait for a free connection before giving up with `DatabaseUnavailable`."""
    connect_timeout: int = 5
    """Seconds to wait for the server when connecting."""
    application_name: str = "flyte-sandbox"
    """Shown in pg_stat_activity."""


_PLANNER = "-c join_collapse_limit=1 -c jit=off"
"""Our queries join in a good order; looking for a better one costs 0.7 ms, more than running them."""


class Database:
    """A pool of connections to one database. Thread-safe; connects lazily."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._turns = turns.Turns(settings.pool_size)
        self._engine = sa.create_engine(
            "postgresql+psycopg2://",
            creator=self._connect,
            poolclass=sqlalchemy.pool.QueuePool,
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_use_lifo=True,
            # The server's version and settings are asked once for each engine; nothing here depends on them.
            use_native_hstore=False,
        )
        event.listen(self._engine, "handle_error", _translate)
        event.listen(self._engine, "checkout", _refuse_closed)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction: committed at the end of the block, rolled back if the block raises."""
        with self._checkout() as connection, connection.begin():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection in autocommit: for one statement, which then costs one round trip."""
        with self._checkout() as connection:
            driver: Any = connection.connection.dbapi_connection
            # SQLAlchemy's isolation level AUTOCOMMIT costs two round trips; the driver's own switch none.
            driver.autocommit = True
            try:
                yield connection
            finally:
                if not driver.closed:
                    driver.autocommit = False

    @contextmanager
    def _checkout(self) -> Iterator[Connection]:
        if not self._turns.acquire(self._settings.pool_timeout):
            raise errors.DatabaseUnavailable(
                f"All {self._settings.pool_size} connections to the database have been in use for "
                f"{self._settings.pool_timeout:g} seconds; try again in a moment."
            )
        try:
            with database_errors.translated():
                connection = self._engine.connect()
            try:
                yield connection
            finally:
                connection.close()
        finally:
            self._turns.release()

    def ping(self) -> None:
        """Raise `DatabaseUnavailable` unless the database answers."""
        with self.reading() as connection:
            connection.exec_driver_sql("SELECT 1")

    def listen(self, channel: str) -> Listener:
        """Hear what `notify` says on a channel, from now on, on a connection of its own."""
        return Listener(self._connect, channel)

    def close(self) -> None:
        """Close all idle connections; those in use close when they come back."""
        self._engine.dispose()

    def _connect(self) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            self._settings.url,
            connect_timeout=self._settings.connect_timeout,
            application_name=self._settings.application_name,
            options=_PLANNER,
        )


def notify(connection: Connection, channel: str, payload: str) -> None:
    """Tell the listeners of a channel, at commit. Equal payloads of one transaction arrive once."""
    connection.execute(_NOTIFY, {"channel": channel, "payload": payload})


_NOTIFY = sa.text("SELECT pg_notify(:channel, :payload)")


class Listener:
    """One LISTEN. Connects again by itself when the server went away; close it when done.

    Notifications sent while the connection was down are lost: `generation` grows with every connection made,
    so a caller that sees it change looks at the tables once.
    """

    _RETRY_SECONDS = 0.25

    def __init__(self, connect: Any, channel: str) -> None:
        self._connect = connect
        self._channel = channel
        self._connection: psycopg2.extensions.connection | None = None
        self._wake_read, self._wake_write = os.pipe()
        self._waking = threading.Lock()
        self._waiting = threading.Lock()
        self._closed = False
        self.generation = 0
        with database_errors.translated():
            self._open()

    def wait(self, timeout: float) -> list[str]:
        """The payloads that arrived, after at most `timeout` seconds; empty on time-out, `wake`, or after
        `close`.

        Never raises for a lost connection: it tries again until the timeout has passed.
        """
        deadline = time.monotonic() + timeout
        with self._waiting:
            while not self._closed:
                try:
                    if self._connection is None:
                        self._open()
                        return []
                    return self._drain(max(0.0, deadline - time.monotonic()))
                except psycopg2.Error:
                    self._drop()
                if not self._pause(min(self._RETRY_SECONDS, deadline - time.monotonic())):
                    return []
        return []

    def wake(self) -> None:
        """Make a `wait` that is going on in another thread return at once."""
        with self._waking:
            if not self._closed:
                os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Stop listening; a `wait` going on returns."""
        with self._waking:
            if self._closed:
                return
            self._closed = True
            os.write(self._wake_write, b"x")
        with self._waiting:
            self._drop()

    def __del__(self) -> None:
        for descriptor in (self._wake_read, self._wake_write):
            os.close(descriptor)

    def _open(self) -> None:
        connection = self._connect()
        connection.set_session(autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {psycopg2.extensions.quote_ident(self._channel, cursor)}")
        self._connection = connection
        self.generation += 1

    def _drain(self, seconds: float) -> list[str]:
        connection = self._connection
        if connection is None:
            return []
        if not connection.notifies:
            ready, _, _ = select.select([connection.fileno(), self._wake_read], [], [], seconds)
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
            if connection.fileno() in ready:
                connection.poll()
        payloads = [notice.payload for notice in connection.notifies]
        connection.notifies.clear()
        return payloads

    def _pause(self, seconds: float) -> bool:
        """Wait before connecting again; False when the time is up or someone woke us."""
        if seconds <= 0:
            return False
        ready, _, _ = select.select([self._wake_read], [], [], seconds)
        if ready:
            os.read(self._wake_read, 4096)
        return not ready

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.closed:
            connection.close()


def _translate(context: sa.engine.ExceptionContext) -> BaseException | None:
    """SQLAlchemy's hook: what every failed statement, connect and commit raises instead."""
    return database_errors.translate(context.original_exception, disconnected=context.is_disconnect)


def _refuse_closed(dbapi_connection: Any, record: Any, proxy: Any) -> None:
    """SQLAlchemy's hook: a connection whose other end is closed is not handed out."""
    poller = select.poll()
    poller.register(dbapi_connection.fileno(), select.POLLIN)
    if poller.poll(0):
        raise sqlalchemy.exc.InvalidatePoolError("the server closed the connection")
