"""Connections, transactions and notifications survive what happens to a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sandbox.store import database as databases
from sandbox.store import errors, projects
from sandbox.store.database import Database, DatabaseSettings
from tests.integration import servers
from tests.waiting import eventually


@pytest.fixture
def own_server() -> Iterator[servers.PostgresServer]:
    with servers.postgres() as server:
        yield server


def _answer(database: Database) -> object:
    with database.transaction() as connection:
        return connection.exec_driver_sql("SELECT 42").scalar()


def test_a_transaction_commits_at_the_end_and_rolls_back_on_an_error(database: Database) -> None:
    with database.transaction() as connection:
        projects.create(connection, "kept")

    def create_and_fail() -> None:
        with database.transaction() as connection:
            projects.create(connection, "dropped")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        create_and_fail()
    with database.reading() as connection:
        assert projects.get(connection, "kept").name == "kept"
        with pytest.raises(errors.NotFound):
            projects.get(connection, "dropped")


def test_errors_of_the_driver_become_ours(database: Database) -> None:
    insert = (
        "INSERT INTO tasks (project, domain, name, version, digest, closure) VALUES ('{}','d','n','v','','')"
    )
    with pytest.raises(errors.NotFound, match="nowhere"), database.transaction() as connection:
        connection.exec_driver_sql(insert.format("nowhere"))
    with database.transaction() as connection:
        connection.exec_driver_sql(insert.format("flytesnacks"))
    with pytest.raises(errors.AlreadyExists), database.transaction() as connection:
        connection.exec_driver_sql(insert.format("flytesnacks"))
    with pytest.raises(errors.InvalidRequest, match="NUL"), database.transaction() as connection:
        projects.create(connection, "with\0nul")
    with pytest.raises(errors.InvalidRequest), database.transaction() as connection:
        connection.exec_driver_sql("SELECT 'x'::integer")


def test_a_mistake_in_our_own_sql_is_not_dressed_up(database: Database) -> None:
    with pytest.raises(sa.exc.ProgrammingError), database.transaction() as connection:
        connection.exec_driver_sql("SELEKT")


def test_after_a_killed_server_calls_fail_clearly_and_work_again_once_it_is_back(
    own_server: servers.PostgresServer,
) -> None:
    database = Database(DatabaseSettings(own_server.url()))
    assert _answer(database) == 42
    own_server.kill()
    with pytest.raises(errors.DatabaseUnavailable):
        _answer(database)
    own_server.start()
    assert _answer(database) == 42
    database.close()


def test_idle_connections_of_a_restarted_server_are_not_handed_out(
    own_server: servers.PostgresServer,
) -> None:
    database = Database(DatabaseSettings(own_server.socket_url(), pool_size=3))
    with database.transaction(), database.transaction(), database.transaction():
        pass
    own_server.stop()
    own_server.start()
    for _ in range(5):
        assert _answer(database) == 42
    database.close()


def test_a_server_that_dies_within_a_transaction_gives_one_clear_error(
    own_server: servers.PostgresServer,
) -> None:
    database = Database(DatabaseSettings(own_server.url()))

    def ask_before_and_after_its_death() -> None:
        with database.transaction() as connection:
            connection.exec_driver_sql("SELECT 1")
            own_server.kill()
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(errors.DatabaseUnavailable):
        ask_before_and_after_its_death()
    own_server.start()
    assert _answer(database) == 42
    database.close()


def test_a_backend_that_dies_at_commit_gives_the_same_error(database: Database) -> None:
    with pytest.raises(errors.DatabaseUnavailable), database.transaction() as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert _answer(database) == 42


def test_an_exhausted_pool_says_so(database_url: str) -> None:
    database = Database(DatabaseSettings(database_url, pool_size=1, pool_timeout=0.05))
    with database.transaction(), pytest.raises(errors.DatabaseUnavailable), database.transaction():
        pass
    assert _answer(database) == 42
    database.close()


def test_many_threads_share_the_pool(database: Database) -> None:
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(_answer(database))) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [42] * 30


def test_notifications_arrive_after_the_commit(database: Database) -> None:
    listener = database.listen("executions")
    with database.transaction() as connection:
        databases.notify(connection, "executions", "1")
        assert listener.wait(0.05) == []
    assert listener.wait(5) == ["1"]
    assert listener.wait(0.01) == []
    listener.close()


def test_a_rolled_back_notification_is_never_heard(database: Database) -> None:
    listener = database.listen("executions")

    def notify_and_fail() -> None:
        with database.transaction() as connection:
            databases.notify(connection, "executions", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        notify_and_fail()
    assert listener.wait(0.05) == []
    listener.close()


def test_a_listener_listens_again_after_its_connection_was_lost(database: Database) -> None:
    listener = database.listen("executions")
    before = listener.generation
    with database.transaction() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(query, 'LISTEN')"
            " AND datname = current_database()"
        )
    eventually(lambda: (listener.wait(0.2), listener.generation > before)[1])
    with database.transaction() as connection:
        databases.notify(connection, "executions", "back")
    assert eventually(lambda: listener.wait(0.2)) == ["back"]
    listener.close()


def test_a_listener_survives_a_killed_server(own_server: servers.PostgresServer) -> None:
    database = Database(DatabaseSettings(own_server.url()))
    listener = database.listen("executions")
    own_server.kill()
    assert listener.wait(0.3) == []
    own_server.start()

    def heard() -> list[str]:
        with database.transaction() as connection:
            databases.notify(connection, "executions", "again")
        return listener.wait(0.3)

    assert "again" in eventually(heard)
    listener.close()
    database.close()


def test_closing_or_waking_ends_a_wait_at_once(database: Database) -> None:
    for end in ("wake", "close"):
        listener = database.listen("executions")
        thread = threading.Thread(target=listener.wait, args=(60,))
        thread.start()
        getattr(listener, end)()
        thread.join(timeout=5)
        assert not thread.is_alive()
        listener.close()


def test_a_reader_leaves_its_connection_fit_for_transactions(database_url: str) -> None:
    database = Database(DatabaseSettings(database_url, pool_size=1))
    with database.reading() as connection:
        assert projects.get(connection, "flytesnacks")
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1

    def create_and_fail() -> None:
        with database.transaction() as connection:
            projects.create(connection, "dropped")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        create_and_fail()
    with pytest.raises(errors.NotFound), database.reading() as connection:
        projects.get(connection, "dropped")
    database.close()


def test_a_reader_survives_a_lost_backend(database: Database) -> None:
    with pytest.raises(errors.DatabaseUnavailable), database.reading() as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT 42").scalar() == 42
