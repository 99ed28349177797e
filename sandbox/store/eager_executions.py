"""Executions that an eager task started: the SDK labels each with the name of the execution it runs in.

To the engine they are executions like any other. That they end with the one that started them is for the
SDK's handler of SIGTERM to see to, which is not to be relied on (in flytekit 1.16 it raises), so an abort
takes them along here.
"""

from __future__ import annotations

import sqlalchemy as sa

from sandbox.idl.identifiers import ExecutionId
from sandbox.store import executions, tables
from sandbox.store.database import Connection

LABEL = "eager-exec"
"""The label (and so the tag) whose value is the name of the execution that the eager task runs in."""
_CASCADE = "cascading abort as eager execution id [{execution}] aborted, reason [{cause}]"
_T = tables.executions
_TAGS = tables.execution_tags


def request_abort(connection: Connection, execution: ExecutionId, *, cause: str, principal: str) -> bool:
    """Wish the end of an execution and of all that its eager tasks started, and those started.

    As `executions.request_abort`: False when the execution had ended before, `NotFound` if it isn't there.
    """
    if not executions.request_abort(connection, execution, cause=cause, principal=principal):
        return False
    reason = _CASCADE.format(execution=execution.name, cause=cause)
    for started in _started(connection, execution):
        request_abort(connection, started, cause=reason, principal=principal)
    return True


def is_ending(connection: Connection, execution: ExecutionId) -> bool:
    """Whether an eager task of the execution may start nothing more, since it is aborted or over.

    The answer holds until the transaction ends. An execution that isn't there isn't ending: programs that
    run an eager task outside of any sandbox name one.
    """
    statement = (
        sa.select(_T.c.terminal, _T.c.phase)
        .where(
            _T.c.execution_project == execution.project,
            _T.c.execution_domain == execution.domain,
            _T.c.execution_name == execution.name,
        )
        .with_for_update(read=True)
    )
    row = connection.execute(statement).first()
    return row is not None and (row.terminal or row.phase == "ABORTING")


def _started(connection: Connection, execution: ExecutionId) -> list[ExecutionId]:
    """The live executions that eager tasks of this one started, and that nobody aborts yet."""
    statement = (
        sa.select(_T.c.execution_project, _T.c.execution_domain, _T.c.execution_name)
        .join(_TAGS, _TAGS.c.execution_id == _T.c.id)
        .where(
            _TAGS.c.key == LABEL,
            _TAGS.c.value == execution.name,
            _T.c.execution_project == execution.project,
            _T.c.execution_domain == execution.domain,
            _T.c.execution_name != execution.name,
            sa.not_(_T.c.terminal),
            _T.c.phase != "ABORTING",
        )
        .order_by(_T.c.id)
    )
    return [ExecutionId(*row) for row in connection.execute(statement)]
