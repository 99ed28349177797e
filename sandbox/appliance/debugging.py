"""The engine of a sandbox under a magnifying glass: histories of its executions, read beside it.

Needs the sandbox's database and objects, not its control plane: a sandbox whose engine is down, or stuck, can
be looked at too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.appliance.errors import ApplianceError, NotRunning, UsageError
from sandbox.appliance.state import SandboxState
from sandbox.idl.identifiers import ExecutionId
from sandbox.propeller import histories
from sandbox.propeller.archive import Archive
from sandbox.propeller.histories import BadHistory, History
from sandbox.server import settings
from sandbox.server.config import ConfigError, ServerConfig
from sandbox.store import errors
from sandbox.store.database import Database, DatabaseSettings


class NoHistory(ApplianceError):
    """The execution's history can't be read."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found about an execution."""

    history: History
    findings: list[str]
    """How the rows that people see differ from it."""


def examine(name: str, execution: ExecutionId) -> Examination:
    """Read the history of an execution, and compare what people see with it.

    Raises NotFound (the sandbox), NotRunning, NoHistory.
    """
    with _archive(name) as archive:
        try:
            return Examination(archive.history(execution), archive.audit(execution))
        except errors.ObjectNotFound as exc:
            raise NoHistory(
                f"the history of {execution} is not complete",
                f"a workflow that a dynamic task made is gone: {exc}",
                "Someone removed it from the object store; without it the execution can't be replayed.",
            ) from exc
        except errors.NotFound as exc:
            raise NoHistory(
                f"there is no execution {execution.name!r} in {execution.project}/{execution.domain}",
                "it was never started in this sandbox, or its project or domain is another one",
                "Name them with -p PROJECT -d DOMAIN; the console lists all executions.",
            ) from exc
        except errors.Unavailable as exc:
            raise NotRunning(
                f"the database of the sandbox {name!r} does not answer",
                str(exc),
                "Start the sandbox; its history is still there then.",
            ) from exc
        except BadHistory as exc:
            raise NoHistory(
                f"the history of {execution} can't be replayed",
                str(exc),
                "Use the version of the appliance that ran it.",
            ) from exc


def read(path: str, text: str) -> History:
    """The history in a file's text; raises UsageError."""
    try:
        return histories.from_json(text)
    except BadHistory as exc:
        raise UsageError(
            f"{path} is no history that can be replayed",
            str(exc),
            "Write one with `sandbox debug history EXECUTION --out FILE`.",
        ) from exc


@contextmanager
def _archive(name: str) -> Iterator[Archive]:
    try:
        config = ServerConfig.from_json(SandboxState.locate(name).load().server)
    except ConfigError as exc:
        raise UsageError(
            f"the configuration of the sandbox {name!r} can't be read",
            str(exc),
            "Start the sandbox once with this version of the appliance.",
        ) from exc
    database = Database(DatabaseSettings(url=config.database.url, pool_size=1, application_name="debug"))
    try:
        yield Archive(settings.engine(config), database, settings.object_store(config))
    finally:
        database.close()
